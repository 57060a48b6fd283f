package main_test

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/wellknownimports"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// tools are the front ends beside the CLI, and where make puts them. Debian's
// protoc is in PATH.
var tools = map[string]string{"protoc": "", "modern-protoc": "../.engines/protoc", "buf": "../bin/buf"}

// find returns the path of a tool, "" where it is missing.
func find(tool string) string {
	name := tools[tool]
	if name == "" {
		name = tool
	}
	file, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	if file, err = filepath.Abs(file); err != nil {
		return ""
	}
	return file
}

// need is find for a test that is skipped without the tool; with
// PRISM_REQUIRE=all it fails.
func need(t *testing.T, tool string) string {
	t.Helper()
	file := find(tool)
	if file == "" && os.Getenv("PRISM_REQUIRE") == "all" {
		t.Fatalf("no %s on this machine", tool)
	}
	if file == "" {
		t.Skipf("SKIPPED, NOT PASSED: no %s on this machine; run make engines bin/buf", tool)
	}
	return file
}

// build returns a folder with the programs prism and protoc-gen-prism.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	command(t, "..", "go", "build", "-o", dir+"/", "./cmd/prism", "./protoc-gen-prism")
	return dir
}

func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// include returns a folder with the files that come with protobuf, among them
// a descriptor.proto that knows retention, which that of protoc 3.21 does not.
func include(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	own := wellknownimports.WithStandardImports(protocompile.ResolverFunc(
		func(string) (protocompile.SearchResult, error) { return protocompile.SearchResult{}, fs.ErrNotExist }))
	for _, name := range []string{"any", "descriptor", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"} {
		name = "google/protobuf/" + name + ".proto"
		found, err := own.FindFileByPath(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(found.Source)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree returns what the compiler has written to the module at dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		history := strings.Contains(name, "/migrations/") || strings.HasSuffix(name, "/prism.lock.json")
		if !strings.HasPrefix(name, "out/") && !(strings.HasPrefix(name, "schemas/") && history) {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Whoever compiles the shop gets the same files, byte for byte: the CLI, buf by
// the template at the root, a protoc that knows nothing of retention, and one
// that strips what has it.
func TestEntrancesAgree(t *testing.T) {
	programs, includes := build(t), include(t)
	want := shopByCLI(t, programs)
	if len(want) < 30 {
		t.Fatalf("the CLI writes %d files", len(want))
	}
	plugin := []string{
		"--plugin=protoc-gen-prism=" + filepath.Join(programs, "protoc-gen-prism"), "--prism_opt=config=schemas/shop/prism.yaml",
		"-I" + includes, "-Ischemas", "shop/v1/order.proto", "shop/v1/session.proto", "shop/v1/user_profile.proto",
	}
	for tool, args := range map[string]func(out string) []string{
		"protoc":        func(out string) []string { return append(plugin, "--prism_out="+out) },
		"modern-protoc": func(out string) []string { return append(plugin, "--prism_out="+out) },
		"buf":           func(out string) []string { return []string{"generate", "schemas", "-o", out} },
	} {
		t.Run(tool, func(t *testing.T) {
			program, out := need(t, tool), t.TempDir()
			command(t, "..", program, args(out)...)
			if diff := cmp.Diff(want, tree(t, out)); diff != "" {
				t.Errorf("(-CLI +%s):\n%s", tool, diff)
			}
		})
	}
}

// shopByCLI returns what the CLI writes for the shop, in a module of its own.
func shopByCLI(t *testing.T, programs string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "schemas/shop"), os.DirFS("../schemas/shop")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), []byte("module github.com/prism-proxy/prism\n"))
	command(t, dir, filepath.Join(programs, "prism"), "generate", "schemas/shop")
	return tree(t, dir)
}

// The scripts are what users do, with good schemas and bad, by every entrance
// that there is. In them $INCLUDE is a folder with the files that come with protobuf, and
// $SCHEMAS the one with the options.
func TestScripts(t *testing.T) {
	programs, includes := build(t), include(t)
	for tool := range tools {
		t.Run("with-"+tool, func(t *testing.T) {
			if err := os.Symlink(need(t, tool), filepath.Join(programs, tool)); err != nil {
				t.Fatal(err)
			}
		})
	}
	schemas, err := filepath.Abs("../schemas")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// Without these the go command, which testscript gives no home, has
			// no place to build in.
			for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
				out, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				env.Setenv(name, strings.TrimSpace(string(out)))
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("INCLUDE", includes)
			env.Setenv("SCHEMAS", schemas)
			env.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			return nil
		},
		Condition: func(tool string) (bool, error) { return find(tool) != "", nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// same FOLDER FOLDER compares what is generated in them.
			"same": func(ts *testscript.TestScript, neg bool, args []string) {
				a, b := tree(t, ts.MkAbs(args[0])), tree(t, ts.MkAbs(args[1]))
				if diff := cmp.Diff(a, b); (diff == "") == neg || len(a) == 0 {
					ts.Fatalf("%d files (-%s +%s):\n%s", len(a), args[0], args[1], diff)
				}
			},
		},
	})
}
