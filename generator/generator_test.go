package generator_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

const shopConfig = "schemas/shop/prism.yaml"

// input is the deployment whose prism.yaml stands at config, with the module
// at fsys and its schemas in the folder schemas.
func input(t *testing.T, fsys fs.FS, config string) generator.Input {
	t.Helper()
	text, faults := generator.ReadConfig(fsys, config)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	schemas, err := fs.Sub(fsys, "schemas")
	if err != nil {
		t.Fatal(err)
	}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: schemas}}, schema.Packages(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return generator.Input{Config: text, ConfigPath: config, History: generator.Folder(fsys, path.Dir(config)), Files: files, Backends: backends.All(), TestKit: backends.TestKit()}
}

// run compiles what has warnings at most.
func run(t *testing.T, in generator.Input) *generator.Output {
	t.Helper()
	out, faults := generator.Run(in)
	if out == nil {
		t.Fatal(faults)
	}
	return out
}

// lockOnly is the folder of a deployment with nothing but a lock.
func lockOnly(text string) fs.FS { return fstest.MapFS{history.LockName: {Data: []byte(text)}} }

// module is the repository, which the shop is a deployment of.
func module() fs.FS { return os.DirFS("..") }

func contents(files []emit.File) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		all[f.Path] = string(f.Content)
	}
	return all
}

func paths(files []emit.File) []string {
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}

func TestPaths(t *testing.T) {
	got := paths(run(t, input(t, module(), shopConfig)).Files)
	for _, want := range []string{
		"out/contract/shop/v1/order_prism.proto",
		"out/shop/plan.md",
		"out/shop/proxy/main.go",
		"out/shop/proxy/server/contract.txt",
		"out/shop/proxy/server/server.go",
		"out/shop/proxy/shop/v1/userprofile/record.go",
		"out/shop/proxy/shop/v1/userprofile/service.go",
		"out/shop/proxy/shop/v1/userprofile/store.go",
		"out/shop/shoptest/shop/v1/userprofile/store.go",
		"out/shop/shoptest/shoptest.go",
		"schemas/shop/migrations/embed.go",
		"schemas/shop/migrations/user-profiles/0001_init_expand.up.sql",
		"schemas/shop/prism.lock.json",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	if !slices.IsSorted(got) {
		t.Errorf("not sorted: %q", got)
	}
}

// Equal inputs give equal bytes, whatever the order of the files and however
// the emitters are scheduled.
func TestDeterministic(t *testing.T) {
	in := input(t, module(), shopConfig)
	want := run(t, in).Files
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		runtime.GOMAXPROCS(1 + 3*(i%2))
		random.Shuffle(len(in.Files), func(a, b int) { in.Files[a], in.Files[b] = in.Files[b], in.Files[a] })
		if diff := cmp.Diff(want, run(t, in).Files); diff != "" {
			t.Fatalf("run %d (-first +now):\n%s", i, diff)
		}
	}
}

// What is committed is what the compiler writes: out/ can be deleted.
func TestFresh(t *testing.T) {
	root, err := os.OpenRoot("..")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	changes, faults, err := generator.Diff(root, run(t, input(t, module(), shopConfig)))
	if err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	for _, c := range changes {
		t.Errorf("%s: %s; run make generate", c.Path, c.Kind)
	}
}

// The lock that a run writes is one that the next run reads, and changes
// nothing.
func TestLockIsStable(t *testing.T) {
	in := input(t, module(), shopConfig)
	in.History = nil
	first := run(t, in)
	in.History = lockOnly(contents(first.Files)["schemas/shop/prism.lock.json"])
	if diff := cmp.Diff(first.Files, run(t, in).Files); diff != "" {
		t.Error(diff)
	}
}

// Without its lock a history with migrations would begin again.
func TestLostLock(t *testing.T) {
	fsys := edited(t, func(_, text string) string { return text })
	fsys["schemas/shop/migrations/orders/0001_init_expand.up.sql"] = &fstest.MapFile{}
	_, faults := generator.Run(input(t, fsys, shopConfig))
	if len(faults) != 1 || !strings.HasPrefix(faults[0].String(), "schemas/shop/prism.lock.json: PRISM4010 [lock.format] the file is gone, and schemas/shop/migrations/orders/") {
		t.Errorf("faults %v", faults)
	}
}

// edited is the repository's prism.yaml and schemas of the shop, with every
// text changed by edit.
func edited(t *testing.T, edit func(name, text string) string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, pattern := range []string{"schemas/shop/v1/*.proto", shopConfig} {
		names, err := fs.Glob(module(), pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(module(), name)
			if err != nil {
				t.Fatal(err)
			}
			fsys[name] = &fstest.MapFile{Data: []byte(edit(name, string(text)))}
		}
	}
	return fsys
}

// History is of the schema's structure: comments and lines are not in it.
func TestCommentChangesNoHistory(t *testing.T) {
	history := func(edit func(name, text string) string) map[string]string {
		files := contents(run(t, input(t, edited(t, edit), shopConfig)).Files)
		for p := range files {
			if !strings.HasPrefix(p, "schemas/") {
				delete(files, p)
			}
		}
		return files
	}
	same := func(_, text string) string { return text }
	commented := func(name, text string) string {
		if path.Ext(name) == ".proto" {
			text = strings.ReplaceAll("// A licence; '; DROP TABLE x.\n"+text, "\nmessage ", "\n// More, */ \" '.\nmessage ")
		}
		return text
	}
	before := history(same)
	if diff := cmp.Diff(before, history(commented)); diff != "" {
		t.Errorf("(-before +commented):\n%s", diff)
	}
	marked := func(_, text string) string {
		return strings.ReplaceAll(text, "string display_name = 3 [", "string display_name = 3 [(prism.v1.field).column = {},")
	}
	if cmp.Diff(before, history(marked)) == "" {
		t.Error("a marked column changes nothing")
	}
}

