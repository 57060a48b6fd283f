package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Diagnostic is one fault of a schema or of prism.yaml, at the best position
// that its front end gives.
type Diagnostic struct {
	Number   int    // 2010; 0: no rule is broken, but a file cannot be read, or the compiler has failed
	Slug     string // key.missing
	File     string // as the compiler was given it; "": the fault has no place
	Line     int    // from 1; 0: the whole file
	Column   int    // from 1
	What     string // what is wrong here
	Rule     string // what always holds
	Fix      string // what to write instead
	Severity Severity
}

// Severity says whether a diagnostic stops the compiler.
type Severity int

// An Error lets nothing be generated; a Warning is only shown.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// String returns the diagnostic in one line of what a reader sees, whatever
// names the schema has:
//
//	file:line:col: PRISM2010 [key.missing] what; rule; fix
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", d.Line, d.Column)
		}
		b.WriteString(": ")
	}
	if d.Number > 0 {
		fmt.Fprintf(&b, "PRISM%04d [%s] ", d.Number, d.Slug)
	}
	b.WriteString(d.What)
	for _, part := range []string{d.Rule, d.Fix} {
		if part != "" {
			b.WriteString("; " + part)
		}
	}
	return strings.Map(func(r rune) rune {
		if printable(r) != r {
			return unicode.ReplacementChar
		}
		return r
	}, b.String())
}

// SortDiagnostics puts diagnostics in the order in which they are shown: by
// place, then by number and text.
func SortDiagnostics(all []Diagnostic) {
	slices.SortFunc(all, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Number, b.Number),
			cmp.Compare(a.What, b.What),
		)
	})
}

// HasError reports whether a diagnostic is an Error.
func HasError(all []Diagnostic) bool {
	return slices.ContainsFunc(all, func(d Diagnostic) bool { return d.Severity == Error })
}
