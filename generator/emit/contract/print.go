package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// protoFile is a .proto file of one service, as print writes it.
type protoFile struct {
	source   string // the schema file it comes from
	pkg      string
	imports  map[string]bool
	options  []string // name = value
	service  *schema.Service
	messages []*message
}

type message struct {
	name, comment string
	nested        []*message
	fields        []field
}

type field struct {
	kind    string // with its label: repeated UserProfile
	name    string
	number  int32
	comment string
}

// print returns the file as `buf format` leaves it.
func (f *protoFile) print() string {
	p := &printer{}
	p.line("%s", golang.Header)
	p.line("// Source: %s", f.source)
	p.line("\nsyntax = \"proto3\";")
	if f.pkg != "" {
		p.line("\npackage %s;", f.pkg)
	}
	p.line("")
	for _, path := range slices.Sorted(maps.Keys(f.imports)) {
		p.line("import %q;", path)
	}
	p.line("")
	for _, o := range f.options {
		p.line("option %s;", o)
	}
	p.line("")
	p.comment(f.service.Comment)
	p.block("service "+f.service.Name, func() {
		for i, m := range f.service.Methods {
			if i > 0 {
				p.line("")
			}
			p.comment(m.Comment)
			p.line("rpc %s(%s) returns (%s%s);", m.Name, f.inService(m.Request), stream[m.Shape], f.inService(m.Response))
		}
	})
	for _, m := range f.messages {
		p.line("")
		p.message(m)
	}
	return p.String()
}

// inService returns the name of m as it is written in the service, where a method
// of that name would hide it.
func (f *protoFile) inService(m *schema.Message) string {
	if slices.ContainsFunc(f.service.Methods, func(method *schema.Method) bool { return method.Name == m.Name }) {
		return "." + strings.TrimPrefix(f.pkg+"."+m.Name, ".")
	}
	return m.Name
}

// stream is what stands before the answer of a method.
var stream = map[schema.Shape]string{schema.ServerStream: "stream "}

// printer writes indented lines.
type printer struct {
	strings.Builder
	indent string
}

func (p *printer) line(format string, args ...any) {
	if format != "" {
		fmt.Fprintf(p, p.indent+format, args...)
	}
	p.WriteByte('\n')
}

func (p *printer) block(head string, body func()) {
	p.line("%s {", head)
	p.indent += "  "
	body()
	p.indent = p.indent[2:]
	p.line("}")
}

func (p *printer) message(m *message) {
	p.comment(m.comment)
	p.block("message "+m.name, func() {
		for _, n := range m.nested {
			p.message(n)
			p.line("")
		}
		for i, f := range m.fields {
			if i > 0 && f.comment != "" {
				p.line("")
			}
			p.comment(f.comment)
			p.line("%s %s = %d;", f.kind, f.name, f.number)
		}
	})
}

// comment writes text and breaks lines that are too long; a line that begins
// with a hyphen is an item of a list, indented as gofmt has it. What a line has
// too much goes before the next one of its paragraph.
func (p *printer) comment(text string) {
	if text == "" {
		return
	}
	const width = 80
	for line := range strings.SplitSeq(reflow(text, width-len(p.indent)-len("// ")), "\n") {
		head, hang := "// ", "// "
		if strings.HasPrefix(line, "- ") {
			head, hang = "//   ", "//     "
		}
		room := width - len(p.indent) - len(hang)
		if len(line) > room {
			line = golang.Wrap(line, room)
		}
		for i, part := range strings.Split(line, "\n") {
			if i > 0 {
				head = hang
			}
			p.line("%s", strings.TrimRight(head+part, " "))
		}
	}
}

// reflow joins the lines of each paragraph that has one of more than room bytes.
// Lines of a list, and indented ones, are left as they stand.
func reflow(text string, room int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		lines := strings.Split(p, "\n")
		long := slices.ContainsFunc(lines, func(l string) bool { return len(l) > room })
		shaped := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "- ") || strings.HasPrefix(l, " ") })
		if long && !shaped {
			paragraphs[i] = strings.Join(lines, " ")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
