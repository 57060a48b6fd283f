package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// nested prints the type of a message below the record that has bounds. Its read takes
// the place of a check function; its valid says what is wrong.
func (p *printer) nested(x *schema.Nested) {
	var b strings.Builder
	fmt.Fprintf(&b, "%stype %s struct {\n", golang.Comment(golang.Wrap(fmt.Sprintf("%s holds what the bounds of %s need.", x.GoName, withArticle(string(x.Desc.FullName()))), 77)), x.GoName)
	for _, f := range x.Fields {
		purpose := why(f)
		if x.Desc.IsMapEntry() {
			purpose = strconv.Itoa(int(f.Number))
		}
		fmt.Fprintf(&b, "%s %s // %s\n", f.GoName, heldType(f), purpose)
	}
	b.WriteString(golang.Fill(`}

// read checks the message and all below it. A message that stands on the wire in
// parts is read part by part.
func (m *$type) read(f *@wire.Fields) {
	outer := f.Enter($size)
	for f.Next() {
		switch f.Tag {
		$cases
		}
	}
	f.Leave(outer)
}`, golang.Holes{"type": x.GoName, "size": decodedSize(x.Desc), "cases": strings.TrimSuffix(p.cases(reader{
		prefix: "m.", fields: allFields(x), held: func(f *schema.Field) bool { return slices.Contains(x.Fields, f) },
		tag: func(f *schema.Field) string { return tagOf(f.Desc) }, named: true,
	}), "\n")}))
	if !x.Desc.IsMapEntry() { // whose value is checked with the map
		b.WriteString(golang.Fill(`

// valid says what is wrong with the message.
func (m *$type) valid() error {
	var found @runtime.Violations
	$checks
	return found.Err()
}`, golang.Holes{"type": x.GoName, "checks": strings.TrimSuffix(checkAll(x.Fields, "m."), "\n")}))
	}
	p.file.Add("%s", b.String())
}

// allFields returns the fields of the message, by number. Those that are not bounded
// have only a descriptor.
func allFields(x *schema.Nested) []*schema.Field {
	var all []*schema.Field
	for i := range x.Desc.Fields().Len() {
		f := &schema.Field{Desc: x.Desc.Fields().Get(i)}
		if held := slices.IndexFunc(x.Fields, func(h *schema.Field) bool { return h.Desc.Number() == f.Desc.Number() }); held >= 0 {
			f = x.Fields[held]
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *schema.Field) int { return int(a.Desc.Number()) - int(b.Desc.Number()) })
	return all
}

// reader is a read function: of a record, or of a message below it.
type reader struct {
	prefix string // of what it fills: r. or m.
	fields []*schema.Field
	held   func(*schema.Field) bool
	tag    func(*schema.Field) string
	named  bool // cases name their fields in a comment, since their tags do not
}

// cases prints what a read does with each field: those that are held, then the
// others that need a look, which share a case where they need the same.
func (p *printer) cases(r reader) string {
	var b strings.Builder
	one := func(tags, names []string, statements string) {
		comment := ""
		if r.named {
			comment = " // " + strings.Join(names, ", ")
		}
		fmt.Fprintf(&b, "case %s:%s\n%s", strings.Join(tags, ", "), comment, statements)
	}
	var looks []string
	tags, names := map[string][]string{}, map[string][]string{}
	for _, f := range r.fields {
		if f.Shadow {
			continue // in the case of its field
		}
		name, clear, look := string(f.Desc.Name()), p.clears(r, f), p.checks.of(f.Desc)
		shadow := r.shadow(f)
		switch {
		case r.held(f):
			statements := p.take(f, r.prefix) + p.ifKnown(f.Desc, clear)
			if shadow != nil && wireType(shadow.Desc) == wireType(f.Desc) {
				statements += p.take(shadow, r.prefix) + p.ifKnown(shadow.Desc, p.clears(r, shadow))
				shadow = nil
			}
			one(tagsOf(r, f), []string{name}, statements)
		case clear != "":
			one([]string{r.tag(f)}, []string{name}, statement(look)+p.ifKnown(f.Desc, clear))
		case look != "":
			if tags[look] == nil {
				looks = append(looks, look)
			}
			tags[look] = append(tags[look], r.tag(f))
			names[look] = append(names[look], name)
		}
		if shadow != nil {
			one([]string{tagOf(shadow.Desc)}, []string{name}, p.take(shadow, r.prefix)+p.ifKnown(shadow.Desc, p.clears(r, shadow)))
		}
	}
	for _, look := range looks {
		one(tags[look], names[look], look+"\n")
	}
	return b.String()
}

// tagsOf returns the tags of a field that is held: a packable one also as it stands
// alone.
func tagsOf(r reader, f *schema.Field) []string {
	tags := []string{r.tag(f)}
	if packable(f.Desc) {
		tags = append(tags, fmt.Sprintf("%d<<3 | @wire.%s", f.Desc.Number(), wireTypeOfKind(f.Desc.Kind())))
	}
	return tags
}

// shadow returns the field that holds f as the release before reads it, or nil.
func (r reader) shadow(f *schema.Field) *schema.Field {
	i := slices.IndexFunc(r.fields, func(g *schema.Field) bool { return g.Shadow && g.Number == f.Number })
	if i < 0 {
		return nil
	}
	return r.fields[i]
}

