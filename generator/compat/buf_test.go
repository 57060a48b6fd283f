package compat_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/compat"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// buf breaking is the second opinion: where it differs, the change says why.
func TestBuf(t *testing.T) {
	buf, err := filepath.Abs("../../bin/buf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(buf); err != nil {
		if os.Getenv("PRISM_REQUIRE") == "all" {
			t.Fatal("bin/buf is missing; run make bin/buf")
		}
		t.Skip("SKIPPED, NOT PASSED: make bin/buf")
	}
	was, now := t.TempDir(), t.TempDir()
	for i, c := range changes {
		writeCase(t, was, i, c.before(""))
		writeCase(t, now, i, c.after(""))
	}
	found := map[string][]string{}
	out := breaking(t, buf, now, was)
	for line := range bytes.Lines(out) {
		var f struct{ Path, Type string }
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		name, _, _ := strings.Cut(filepath.ToSlash(f.Path), "/")
		found[name] = append(found[name], f.Type)
	}
	for i, c := range changes {
		if got := found[caseName(i)]; c.buf != (len(got) > 0) {
			t.Errorf("%s: buf says %v, want breaking = %t", c.name, got, c.buf)
		}
		if differs := c.buf != (both(c) != ""); differs != (c.why != "") {
			t.Errorf("%s: buf %t, Prism %q: why is %q", c.name, c.buf, both(c), c.why)
		}
	}
}

// The page has every change with both verdicts.
func TestChangesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("| change | BACKWARD | FORWARD | buf | where the two differ |\n|---|---|---|---|---|\n")
	verdict := func(rules string) string {
		var all []string
		for _, r := range strings.Fields(rules) {
			rule, _, _ := strings.Cut(r, ":")
			if slug := "evolve." + rule; !slices.Contains(all, slug) {
				all = append(all, slug)
			}
		}
		return cmp.Or(strings.Join(all, ", "), "ok")
	}
	for _, c := range changes {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.name, verdict(c.backward), verdict(c.forward), map[bool]string{true: "breaking", false: "ok"}[c.buf], c.why)
	}
	compat.Section(t, "changes", b.String())
}

func caseName(i int) string { return fmt.Sprintf("case%d", i) }

// writeCase writes a schema into a folder, in a package of its own.
func writeCase(t *testing.T, dir string, i int, text string) {
	t.Helper()
	for name, text := range map[string]string{
		prismv1.Path:                    prismv1.Source,
		caseName(i) + "/v1/order.proto": headed(caseName(i)+"/v1/order.proto", text),
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// breaking returns what buf finds, a line of JSON for each.
func breaking(t *testing.T, buf, now, was string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), buf, "breaking", now, "--against", was,
		"--config", `{"version":"v1","breaking":{"use":["WIRE_JSON"]}}`, "--error-format", "json")
	cmd.Dir, cmd.Env = now, append(os.Environ(), "HOME="+t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 100) {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return bytes.ReplaceAll(out, []byte(now+"/"), nil)
}
