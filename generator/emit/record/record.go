// Package record emits record.go of an entity's package: the key, the record
// and the one pass that checks a record's bytes and finds in them what the
// store and the bounds need. It is the same for every backend, but for marked
// fields, which only SQL stores keep.
package record

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Emit returns record.go of e, with its path from the package's folder, for a
// backend that keeps marked fields or does not.
func Emit(e *schema.Entity, marked bool) (emit.File, error) {
	p := &printer{
		entity: e,
		file: golang.NewFile("", e.GoPackage, "", golang.Imports{
			"bytes": "bytes", "math": "math", "utf8": "unicode/utf8",
			"runtime":  golang.Module + "/runtime",
			"keyvalue": golang.Module + "/runtime/keyvalue",
			"wire":     golang.Module + "/runtime/wire",
		}),
		checks: newChecks(e),
	}
	for _, f := range e.Fields {
		if f.Role == schema.Indexed || f.Role == schema.Kept || f.Role == schema.Marked && marked || f.Role != schema.Key && f.Bounded() {
			p.held = append(p.held, f)
		}
	}
	p.tags()
	p.key()
	p.position()
	p.record()
	for _, x := range e.Nested {
		p.nested(x)
	}
	p.checks.print(p.file)
	p.knownFunctions()
	p.file.Add(`// check reads b and says what is wrong with it as a record.
func (r *record) check(b []byte) error {
	if err := r.read(b); err != nil {
		return err
	}
	return r.valid()
}

// Check says what is wrong with b as a record: nil, or an error with the reason
// that a put answers.
func Check(b []byte) error {
	var r record
	return @runtime.Decode(r.check(b))
}`)
	content, err := p.file.Bytes()
	return emit.File{Path: "record.go", Content: content}, err
}

type printer struct {
	entity *schema.Entity
	file   *golang.File
	held   []*schema.Field // beside the key, by number
	checks *checks

	enums []protoreflect.EnumDescriptor // closed ones whose numbers matter
}

// tags prints the constants of all tags that read looks for.
func (p *printer) tags() {
	var b strings.Builder
	fmt.Fprintf(&b, "// The fields of %s, as the wire tags them.\nconst (\n", p.entity.Desc.FullName())
	for _, f := range p.entity.Fields {
		if f.Role == schema.Kept && f.Shadow {
			continue // its field's tag, or one that stands where it is read
		}
		if p.isHeld(f) || p.checks.of(f.Desc) != "" {
			fmt.Fprintf(&b, "%s = %s\n", TagName(f), tagOf(f.Desc))
		}
	}
	b.WriteString(")")
	p.file.Add("%s", b.String())
}

// isHeld reports whether a record holds the field.
func (p *printer) isHeld(f *schema.Field) bool {
	return f.Role == schema.Key || slices.Contains(p.held, f)
}

func (p *printer) key() {
	e := p.entity
	var b strings.Builder
	b.WriteString("// key is the key of a record. Its slices alias what it was read from.\ntype key struct {\n")
	for _, f := range e.Key() {
		fmt.Fprintf(&b, "%s %s // %d\n", f.GoName, GoType(f), f.Number)
		if counted(f) {
			fmt.Fprintf(&b, "%s bool\n", has(f))
		}
	}
	fmt.Fprintf(&b, "}\n\n// emptyKey is a key of which no field is set.\nvar emptyKey = key{%s}\n", initial(e.Key(), Empty))
	if len(e.Lists()) > 0 && e.HasLowest() {
		fmt.Fprintf(&b, "\n// lowestKey comes before every key.\nvar lowestKey = key{%s}\n", initial(e.Key(), Lowest))
	}
	fmt.Fprintf(&b, `
// read takes the fields of the key from f, a message that has them under the
// numbers they have in %s.
func (k *key) read(f *@wire.Fields) error {
	for f.Next() {
		switch f.Tag {
`, e.Desc.FullName())
	for _, f := range e.Key() {
		fmt.Fprintf(&b, "case %s:\n%s\n", TagName(f), Assign(f, "k."))
	}
	b.WriteString("}\n}\nreturn f.Err()\n}\n")
	p.validKey(&b)
	b.WriteString(`
// check reads the key in b and says what is wrong with it.
func (k *key) check(b []byte) error {
	if err := k.read(@wire.Read(b)); err != nil {
		return err
	}
	return k.valid()
}

// append appends the key as read takes it.
func (k *key) append(b []byte) []byte {
`)
	for _, f := range e.Key() {
		fmt.Fprintf(&b, "b = %s\n", Append(f, "k."+f.GoName, int(f.Number)))
	}
	b.WriteString("return b\n}")
	p.file.Add("%s", b.String())
}

func (p *printer) validKey(b *strings.Builder) {
	e := p.entity
	if len(e.Sort) == 0 {
		fmt.Fprintf(b, "\n// valid says what is wrong with the key of a record.\nfunc (k *key) valid() error {\n%s}\n", validOf("", e.Partition))
		return
	}
	fmt.Fprintf(b, `
// valid says what is wrong with the key of a record.
func (k *key) valid() error {
	%s}

// validPartition says what is wrong with the partition key.
func validPartition(k *key) error {
	%s}
`, validOf("validPartition(k)", e.Sort), validOf("", e.Partition))
}

// validOf returns the body of a function that returns all that is wrong with fields
// of k, after what the expression before returns, if it is not "".
func validOf(before string, fields []*schema.Field) string {
	if before == "" && len(fields) == 1 {
		return checkOne(fields[0], "k.") + "return nil\n"
	}
	if before != "" {
		before = "found.Add(" + before + ")\n"
	}
	return "var found @runtime.Violations\n" + before + checkAll(fields, "k.") + "return found.Err()\n"
}

