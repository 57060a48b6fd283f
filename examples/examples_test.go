// Package examples_test runs the examples in other languages against the
// shop's proxy, and what docs/clients.md says of each language, with the tools
// that are usual in it.
package examples_test

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPython(t *testing.T)     { run(t, "python", "python3", "Python", "bin") }
func TestTypeScript(t *testing.T) { run(t, "typescript", "npm", "TypeScript", "node_modules/.bin") }

// run installs what the example in folder needs, compiles the contract and
// runs the example, which fails unless all calls answer as it says. Then it runs a
// section of docs/clients.md, with the programs that were installed. It is skipped
// where the language is absent or its packages cannot be had.
func run(t *testing.T, folder, language, section, programs string) {
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
	asDocumented(t, section, filepath.Join("../.engines", folder, programs))
}

// asDocumented runs the commands of a section of docs/clients.md in a module
// that prism init has made.
func asDocumented(t *testing.T, section, programs string) {
	t.Helper()
	page, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	script := "set -e\nprism init --module example.com/notes --replace " + absolute(t, "..") + " .\nprism generate\n"
	for i, part := range strings.Split(text, "\n```") {
		if commands, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 {
			script += commands + "\n"
		}
	}
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "prism"), "../cmd/prism").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), "bash", "-c", script)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "PATH="+strings.Join([]string{bin, absolute(t, programs), os.Getenv("PATH")}, string(filepath.ListSeparator)))
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "VERSION_MISMATCH\n") {
		t.Errorf("docs/clients.md, %s: %v\n%s", section, err, out)
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	full, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return full
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
