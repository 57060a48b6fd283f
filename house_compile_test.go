package prism_test

import (
	"strings"
	"testing"
)

// The package of an entity compiles against all that the types it uses are made
// of, and a deployment has a thousand of them. One that reaches a library's
// generic types compiles their methods again each time.
func TestEntityCompilesItsOwnCode(t *testing.T) {
	for _, p := range []string{
		"out/shop/proxy/shop/v1/session",
		"out/shop/shoptest/shop/v1/session",
		"out/conformancememory/proxy/conformance/v1/event",
	} {
		archive, err := goCommand("list", "-export", "-f", "{{.Export}}", "./"+p)
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := goCommand("tool", "nm", strings.TrimSpace(string(archive)))
		if err != nil {
			t.Fatal(err)
		}
		own, others := 0, ""
		for line := range strings.Lines(string(symbols)) {
			_, name, function := strings.Cut(strings.TrimSpace(line), " T ")
			switch {
			case !function || strings.HasPrefix(name, "type:.eq."):
			case strings.HasPrefix(name, module+"/"+p+"."):
				own++
			case !strings.HasPrefix(name, module+"/runtime/") && !strings.HasPrefix(name, "cmp."):
				others += "\n\t" + name
			}
		}
		if own == 0 || others != "" {
			t.Errorf("%s compiles %d functions of its own, and of others:%s", p, own, others)
		}
	}
}
