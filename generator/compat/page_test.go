package compat

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/compatibility.md anew")

// TestMatrixPage compares the tables of the page with those of the code.
//
//	go test ./generator/compat -update
func TestMatrixPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("| written as | same when read as | loss | other | error | gone |\n|---|---|---|---|---|---|\n")
	for _, w := range kinds {
		cells := map[Outcome][]string{}
		for _, r := range kinds {
			o := cell(values, kinds[0], w, r)
			cells[o] = append(cells[o], string(r))
		}
		gone := ""
		if len(cells[Gone]) > 0 {
			gone = "all others"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", w, strings.Join(cells[Same], ", "), strings.Join(cells[Loss], ", "),
			strings.Join(cells[Other], ", "), strings.Join(cells[Refused], ", "), gone)
	}
	Section(t, "matrix", b.String())
}

// Section compares what stands between the marks of a section of the page, or with
// -update writes it.
func Section(t *testing.T, name, want string) {
	t.Helper()
	const page = "../../docs/compatibility.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": made by go test ./generator/compat -update -->\n\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no section %s", page, name)
	}
	if want += "\n"; got == want {
		return
	}
	if !*update {
		t.Fatalf("section %s of %s is not what the code says; run go test ./generator/compat -update", name, page)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
