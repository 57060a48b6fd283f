// Package golang writes Go source files. Emitters give it Go as it shall read;
// jennifer resolves the imports and gofmt has the last word on layout.
package golang

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dave/jennifer/jen"
	"github.com/prism-proxy/prism/generator/emit"
)

// Module is the import path of Prism itself, for the packages that generated
// code imports. It stands in this one place.
const Module = "github.com/prism-proxy/prism"

// Skew is the declaration, in each generated package that imports the runtime
// as runtime, by which it does not compile against one that is too old or too
// new for it.
const Skew = `// This code and the runtime are of one version.
const _ = @runtime.RunPrismGenerateOrRequirePrism_0_1`

// Imports maps the names that a file's text uses for packages to their import
// paths. Only those that the text uses are imported.
type Imports map[string]string

// File is a Go file in the making. It is not safe for concurrent use.
type File struct {
	file    *jen.File
	imports Imports
}

// NewFile begins a file of the package with the given import path and name. A
// doc that is not empty becomes the package comment.
func NewFile(importPath, name, doc string, imports Imports) *File {
	f := jen.NewFilePathName(importPath, name)
	f.HeaderComment(emit.Header)
	for _, line := range lines(doc) {
		f.PackageComment(line)
	}
	for alias, path := range imports {
		if path[strings.LastIndexByte(path, '/')+1:] == alias {
			f.ImportName(path, alias)
		} else {
			f.ImportAlias(path, alias)
		}
	}
	return &File{file: f, imports: imports}
}

// Embed makes //go:embed known to the file, whose text may then use it.
func (f *File) Embed() { f.file.Anon("embed") }

// mark is an identifier of an imported package: @grpc.Server.
var mark = regexp.MustCompile(`@([a-z][a-z0-9]*)\.([A-Za-z][A-Za-z0-9_]*)`)

// Add appends Go source formatted with args as fmt.Sprintf does. In it
// @name.Ident stands for an identifier of the package that Imports has under
// that name; Add panics when there is none.
func (f *File) Add(source string, args ...any) {
	if len(args) > 0 {
		source = fmt.Sprintf(source, args...)
	}
	code := new(jen.Statement)
	for {
		at := mark.FindStringSubmatchIndex(source)
		if at == nil {
			break
		}
		path, ok := f.imports[source[at[2]:at[3]]]
		if !ok {
			panic("golang: no import named " + source[at[2]:at[3]])
		}
		code.Op(source[:at[0]]).Qual(path, source[at[4]:at[5]])
		source = source[at[1]:]
	}
	f.file.Add(code.Op(source))
	f.file.Line()
}

// Bytes returns the file, formatted. An error is a fault of the emitter.
func (f *File) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := f.file.Render(&b); err != nil {
		return nil, err
	}
	return groupImports(b.Bytes()), nil
}

// groupImports puts the standard library's imports first and a blank line
// after them, as hand-written files have it; jennifer sorts them as one list.
func groupImports(source []byte) []byte {
	const open, end = "\nimport (\n", "\n)\n"
	head, rest, found := strings.Cut(string(source), open)
	if !found {
		return source
	}
	block, tail, _ := strings.Cut(rest, end)
	var std, other []string
	for line := range strings.SplitSeq(block, "\n") {
		path := line[strings.IndexByte(line, '"')+1:]
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			other = append(other, line)
		} else {
			std = append(std, line)
		}
	}
	if len(std) > 0 && len(other) > 0 {
		std = append(std, "")
	}
	return []byte(head + open + strings.Join(append(std, other...), "\n") + end + tail)
}

// Comment returns text as // lines, each ended by a line break.
func Comment(text string) string {
	var b strings.Builder
	for _, line := range lines(text) {
		b.WriteString(strings.TrimRight("// "+line, " ") + "\n")
	}
	return b.String()
}

// Duration returns d as Go source, for a file that imports time.
func Duration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d * @time.Second", d/time.Second)
	}
	return fmt.Sprintf("%d * @time.Millisecond", d/time.Millisecond)
}

// Wrap breaks text into lines of at most width bytes where words allow.
func Wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func lines(text string) []string {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
