package schema

import (
	"regexp"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// comment returns what the schema says about d: the comment before it or else
// the one behind it. A schema is not trusted: what comes back holds no control
// and no bidi character, and no line of it is a directive when it is written
// as a comment of Go, proto or SQL, one line of comment a line.
func comment(d protoreflect.Descriptor) string {
	l := d.ParentFile().SourceLocations().ByDescriptor(d)
	text := l.LeadingComments
	if strings.TrimSpace(text) == "" {
		text = l.TrailingComments
	}
	return cleanComment(text)
}

// directive is the beginning of a line that Go's tools would act upon.
var directive = regexp.MustCompile(`^(go:|line |export |extern |cgo |#cgo|\+build|nolint|lint:|Code generated )`)

func cleanComment(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.Map(printable, line)
		line = strings.ReplaceAll(line, "*/", "* /")
		line = strings.ReplaceAll(line, "/*", "/ *")
		line = strings.TrimRight(strings.TrimPrefix(line, " "), " ")
		if bare := strings.TrimLeft(line, "/ "); bare != line && strings.HasPrefix(line, "//") || directive.MatchString(bare) {
			line = `"` + bare + `"`
		}
		lines = append(lines, line)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// printable keeps what a reader sees, tabs as spaces.
func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r == '\u2028', r == '\u2029', unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return -1
	}
	return r
}