// position prints the cursor of lists that are ordered by more than the key.
func (p *printer) position() {
	extra := p.entity.Position()[len(p.entity.Key()):]
	if len(extra) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("// position is a place in the order of a list: the key, and the fields that\n// ordered indexes sort by.\ntype position struct {\nkey\n")
	for _, f := range extra {
		fmt.Fprintf(&b, "%s %s // %d\n", f.GoName, PlainType(f), f.Number)
	}
	lowest := "emptyKey"
	if p.entity.HasLowest() {
		lowest = "lowestKey"
	}
	fmt.Fprintf(&b, "}\n\n// lowestPosition comes before every position.\nvar lowestPosition = position{key: %s, %s}\n", lowest, initial(extra, Lowest))
	b.WriteString("\n// read takes a position that append appended.\nfunc (p *position) read(f *@wire.Fields) error {\nfor f.Next() {\nswitch f.Tag {\n")
	for _, f := range p.entity.Key() {
		fmt.Fprintf(&b, "case %s:\n%s\n", TagName(f), Assign(f, "p."))
	}
	for _, f := range extra {
		fmt.Fprintf(&b, "case %s:\np.%s\n", TagName(f), AssignPlain(f))
	}
	b.WriteString("}\n}\nreturn f.Err()\n}\n\n// append appends the position: the key and then the other fields.\nfunc (p *position) append(b []byte) []byte {\nb = p.key.append(b)\n")
	for _, f := range extra {
		fmt.Fprintf(&b, "b = %s\n", Append(f, "p."+f.GoName, int(f.Number)))
	}
	b.WriteString("return b\n}\n\n// cursor is where r stands in lists that are ordered by the key.\nfunc cursor(r *record) []byte { return r.key.append(nil) }\n")
	for _, f := range extra {
		value := "r." + f.GoName
		if optional(f) {
			value += ".Value"
		}
		b.WriteString(golang.Fill(`
// $cursor is where r stands in lists that are ordered by $field.
func $cursor(r *record) []byte {
	b := r.key.append(nil)
	return $appended
}
`, golang.Holes{"cursor": Cursor(f), "field": f.Name, "appended": Append(f, value, int(f.Number))}))
	}
	p.file.Add("%s", b.String())
}

// Cursor is the function that gives a record's cursor in the lists of an index
// ordered by f.
func Cursor(f *schema.Field) string { return "cursor" + f.GoName }

func (p *printer) record() {
	e := p.entity
	var b strings.Builder
	fmt.Fprintf(&b, "%stype record struct {\nkey\nbytes []byte // the encoded %s, unknown fields included\n", golang.Comment(golang.Wrap(fmt.Sprintf(
		"record is one %s on its way to the store: its encoded bytes, which are the truth, and the fields that the store and the bounds need. All slices alias the request.",
		e.Desc.FullName()), 77)), e.Desc.FullName())
	for _, f := range p.held {
		fmt.Fprintf(&b, "%s %s // %s\n", f.GoName, heldType(f), why(f))
	}
	empty := "key: emptyKey"
	if fields := initial(p.held, Empty); fields != "" {
		empty += ", " + fields
	}
	fmt.Fprintf(&b, "}\n\n// emptyRecord is a record of which no field is set.\nvar emptyRecord = record{%s}\n", empty)
	b.WriteString(`
// read checks b in one pass and finds the fields in it. It accepts what
// proto.Unmarshal accepts, and nothing else; emptiness, bounds and NUL come
// after, in valid.
func (r *record) read(b []byte) error {
	*r = emptyRecord
	r.bytes = b
	f := @wire.Read(b)
	for f.Next() {
		switch f.Tag { // with another wire type it is an unknown field, kept in bytes
`)
	b.WriteString(p.cases(reader{prefix: "r.", fields: e.Fields, held: p.isHeld, tag: func(f *schema.Field) string {
		if p.isHeld(f) || p.checks.of(f.Desc) != "" {
			return TagName(f)
		}
		return tagOf(f.Desc)
	}}))
	b.WriteString("}\n}\n")
	b.WriteString("return f.Err()\n}\n\n// valid says what a record may not be although its encoding is right.\nfunc (r *record) valid() error {\n")
	if checks := checkAll(p.held, "r."); checks != "" {
		b.WriteString("var found @runtime.Violations\nfound.Add(r.key.valid())\n" + checks + "found.Add(@keyvalue.CheckRecord(r.bytes))\nreturn found.Err()\n}")
	} else {
		b.WriteString("if err := r.key.valid(); err != nil {\nreturn err\n}\nreturn @keyvalue.CheckRecord(r.bytes)\n}")
	}
	p.file.Add("%s", b.String())
}

// why says in a comment what a field is held for.
func why(f *schema.Field) string {
	var uses []string
	switch f.Role {
	case schema.Indexed:
		uses = append(uses, "indexed")
	case schema.Marked:
		uses = append(uses, "column")
	case schema.Kept:
		uses = append(uses, "column, kept for the release before")
	}
	if f.Required || f.Labelled {
		uses = append(uses, "required")
	}
	if f.Role == schema.Plain && !f.Required && !f.Labelled {
		uses = append(uses, "bounded")
	}
	if f.Personal != "" {
		uses = append(uses, "personal")
	}
	if (f.Type == schema.Text || f.Type == schema.Bytes) && f.Presence {
		uses = append(uses, "nil when absent")
	}
	return fmt.Sprintf("%d: %s", f.Number, strings.Join(uses, ", "))
}

// tagOf returns the tag that a field of the schema has: of a repeated number,
// the tag of its packed form, the only one that has something to check.
func tagOf(f protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("%d<<3 | @wire.%s", f.Number(), wireType(f))
}
