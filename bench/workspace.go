package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// workspace is a Go module as a user has it, in which the compiler of this
// checkout compiles schemas.
type workspace struct {
	dir, module string
	prism       string // the compiler
}

// newWorkspace creates a module in dir.
func newWorkspace(dir, module, prism string) (*workspace, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return nil, err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return nil, err
	}
	const prismModule = "github.com/prism-proxy/prism"
	w := &workspace{dir: dir, module: module, prism: prism}
	text := strings.Replace(string(mod), "module "+prismModule, "module "+module, 1)
	text += fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", prismModule, prismModule, root)
	if err := w.write("go.mod", text); err != nil {
		return nil, err
	}
	return w, w.write("go.sum", string(sum))
}

func (w *workspace) write(name, text string) error {
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// usage is what a command took.
type usage struct{ wall, cpu time.Duration }

// run runs a command in the module.
func (w *workspace) run(ctx context.Context, name string, args ...string) (usage, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = w.dir
	begin := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		return usage{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return usage{time.Since(begin), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}, nil
}

// shop makes a proxy for the shop's UserProfile on a backend, configured by one
// line of YAML, and returns the binary and the number of connections that the
// compiler chose.
func shop(ctx context.Context, dir, prism, backend, config string) (binary string, connections int, err error) {
	w, err := newWorkspace(dir, "example.com/bench", prism)
	if err != nil {
		return "", 0, err
	}
	schema, err := os.ReadFile("schemas/shop/v1/user_profile.proto")
	if err != nil {
		return "", 0, err
	}
	text := strings.Replace(string(schema), "github.com/prism-proxy/prism/out", "example.com/bench/out", 1)
	if backend == "memory" {
		text = strings.Replace(text, "POWER_SAFE", "LOST_ON_RESTART", 1)
	}
	deployment := fmt.Sprintf("deployment: bench\nimport_path: example.com/bench\npackages: [shop.v1]\nnamespaces:\n"+
		"  - name: user-profiles\n    backend: %s\n    config: {%s}\n"+
		"    limits: {in_flight: 4096, rates: {GetUserProfile: 1000000, PutUserProfile: 1000000}} # the load is above the declared peak\n", backend, config)
	if err := w.write("schemas/shop/v1/user_profile.proto", text); err != nil {
		return "", 0, err
	}
	if err := w.write("schemas/bench/prism.yaml", deployment); err != nil {
		return "", 0, err
	}
	if _, err := w.run(ctx, prism, "generate", "schemas/bench"); err != nil {
		return "", 0, err
	}
	if _, err := w.run(ctx, "go", "build", "-ldflags", "-s -w", "-o", "proxy", "./out/bench/proxy"); err != nil {
		return "", 0, err
	}
	server, err := os.ReadFile(filepath.Join(dir, "out/bench/proxy/server/server.go"))
	if err != nil {
		return "", 0, err
	}
	if m := regexp.MustCompile(`(?:Connections|Readers):\s+(\d+)`).FindSubmatch(server); m != nil {
		connections, err = strconv.Atoi(string(m[1]))
	}
	return filepath.Join(dir, "proxy"), connections, err
}
