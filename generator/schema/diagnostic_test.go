package schema_test

import (
	_ "embed"
	"regexp"
	"strings"
	"testing"
)

// Schemas beside the examples of the rules, legal and not, each with all that
// it gives. A schema's text begins in line 2 of its file.
//
//go:embed testdata/diagnostics.txt
var diagnostics string

// section is the line above a part of diagnostics.
var section = regexp.MustCompile(`(?m)^-- (.+) --\n`)

func TestDiagnostics(t *testing.T) {
	names := section.FindAllStringSubmatch(diagnostics, -1)
	parts := section.Split(diagnostics, -1)[1:]
	if len(names)%2 != 0 || len(names) < 100 {
		t.Fatalf("%d sections", len(names))
	}
	for i := 0; i < len(names); i += 2 {
		name, text, want := names[i][1], parts[i], parts[i+1]
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			_, faults := read(t, config, text)
			if got := lines(faults); got != want {
				t.Errorf("%s\n%s\ngot:\n%swant:\n%s", name, text, got, want)
			}
		})
	}
}
