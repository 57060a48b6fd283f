package backends_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
)

// What every backend emits compiles, even for schemas that it was not written
// for: keys and indexes of every kind, and fields whose names generated code
// uses itself.
func TestOutputCompiles(t *testing.T) {
	for _, b := range backends.All() {
		for _, dir := range []string{"../generator/emit/contract/testdata/wide", "testdata/names"} {
			t.Run(b.Name+"/"+filepath.Base(dir), func(t *testing.T) {
				build(t, compile(t, b, dir, dir))
			})
		}
	}
}

// compile returns the files of the deployment in dir, all of it on b, without
// what b does not offer. Imports begin at root.
func compile(t *testing.T, b *emit.Backend, root, dir string) []emit.File {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(dir, "prism.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	choice := "backend: " + b.Name + "\n"
	for _, key := range b.Config {
		if key.Required && key.InsteadOf == "" {
			choice += "    config: {" + key.Name + ": \"${env:SETTING}\"}\n"
		}
	}
	config = regexp.MustCompile("backend: (memory|sqlite)\n").ReplaceAllLiteral(config, []byte(choice))
	in := generator.Input{Config: config, ConfigPath: "schemas/tested/prism.yaml"}
	if b.Name == backends.TestKit().Name { // a test kit does not depend on the proxy's backend
		in.TestKit = b
	}
	out, faults := backendtest.Compile(b, os.DirFS(root), in)
	if out == nil {
		t.Fatalf("%v\n%s", faults, config)
	}
	return out.Files
}

// build compiles the proxy and the contract as an overlay on the module,
// without writing to it.
func build(t *testing.T, files []emit.File) {
	t.Helper()
	module, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	packages := map[string]bool{}
	for _, f := range files {
		onDisk := filepath.Join(dir, strings.ReplaceAll(f.Path, "/", "_"))
		if err := os.WriteFile(onDisk, f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(module, f.Path)] = onDisk
		if path.Ext(f.Path) == ".go" {
			packages["./"+path.Dir(f.Path)] = true
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay=" + filepath.Join(dir, "overlay.json")}
	for p := range packages {
		args = append(args, p)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go build: %v\n%s", err, out)
	}
}

// A store has emitters for what it offers, and no others.
func TestOffersHaveEmitters(t *testing.T) {
	for _, b := range backends.All() {
		if offered := b.Store.KeyValue != nil; offered != (b.KeyValue != nil) {
			t.Errorf("%s: key_value is offered: %t, and has an emitter: %t", b.Name, offered, b.KeyValue != nil)
		}
		if b.Runtime == "" || b.Durability == nil {
			t.Errorf("%s has no run-time half, or promises nothing", b.Name)
		}
	}
}
