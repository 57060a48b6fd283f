package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fork is a repository with a generated deployment that two branches, main and
// feature, have changed.
type fork struct {
	t        *testing.T
	dir, bin string
}

// newFork makes the edits of each branch, generates on it and commits.
func newFork(t *testing.T, main, feature map[string]string) *fork {
	t.Helper()
	f := &fork{t, t.TempDir(), t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(f.bin, "prism"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.write(map[string]string{
		"go.mod":                        "module example.com/shop\n",
		"schemas/shop/v1/order.proto":   protoHead + entity("Order", "orders", "") + entity("Line", "orders", "") + entity("Cart", "orders", ""),
		"schemas/shop/v1/user.proto":    protoHead + entity("User", "orders", ""),
		"schemas/shop/v1/place.proto":   protoHead + entity("Place", "orders", ""),
		"schemas/shop/v1/invoice.proto": strings.Replace(protoHead, "import \"prism/v1/options.proto\";\n\n", "", 1),
		"schemas/shop/prism.yaml":       shopYAML,
	})
	f.must("git init -q -b main; prism generate; git add --all; git commit -qm base; git branch feature")
	for branch, files := range map[string]map[string]string{"main": main, "feature": feature} {
		f.must("git switch -q " + branch)
		f.write(files)
		f.must("prism generate; git add --all; git commit -q --allow-empty -m " + branch)
	}
	f.must("git switch -q main")
	return f
}

// protoHead begins a file with entities, and shopYAML is the deployment's
// prism.yaml.
const (
	protoHead = "syntax = \"proto3\";\n\npackage shop.v1;\n\nimport \"prism/v1/options.proto\";\n\noption go_package = \"example.com/shop/out/contract/shop/v1;shopv1\";\n"
	shopYAML  = "deployment: shop\nimport_path: example.com/shop\npackages: [shop.v1]\nnamespaces:\n  - {name: orders, backend: sqlite}\n"
)

// entity is a message with its key and further fields.
func entity(name, namespace, fields string) string {
	return `
message ` + name + ` {
  option (prism.v1.entity).namespace = "` + namespace + `";
  option (prism.v1.entity).key_value = {};
  string id = 1 [
    (prism.v1.field).partition_key = 1,
    (prism.v1.field).max_length = 36
  ];
` + fields + "}\n"
}

func (f *fork) write(files map[string]string) {
	f.t.Helper()
	for name, text := range files {
		name = filepath.Join(f.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

// run runs commands in the repository until one fails.
func (f *fork) run(commands string) (string, error) {
	c := exec.CommandContext(f.t.Context(), "bash", "-ec", commands)
	c.Dir = f.dir
	c.Env = append(os.Environ(), "PATH="+f.bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_EDITOR=true")
	out, err := c.CombinedOutput()
	return string(out), err
}

func (f *fork) must(commands string) string {
	f.t.Helper()
	out, err := f.run(commands)
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", commands, err, out)
	}
	return out
}

// Two branches that each add a plain field to a message merge without a
// conflict, and the result is what the merged schema generates: in different
// files, and in one file with another message in between.
func TestMergePlainFields(t *testing.T) {
	f := newFork(t,
		map[string]string{
			"schemas/shop/v1/order.proto": protoHead + entity("Order", "orders", "  string note = 2;\n") + entity("Line", "orders", "") + entity("Cart", "orders", ""),
			"schemas/shop/v1/user.proto":  protoHead + entity("User", "orders", "  string note = 2;\n"),
		},
		map[string]string{
			"schemas/shop/v1/order.proto": protoHead + entity("Order", "orders", "") + entity("Line", "orders", "") + entity("Cart", "orders", "  int64 total = 2;\n"),
			"schemas/shop/v1/place.proto": protoHead + entity("Place", "orders", "  string note = 2;\n"),
		})
	f.must("git merge -q --no-edit feature; prism generate --check")
}

// docs/merging.md is right, command for command, if both branches add an entity
// and an index and so conflict in most of what is generated.
func TestMergeAsDocumented(t *testing.T) {
	var commands []string
	for _, l := range listings(read(t, "../../docs/merging.md")) {
		commands = append(commands, l.text)
	}
	if len(commands) != 5 {
		t.Fatalf("docs/merging.md has the listings %q", commands)
	}
	merge, ours, again, check, twice := commands[0], commands[1], commands[2], commands[3], commands[4]
	indexed := "  string code = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 36];\n"
	newBoth := func() *fork {
		return newFork(t,
			map[string]string{
				"schemas/shop/v1/invoice.proto": protoHead + entity("InvoiceA", "orders", ""),
				"schemas/shop/prism.yaml":       shopYAML + "  - {name: notes, backend: memory}\n",
				"schemas/shop/v1/note.proto":    protoHead + entity("Note", "notes", ""),
				"schemas/shop/v1/order.proto":   protoHead + entity("Order", "orders", "") + entity("Line", "orders", "") + entity("Cart", "orders", indexed),
			},
			map[string]string{
				"schemas/shop/v1/invoice.proto": protoHead + entity("InvoiceB", "orders", indexed),
				"schemas/shop/prism.yaml":       shopYAML + "  - {name: drafts, backend: sqlite}\n",
				"schemas/shop/v1/draft.proto":   protoHead + entity("Draft", "drafts", ""),
			})
	}
	resolve := func(f *fork) {
		f.write(map[string]string{
			"schemas/shop/v1/invoice.proto": protoHead + entity("InvoiceA", "orders", "") + entity("InvoiceB", "orders", indexed),
			"schemas/shop/prism.yaml":       shopYAML + "  - {name: notes, backend: memory}\n  - {name: drafts, backend: sqlite}\n",
		})
	}
	for name, start := range map[string]string{"merge": merge, "rebase": "git switch -q feature\ngit rebase main\n"} {
		t.Run(name, func(t *testing.T) {
			f := newBoth()
			if out, err := f.run(start); err == nil || !strings.Contains(out, "CONFLICT") || !strings.Contains(out, "conflict in schemas/shop/prism.lock.json") {
				t.Fatalf("%v: the test wants a conflict in the lock and elsewhere\n%s", err, out)
			}
			resolve(f)
			// The diagnostics alone lead to the same result.
			if out, err := f.run("prism generate"); err == nil || !strings.Contains(out, "PRISM4010") || !strings.Contains(out, strings.TrimSpace(ours)+", then prism generate") {
				t.Errorf("%v: a lock in conflict is refused with\n%s", err, out)
			}
			end := again
			if name == "rebase" {
				end = strings.Replace(again, "git commit --no-edit", "git rebase --continue", 1)
			}
			f.must(ours + end + check)
			if out := f.must("git grep -lE '^(<<<<<<<|>>>>>>>)' || true; git status --short"); out != "" {
				t.Errorf("conflicts, or files, are left:\n%s", out)
			}
			if lock := read(t, filepath.Join(f.dir, "schemas/shop/prism.lock.json")); !strings.Contains(lock, "shop.v1.InvoiceA") || !strings.Contains(lock, "shop.v1.InvoiceB") || !strings.Contains(lock, `"drafts"`) {
				t.Errorf("the lock has not what both branches added:\n%s", lock)
			}
		})
	}
	t.Run("both have released", func(t *testing.T) { mergeReleases(t, twice) })
}

// mergeReleases merges two branches that have both closed release 2, with the commands
// of the page.
func mergeReleases(t *testing.T, commands string) {
	f := newFork(t, nil, nil)
	f.must("prism release; git add --all; git commit -qm 'release 1'; git branch -f feature")
	for branch, file := range map[string]string{"feature": "place", "main": "user"} {
		f.must("git switch -q " + branch)
		f.write(map[string]string{"schemas/shop/v1/" + file + ".proto": protoHead + entity(map[string]string{"place": "Place", "user": "User"}[file], "orders", "  string code = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 36];\n")})
		f.must("prism generate; prism release; git add --all; git commit -qm 'release 2'")
	}
	f.must("git switch -q main")
	if out, err := f.run("git merge feature"); err == nil || !strings.Contains(out, "released/0002.binpb") {
		t.Fatalf("%v: the test wants a conflict in the release\n%s", err, out)
	}
	// Whoever leaves the closed files as git made them is told.
	if out, err := f.run("git checkout -q --ours schemas/shop; prism generate --check"); err == nil {
		t.Errorf("a history of two is generated:\n%s", out)
	}
	out := f.must(commands + "prism generate --check")
	if !strings.Contains(out, "shop: release 3 closed") {
		t.Errorf("the commands close no release 3:\n%s", out)
	}
	lock := read(t, filepath.Join(f.dir, "schemas/shop/prism.lock.json"))
	if strings.Count(lock, `"places_code"`) != 2 || strings.Count(lock, `"users_code"`) != 2 {
		t.Errorf("the lock has not what both branches released:\n%s", lock)
	}
}