func statement(s string) string {
	if s == "" {
		return ""
	}
	return s + "\n"
}

// clears returns the statements that make the held siblings of f absent: the
// last member of a oneof on the wire is the one that is set.
func (p *printer) clears(r reader, f *schema.Field) string {
	var b strings.Builder
	for _, h := range r.fields {
		// The oneof of a shadow is that of the release before.
		if h.Number != f.Number && r.held(h) && slices.ContainsFunc(h.OneofSiblings(), func(s protoreflect.FieldDescriptor) bool { return s.Number() == f.Desc.Number() }) {
			fmt.Fprintf(&b, "%s%s = %s\n", r.prefix, h.GoName, absent(h))
		}
	}
	return b.String()
}

// take returns the statements that hold the current field in what prefix selects from.
func (p *printer) take(f *schema.Field, prefix string) string {
	held := prefix + f.GoName
	switch {
	case f.Desc.IsMap():
		return takeEntry(f, held)
	case f.Desc.IsList() && !f.IsElement():
		return p.takeElement(f, held)
	case f.Nested != nil && f.IsElement(): // the value of an entry, which needs no presence
		return held + ".read(f)\n"
	case f.Nested != nil:
		return golang.Fill("if $held == nil {\n$held = new($type)\n}\n$held.read(f)\n", golang.Holes{"held": held, "type": f.Nested.GoName})
	case f.Type == schema.Other:
		return Assign(f, prefix) + "\n" + statement(p.checks.of(f.Desc))
	}
	return p.ifKnown(f.Desc, Assign(f, prefix)+"\n")
}

// takeElement is take of a list, whose element is the current field.
func (p *printer) takeElement(f *schema.Field, held string) string {
	path := fmt.Sprintf("%s.Path(%q)", held, f.Name)
	next := func(value string) string {
		if f.Element == nil {
			return held + ".Next()\n"
		}
		var cases strings.Builder
		valueChecks(&cases, f.Element, "v", path, held+".Add(%s)")
		return "v := " + value + "\n" + guarded(held+".Next()", cases.String())
	}
	switch {
	case f.Nested != nil:
		return golang.Fill("var v $type\nv.read(f)\nif $held.Next() {\n$held.Element($path, v.valid())\n}\n",
			golang.Holes{"type": f.Nested.GoName, "held": held, "path": strconv.Quote(f.Name)})
	case packable(f.Desc):
		value := &schema.Field{Desc: f.Desc}
		return fmt.Sprintf("for f.Number(@wire.%s) {\n%s}\n", wireTypeOfKind(f.Desc.Kind()), p.ifKnown(f.Desc, next(Value(value))))
	case f.Element != nil:
		return next(Value(f.Element))
	}
	return statement(p.checks.of(f.Desc)) + next("")
}

// takeEntry is take of a map, whose entry is the current field.
func takeEntry(f *schema.Field, held string) string {
	path, message := fmt.Sprintf("%s.Path(%q)", held, f.Name), fmt.Sprintf("%s.Value(%q, e.Value.valid())", held, f.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "var e %s\ne.read(f)\n", f.Nested.GoName)
	next := held + ".Next(e.Key)"
	if f.Personal != "" { // whose key is no part of an error
		path = strconv.Quote(f.Name + "[*]")
		message = fmt.Sprintf("%s.Add(@runtime.In(%s, e.Value.valid()))", held, path)
	}
	if len(f.Nested.Fields) == 1 {
		b.WriteString(next + "\n")
	} else {
		value := f.Nested.Fields[1]
		if value.Nested != nil {
			fmt.Fprintf(&b, "if %s {\n%s\n}\n", next, message)
		} else {
			var cases strings.Builder
			valueChecks(&cases, value, "e.Value", path, held+".Add(%s)")
			b.WriteString(guarded(next, cases.String()))
		}
	}
	if most := max(f.MinItems, f.MaxItems); most > 0 {
		fmt.Fprintf(&b, "%s.Count(%d)\n", held, most)
	}
	return b.String()
}

// guarded returns the statement of the cases, if the condition holds.
func guarded(condition, cases string) string {
	if only, result, _ := strings.Cut(strings.TrimPrefix(cases, "case "), ":\n"); !strings.Contains(result, "\ncase ") {
		if strings.Contains(only, " || ") {
			only = "(" + only + ")"
		}
		return "if " + condition + " && " + only + " {\n" + result + "}\n"
	}
	return "if " + condition + " {\n" + Switch(cases) + "}\n"
}

// heldType is the type that holds the field in a record or in a message below it.
func heldType(f *schema.Field) string {
	switch {
	case f.Desc.IsMap():
		return "@runtime.Entries[" + PlainType(f.Nested.Fields[0]) + "]"
	case f.Desc.IsList() && !f.IsElement():
		return "@runtime.Items"
	case f.Nested != nil && f.IsElement():
		return f.Nested.GoName
	case f.Nested != nil:
		return "*" + f.Nested.GoName
	}
	return GoType(f)
}

// holdsViolations reports whether what holds the field gathers what is wrong with its
// elements.
func holdsViolations(f *schema.Field) bool {
	switch {
	case f.Desc.IsMap():
		return f.Nested != nil && len(f.Nested.Fields) > 1
	case f.Desc.IsList():
		return f.Element != nil || f.Nested != nil
	}
	return false
}
