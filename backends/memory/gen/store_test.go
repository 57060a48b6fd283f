package gen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/backends/memory/gen"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

var update = flag.Bool("update", false, "write what is emitted into testdata")

const (
	root    = "../../.."
	schemas = root + "/schemas"
	wide    = root + "/generator/emit/contract/testdata/wide"
)

// The deployments that the tests compile: what newcomers copy, keys and indexes
// of every kind, and names that clash with what generated code calls its own.
var deployments = []struct{ name, dir, config string }{
	{"shop", schemas, schemas + "/shop/prism.yaml"},
	{"wide", wide, wide + "/prism.yaml"},
	{"names", "testdata/names", "testdata/names/prism.yaml"},
}

func TestStore(t *testing.T) {
	for _, d := range deployments {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			files := compile(t, os.DirFS(d.dir), d.config)
			for _, f := range files {
				if path.Base(f.Path) != "store.go" {
					continue
				}
				golden := filepath.Join("testdata", d.name, path.Base(path.Dir(f.Path))+".go.golden")
				if *update {
					if err := os.WriteFile(golden, f.Content, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Path, diff)
				}
			}
			build(t, files)
		})
	}
}

// compile returns the proxy's Go files for the deployment, all of it on memory.
func compile(t *testing.T, schemas fs.FS, config string) []emit.File {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("backend: sqlite"), []byte("backend: memory"))
	protos, faults := source.Compile(t.Context(), volatile(t, schemas), schema.Packages(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	out, faults := generator.Run(generator.Input{
		Config: text, ConfigPath: "schemas/tested/prism.yaml", Files: protos, Backends: []emit.Backend{gen.Backend{}},
	})
	if out == nil {
		t.Fatal(faults)
	}
	var files []emit.File
	for _, f := range out.Files {
		if strings.HasPrefix(f.Path, "out/"+out.Deployment.Name+"/") {
			files = append(files, f)
		}
	}
	return files
}

// volatile returns the schemas without the durability that they ask for, which
// memory cannot give.
func volatile(t *testing.T, schemas fs.FS) fs.FS {
	t.Helper()
	copied := fstest.MapFS{}
	err := fs.WalkDir(schemas, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".proto" {
			return err
		}
		text, err := fs.ReadFile(schemas, name)
		for _, class := range []string{"POWER_SAFE", "CRASH_SAFE"} {
			text = bytes.ReplaceAll(text, []byte(".durability = "+class), []byte(".durability = LOST_ON_RESTART"))
		}
		copied[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// build compiles the files, laid over the module without being written to it.
func build(t *testing.T, files []emit.File) {
	t.Helper()
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	for _, f := range files {
		onDisk := filepath.Join(dir, strings.ReplaceAll(f.Path, "/", "_"))
		if err := os.WriteFile(onDisk, f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(module, f.Path)] = onDisk
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	deployment := strings.Join(strings.Split(files[0].Path, "/")[:2], "/")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay="+filepath.Join(dir, "overlay.json"), "./"+deployment+"/...")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go build: %v\n%s", err, out)
	}
}
