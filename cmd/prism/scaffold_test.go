package main_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"
)

// go mod tidy leaves the go.mod of init unchanged: it has nothing for Prism's
// tests or benchmark, and everything that a proxy on SQLite needs. The versions
// are those that Prism was tested with.
//
//	go test ./cmd/prism -run TestTidy -update
func TestTidy(t *testing.T) {
	binary, dir := compiler(t), t.TempDir()
	command(t, dir, binary, "init", "--module", "example.com/tidy", "--replace", checkout(t))
	command(t, dir, binary, "generate")
	mod, sum := filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")
	before := []string{read(t, mod), read(t, sum)}
	command(t, dir, "go", "mod", "tidy")
	after := []string{read(t, mod), read(t, sum)}
	if flag.Lookup("update").Value.String() == "true" { // the flag of TestDocs
		text, _, _ := strings.Cut(after[0], "\nreplace ")
		text = strings.Replace(text, "github.com/prism-proxy/prism v0.0.0", "github.com/prism-proxy/prism {{version}}", 1)
		write(t, "scaffold/gomod", strings.Replace(text, "module example.com/tidy", "module {{module}}", 1))
		write(t, "scaffold/gosum", after[1])
		return
	}
	for i, name := range []string{"go.mod", "go.sum"} {
		if before[i] != after[i] {
			t.Errorf("go mod tidy changes the %s of init:\n%s\nto\n%s", name, before[i], after[i])
		}
	}
	command(t, dir, "go", "build", "./...")
	for _, module := range []string{"porcupine", "hdrhistogram", "go-cmp"} {
		if strings.Contains(after[0], module) {
			t.Errorf("a user's go.mod has %s, which only tests of Prism need", module)
		}
	}
	own := read(t, "../../go.mod")
	for line := range strings.Lines(after[0]) {
		name, version, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), " // indirect"), " ")
		if strings.HasPrefix(line, "\t") && strings.Contains(own, "\t"+name+" v") && !strings.Contains(own, "\t"+name+" "+version) {
			t.Errorf("%s is another version than Prism's own", strings.TrimSpace(line))
		}
	}
}
