package schema

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// yamlLine is how the parser's errors begin. Its lines are those where what is
// at fault begins, or one less, and some errors have none.
var yamlLine = regexp.MustCompile(`^yaml: (line \d+: )?`)

// syntax reports err, which the parser has found in text.
func (c *configReader) syntax(text []byte, err error) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	i := faultyLine(lines)
	what := err.Error()[len(yamlLine.FindString(err.Error())):]
	fix := "correct the line, so that it is YAML"
	for _, f := range yamlFixes {
		if strings.HasPrefix(what, f.what) {
			fix = f.fix
			break
		}
	}
	if bytes.HasPrefix(lines[i], []byte("<<<<<<< ")) {
		what, fix = "a merge left the file in conflict", "keep what both sides mean, and remove the marks"
	}
	column := len(lines[i]) - len(bytes.TrimLeft(lines[i], " ")) + 1
	c.report(RuleYAMLSyntax, Source{File: c.places.file, Line: i + 1, Column: column}, fix, "%s", strings.TrimSpace(what))
}

// yamlFixes say what the parser expected, by what its errors begin with.
var yamlFixes = []struct{ what, fix string }{
	{"did not find expected '-' indicator", "indent the line as the key or the element that it belongs to; an element of a list begins with -"},
	{"did not find expected key", "write key: value, indented as the keys beside it"},
	{"could not find expected ':'", "write key: value"},
	{"did not find expected ',' or '}'", "close the brace, and write commas between what stands in it"},
	{"did not find expected ',' or ']'", "close the bracket, and write commas between what stands in it"},
	{"did not find expected node content", "write a value, or close the bracket"},
	{"found character that cannot start any token", "indent with spaces, not with tabs, and write a value that begins with @, % or ` in quotes"},
	{"mapping values are not allowed in this context", "write one key: value in a line, and a value with a colon and a space in quotes"},
	{"block sequence entries are not allowed in this context", "begin the list in a line of its own"},
	{"found unexpected end of stream", "close the quote"},
	{"found unknown escape character", "write the value in single quotes"},
	{"found a tab character", "indent with spaces"},
	{"unknown anchor", "write a value that begins with * in quotes"},
	{"did not find expected alphabetic or numeric character", "write a value that begins with * or & in quotes"},
	{"control characters are not allowed", "remove the control character"},
	{"invalid leading UTF-8 octet", "save the file as UTF-8"},
	{"invalid trailing UTF-8 octet", "save the file as UTF-8"},
}

// faultyLine returns the index of the line with which a text that is no YAML
// ceases to be YAML: the text up to it is, and with it, or any more, it is not.
// Of something in brackets or quotes this is the line where that begins.
func faultyLine(lines [][]byte) int {
	for i := len(lines) - 1; i > 0; i-- {
		if parses(bytes.Join(lines[:i], nil)) {
			return i
		}
	}
	return 0
}

func parses(text []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