// All faults are told at once: those of the schema with its warnings, and then
// those of the lock.
func TestFaults(t *testing.T) {
	lock := func(text string) generator.Input {
		in := input(t, module(), shopConfig)
		in.History = lockOnly(text)
		return in
	}
	without := func(old, new string) generator.Input {
		return input(t, edited(t, func(_, text string) string { return strings.ReplaceAll(text, old, new) }), shopConfig)
	}
	bad := func(number int) string {
		rule, _ := schema.FindRule(number)
		text, _ := rule.Examples()
		return text
	}
	tests := []struct {
		name string
		in   generator.Input
		want []string // number and line of each
	}{
		{"no partition key", without("(prism.v1.field).partition_key = 1,", ""), []string{"2010:13", "2010:11", "2010:11"}},
		{"lock of another format", lock(bad(4010)), []string{"4010:0"}},
		{"lock of a release", lock(bad(4011)), []string{"4011:2"}},
		{"lock of another deployment", lock(bad(4012)), []string{"4012:4"}},
	}
	for _, tt := range tests {
		out, faults := generator.Run(tt.in)
		var got []string
		for _, f := range faults {
			got = append(got, fmt.Sprintf("%d:%d", f.Number, f.Line))
		}
		if out != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: output %v, faults %v, want %q", tt.name, out, faults, tt.want)
		}
	}
}

func TestEmitterFails(t *testing.T) {
	in := input(t, module(), shopConfig)
	broken := *in.Backends[slices.IndexFunc(in.Backends, func(b *emit.Backend) bool { return b.Name == "sqlite" })]
	broken.KeyValue = func(f *golang.File, _ *schema.Entity) { f.Add("func (") }
	in.Backends = []*emit.Backend{&broken}
	out, faults := generator.Run(in)
	if out != nil || len(faults) != 1 || !strings.Contains(faults[0].What, "the compiler failed") {
		t.Errorf("output %v, faults %v, want that the compiler failed", out, faults)
	}
}

// No file says where or when it was made: every one comes out of a module in
// another place the same.
func TestPlaceDoesNotMatter(t *testing.T) {
	here := run(t, input(t, module(), shopConfig))
	there := run(t, input(t, edited(t, func(_, text string) string { return text }), shopConfig))
	if len(here.Files) != len(there.Files) {
		t.Fatalf("%d files here, %d there", len(here.Files), len(there.Files))
	}
	for i := range here.Files {
		if !bytes.Equal(here.Files[i].Content, there.Files[i].Content) {
			t.Errorf("%s differs", here.Files[i].Path)
		}
	}
}

// awkward is what no careful engineer writes by hand.
var awkward = map[string]*regexp.Regexp{
	"a type written twice":           regexp.MustCompile(`func .*[(, ]\w+ (\[\]byte|int64|uint64|bool), \w+ \[\]byte\b`),
	"an error tested to be returned": regexp.MustCompile(`if err := f\.Err\(\); err != nil \{\n\t+return runtime\.Decode\(err\)\n\t+\}\n\t+return nil\n`),
	"a before a vowel":               regexp.MustCompile(`\ba [aeiou]\w*\.`),
	"a conversion to its own type":   regexp.MustCompile(`uint64\([kq]\.serial\)`),
}

// What reviewers stumbled over in generated code stays out of it.
func TestGeneratedReadsWell(t *testing.T) {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/audit\n")}, "schemas/event.proto": {Data: []byte(`syntax = "proto3";
package audit.v1;
import "prism/v1/options.proto";
option go_package = "example.com/audit/out/contract;audit";
message Event {
  option (prism.v1.entity).namespace = "events";
  option (prism.v1.entity).key_value = {};
  option (prism.v1.entity).index = {name: "origin" equality: ["host", "path"]};
  option (prism.v1.entity).index = {name: "ticket" equality: ["tenant", "code"] unique: true};
  option (prism.v1.entity).index = {name: "level" equality: ["level"]};
  option (prism.v1.entity).index = {name: "pair" equality: ["level", "weight"] unique: true};
  uint64 serial = 1 [(prism.v1.field).partition_key = 1];
  optional string host = 2 [(prism.v1.field).max_length = 9];
  optional string path = 3 [(prism.v1.field).max_length = 9];
  optional string tenant = 4 [(prism.v1.field).max_length = 9];
  optional string code = 5 [(prism.v1.field).max_length = 9];
  optional int64 level = 6;
  optional int64 weight = 7;
  Actor actor = 8;
}
message Actor { string name = 1; }
`)}}
	for _, backend := range []string{"memory", "postgres", "sqlite"} {
		fsys["schemas/prism.yaml"] = &fstest.MapFile{Data: []byte(`deployment: audit
import_path: example.com/audit
packages: [audit.v1]
namespaces: [{name: events, backend: ` + backend + map[bool]string{true: `, config: {url: "${env:URL}"}`}[backend == "postgres"] + `}]
`)}
		out, faults := compile(t, fsys, "schemas")
		if out == nil {
			t.Fatal(faults)
		}
		for name, text := range contents(out.Files) {
			if strings.HasPrefix(name, "out/audit/proxy/audit/") {
				for what, pattern := range awkward {
					if found := pattern.FindString(text); found != "" {
						t.Errorf("%s: %s has %s: %s", backend, name, what, found)
					}
				}
			}
		}
	}
}
