package backendtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/emit/golang"
)

// A backend in a module of its own joins the suite as ours do: nothing of it is
// committed in this module.
func TestForeignBackend(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/foreign")); err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(ours), "module "+golang.Module, "module example.com/foreign", 1) +
		"\nrequire " + golang.Module + " v0.0.0\nreplace " + golang.Module + " => " + root + "\n"
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"go.mod": []byte(text), "go.sum": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-v", "-run", "TestConformance/(records|scans|finds)", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "PRISM_TEST_COMPILED=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestConformance/records/swap") {
		t.Errorf("go test of a module of its own: %v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "out")); err != nil || len(left) > 0 {
		t.Errorf("the module has %v, %v, want it as it was", left, err)
	}
}
