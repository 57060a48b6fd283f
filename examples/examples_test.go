// Package examples_test runs the examples in other languages against the
// shop's proxy, each with the tools that are usual in its language.
package examples_test

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPython(t *testing.T)     { run(t, "python", "python3") }
func TestTypeScript(t *testing.T) { run(t, "typescript", "npm") }

// run installs what the example in folder needs, compiles the contract and
// runs the example, which fails unless all calls answer as it says. It is
// skipped where the language is absent or its packages cannot be had.
func run(t *testing.T, folder, language string) {
	t.Parallel()
	missing := t.Skipf
	if os.Getenv("PRISM_REQUIRE") == "all" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath(language); err != nil {
		missing("SKIPPED, NOT PASSED: %v; install it", err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "install")).CombinedOutput(); err != nil {
		missing("SKIPPED, NOT PASSED: examples/%s/install: %v\n%s", folder, err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "run"), serve(t)).CombinedOutput()
	t.Logf("examples/%s/run:\n%s", folder, out)
	if err != nil {
		t.Error(err)
	}
}

// serve builds the shop's proxy, starts it on an empty store, stops it when t
// ends, and returns its address.
func serve(t *testing.T) (address string) {
	t.Helper()
	// go test's cache sees what this process touches, not what its children do.
	for _, dir := range []string{"backends/sqlite", "examples", "out/contract", "out/shop", "runtime", "schemas"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(name string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(t.TempDir(), "shop-proxy")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../out/shop/proxy").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	proxy := exec.Command(binary, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--drain-delay", "0s")
	logs, err := proxy.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		proxy.Process.Signal(syscall.SIGTERM)
		<-drained
		if err := proxy.Wait(); err != nil {
			t.Errorf("the proxy ends with %v", err)
		}
	})
	var line struct{ Msg, Address string }
	scanner := bufio.NewScanner(logs)
	for line.Msg != "listening" && scanner.Scan() {
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Log(scanner.Text())
		}
	}
	go func() { // the pipe must not fill up
		io.Copy(io.Discard, logs)
		close(drained)
	}()
	if line.Address == "" {
		t.Fatal("the proxy ended before it listened")
	}
	return line.Address
}
