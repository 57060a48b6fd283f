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
	what, fix := err.Error()[len(yamlLine.FindString(err.Error())):], "correct the text"
	if bytes.HasPrefix(lines[i], []byte("<<<<<<< ")) {
		what, fix = "a merge left the file in conflict", "keep what both sides mean, and remove the marks"
	}
	column := len(lines[i]) - len(bytes.TrimLeft(lines[i], " ")) + 1
	c.report(RuleYAMLSyntax, Source{File: c.places.file, Line: i + 1, Column: column}, fix, "%s", strings.TrimSpace(what))
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
