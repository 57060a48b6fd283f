package backendtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"google.golang.org/grpc/experimental"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/runtime"
)

// compiled in the environment is the folder of what the conformance schema
// compiled to; a test program that has it holds the proxies.
const compiled = "PRISM_TEST_COMPILED"

// deployments are the proxies in the program, by backend.
var deployments = map[string]func() *runtime.Deployment{}

// Hold registers a deployment. The file that Main adds to the harness's package
// calls it.
func Hold(backend string, deployment func() *runtime.Deployment) { deployments[backend] = deployment }

// Deployment returns the conformance deployment on a backend that was given to
// Main.
func Deployment(backend string) *runtime.Deployment { return deployments[backend]() }

// Generated returns the path of a file or folder that was generated for the
// backends of Main; name is relative to the module's root.
func Generated(name string) string { return filepath.Join(os.Getenv(compiled), name) }

// Main runs the tests of a harness and returns the exit code of its TestMain.
// It compiles the conformance schema for the backends, without what each does
// not offer, builds the harness again with the proxies in it, as an overlay
// that does not write to the harness's module, and runs that, with the same
// flags, -race and -cover. In a process of Spawn it runs a proxy of the first
// backend instead.
//
// With PRISM_POISON=1 in the environment, buffers are overwritten when they are
// given back, so that a late reader reads garbage, and a buffer that is given
// back twice ends the run.
func Main(m *testing.M, backends ...*emit.Backend) int {
	switch {
	case os.Getenv(asProxy) != "":
		return runtime.Main(Deployment(backends[0].Name), os.Args[1:])
	case os.Getenv(compiled) == "":
		code, err := again(backends)
		if err != nil {
			fmt.Fprintln(os.Stderr, "backendtest:", err)
			return 1
		}
		return code
	}
	if poisoned() {
		experimental.SetDefaultBufferPool(poisoner{})
	}
	return m.Run()
}

// again builds the test program with the proxies of the backends in it and runs
// it instead of this one.
func again(backends []*emit.Backend) (code int, err error) {
	var p struct {
		Dir, Name, ImportPath string
		Module                struct{ Path, Dir string }
	}
	listed, err := exec.Command("go", "list", "-json=Dir,Name,ImportPath,Module", ".").Output()
	if err == nil {
		err = json.Unmarshal(listed, &p)
	}
	if err != nil {
		return 0, fmt.Errorf("go list: %w", err)
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)

	overlay := map[string]string{}
	add := func(file string, content []byte, to string) error {
		overlay[to] = file
		return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600))
	}
	var imports, holds strings.Builder
	for _, b := range backends {
		if err := refusals(b); err != nil {
			return 0, err
		}
		out, faults := generate(b, p.Module.Path, b.Store.KeyValue.Can)
		if out == nil {
			return 0, fmt.Errorf("the conformance schema on %s: %v", b.Name, faults)
		}
		for _, f := range out.Files {
			if strings.HasPrefix(f.Path, "out/contract/") {
				continue // the clients', which this package links
			}
			if err := add(filepath.Join(dir, f.Path), f.Content, filepath.Join(p.Module.Dir, f.Path)); err != nil {
				return 0, err
			}
		}
		fmt.Fprintf(&imports, "\t%s_server %q\n", b.Name, p.Module.Path+"/out/"+deployment(b)+"/proxy/server")
		fmt.Fprintf(&holds, "\tbackendtest.Hold(%q, %s_server.Deployment)\n", b.Name, b.Name)
	}
	text := fmt.Sprintf("package %s_test\n\nimport (\n\t%q\n%s)\n\nfunc init() {\n%s}\n", p.Name, importPath, imports.String(), holds.String())
	const file = "conformance_compiled_test.go"
	if err := add(filepath.Join(dir, file), []byte(text), filepath.Join(p.Dir, file)); err != nil {
		return 0, err
	}
	replace, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return 0, err
	}
	overlays, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, p.Name+".test")
	if err := os.WriteFile(overlays, replace, 0o600); err != nil {
		return 0, err
	}
	args := append([]string{"test", "-c", "-vet=off", "-overlay=" + overlays, "-o", program}, mode()...)
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the proxies do not compile: %w\n%s", err, out)
	}
	run := exec.Command(program, os.Args[1:]...)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	run.Env = append(os.Environ(), compiled+"="+dir)
	err = run.Run()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return max(failed.ExitCode(), 1), nil
	}
	return 0, err
}

// importPath is this package's import path.
const importPath = "github.com/prism-proxy/prism/backends/backendtest"

// mode returns the flags of this program's build that the other build needs
// too.
func mode() []string {
	var flags []string
	if cover := testing.CoverMode(); cover != "" {
		flags = append(flags, "-covermode="+cover)
	}
	built, _ := debug.ReadBuildInfo()
	for _, s := range built.Settings {
		switch s.Key {
		case "-race", "-tags":
			flags = append(flags, s.Key+"="+s.Value)
		}
	}
	return flags
}
