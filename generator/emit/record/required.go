package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit/golang"
)

// required prints the functions that find required fields (proto2, and
// LEGACY_REQUIRED of editions) that are not set: one for each message in which,
// or below which, there are any. They run on bytes that were checked.
func (p *printer) required() {
	for _, m := range p.lacking {
		var b strings.Builder
		fmt.Fprintf(&b, "%sfunc %s(b []byte) string {\n", golang.Comment(golang.Wrap(fmt.Sprintf(
			"%s returns the path of a required field that the %s in b lacks, or \"\".", p.missing(m), m.FullName()), 77)), p.missing(m))
		body, result := p.requiredOf(m)
		b.WriteString(body)
		b.WriteString(result)
		b.WriteString("return \"\"\n}")
		p.file.Add("%s", b.String())
	}
}

// missing is the name of a message's function, or "" if it needs none.
func (p *printer) missing(m protoreflect.MessageDescriptor) string {
	if !slices.Contains(p.lacking, m) {
		return ""
	}
	if m == p.entity.Desc {
		return "missing"
	}
	name := "missing" + shortName(m)
	for n, other := range p.lacking {
		if other != m && shortName(other) == shortName(m) { // of another package
			return name + strconv.Itoa(n)
		}
	}
	return name
}

// requiredOf prints how the fields of m are looked at, and what is concluded.
func (p *printer) requiredOf(m protoreflect.MessageDescriptor) (body, result string) {
	var variables, cases, conclusions strings.Builder
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		below := ""
		if f.Message() != nil && !f.IsMap() {
			below = p.missing(f.Message())
		}
		var look string
		switch {
		case f.IsMap() && f.MapValue().Message() != nil && p.missing(f.MapValue().Message()) != "":
			fmt.Fprintf(&variables, "var lacking%d @wire.Lacking // %s\n", f.Number(), f.Name())
			look = fmt.Sprintf("lacking%d.Add(f.Message(), %d<<3|@wire.%s, %d, %s)\n", f.Number(),
				1, wireTypeOfKind(f.MapKey().Kind()), keyBits(f.MapKey().Kind()), p.missing(f.MapValue().Message()))
			fmt.Fprintf(&conclusions, "if path := lacking%d.Path(); path != \"\" {\nreturn %q + path\n}\n", f.Number(), string(f.Name())+".")
		case f.IsList() && below != "":
			look = fmt.Sprintf("if path := %s(f.Bytes()); path != \"\" {\nreturn %q + path\n}\n", below, string(f.Name())+".")
		case below != "":
			fmt.Fprintf(&variables, "var m%d []byte // %s, which may stand on the wire in parts\n", f.Number(), f.Name())
			look = fmt.Sprintf("m%d = @wire.Merge(m%[1]d, f.Bytes())\n", f.Number())
			condition := fmt.Sprintf("m%d != nil", f.Number())
			if f.Cardinality() == protoreflect.Required {
				fmt.Fprintf(&conclusions, "if m%d == nil {\nreturn %q\n}\n", f.Number(), f.Name())
			}
			conclusions.WriteString(golang.Fill(`if $condition {
	if path := $below(m$number); path != "" {
		return "$field." + path
	}
}
`, golang.Holes{"condition": condition, "below": below, "number": f.Number(), "field": f.Name()}))
		case f.Cardinality() == protoreflect.Required:
			fmt.Fprintf(&variables, "var has%d bool // %s\n", f.Number(), f.Name())
			look = fmt.Sprintf("has%d = true\n", f.Number())
			fmt.Fprintf(&conclusions, "if !has%d {\nreturn %q\n}\n", f.Number(), f.Name())
		}
		look += p.replaces(f)
		if look != "" {
			fmt.Fprintf(&cases, "case %d<<3 | @wire.%s: // %s\n%s", f.Number(), wireTypeOfKind(f.Kind()), f.Name(), p.ifKnown(f, look))
		}
	}
	body = variables.String() + "f := @wire.Read(b)\nfor f.Next() {\nswitch f.Tag {\n" + cases.String() + "}\n}\n"
	return body, conclusions.String()
}

// replaces makes the message members of the field's oneof absent that have
// required fields: the last member on the wire is the one that is set.
func (p *printer) replaces(f protoreflect.FieldDescriptor) string {
	oneof := f.ContainingOneof()
	if oneof == nil || oneof.IsSynthetic() {
		return ""
	}
	var b strings.Builder
	for i := range oneof.Fields().Len() {
		if s := oneof.Fields().Get(i); s != f && s.Message() != nil && p.missing(s.Message()) != "" {
			fmt.Fprintf(&b, "m%d = nil\n", s.Number())
		}
	}
	return b.String()
}

// ifKnown makes a statement depend on the number of a closed enum, which is an
// unknown field where the enum does not have it.
func (p *printer) ifKnown(f protoreflect.FieldDescriptor, statement string) string {
	if f.Enum() == nil || !f.Enum().IsClosed() || statement == "" {
		return statement
	}
	return fmt.Sprintf("if %s(f.Int32()) {\n%s}\n", p.known(f.Enum()), statement)
}

// known returns the function that tells which numbers a closed enum has, and
// has it printed.
func (p *printer) known(e protoreflect.EnumDescriptor) string {
	if !slices.Contains(p.enums, e) {
		p.enums = append(p.enums, e)
	}
	return "known" + shortName(e) + strings.Repeat("_", slices.IndexFunc(p.sameName(e), func(o protoreflect.EnumDescriptor) bool { return o == e }))
}

// sameName returns the closed enums that are called as e is in their packages.
func (p *printer) sameName(e protoreflect.EnumDescriptor) []protoreflect.EnumDescriptor {
	var same []protoreflect.EnumDescriptor
	for _, o := range p.enums {
		if shortName(o) == shortName(e) {
			same = append(same, o)
		}
	}
	return same
}

func (p *printer) knownFunctions() {
	for _, e := range p.enums {
		var numbers []string
		for i := range e.Values().Len() {
			if n := fmt.Sprint(e.Values().Get(i).Number()); !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
		p.file.Fill(`// $known reports whether $enum, a closed enum, has the number n.
func $known(n int32) bool {
	switch n {
	case $numbers:
		return true
	}
	return false
}`, golang.Holes{"known": p.known(e), "enum": e.FullName(), "numbers": strings.Join(numbers, ", ")})
	}
}

// keyBits is how many bits of a map's key count: 0 for text.
func keyBits(k protoreflect.Kind) int {
	switch k {
	case protoreflect.StringKind:
		return 0
	case protoreflect.BoolKind:
		return 1
	case protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return 64
	}
	return 32
}

// lacking returns the messages in or below which fields are required: m and
// those that it reaches, in the order in which they are found.
func lacking(m protoreflect.MessageDescriptor) []protoreflect.MessageDescriptor {
	var all, found []protoreflect.MessageDescriptor
	seen := map[protoreflect.FullName]bool{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		all = append(all, m)
		for i := range m.Fields().Len() {
			if below := m.Fields().Get(i).Message(); below != nil {
				visit(below)
			}
		}
	}
	visit(m)
	for _, m := range all {
		if !m.IsMapEntry() && requires(m, map[protoreflect.FullName]bool{}) {
			found = append(found, m)
		}
	}
	return found
}

// requires reports whether a field of m, or of a message below it, is required.
func requires(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[m.FullName()] {
		return false
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if f.Cardinality() == protoreflect.Required || f.Message() != nil && requires(f.Message(), seen) {
			return true
		}
	}
	return false
}
