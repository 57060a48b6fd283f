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

// checks are the functions that check the messages below an entity, at every
// depth, each message once.
type checks struct {
	nested []*schema.Nested                 // have a read of their own
	names  map[protoreflect.FullName]string // "" where only the encoding can be wrong
	order  []protoreflect.MessageDescriptor
}

func newChecks(e *schema.Entity) *checks {
	c := &checks{nested: e.Nested, names: map[protoreflect.FullName]string{}}
	c.visit(e.Desc, map[string]bool{})
	return c
}

// visit names the messages that the fields of m hold.
func (c *checks) visit(m protoreflect.MessageDescriptor, taken map[string]bool) {
	for i := range m.Fields().Len() {
		sub := m.Fields().Get(i).Message()
		if sub == nil {
			continue
		}
		if _, done := c.names[sub.FullName()]; done {
			continue
		}
		c.names[sub.FullName()] = ""
		if slices.ContainsFunc(c.nested, func(x *schema.Nested) bool { return x.Desc.FullName() == sub.FullName() }) {
			c.visit(sub, taken)
			continue
		}
		if !needsLook(sub, map[protoreflect.FullName]bool{}) {
			continue
		}
		name := "check" + shortName(sub)
		for n := 2; taken[name]; n++ {
			name = strings.TrimRight(name, "0123456789") + strconv.Itoa(n)
		}
		taken[name] = true
		c.names[sub.FullName()] = name
		c.order = append(c.order, sub)
		c.visit(sub, taken)
	}
}

// needsLook reports whether more than the encoding can be wrong in m: text at
// any depth, a nested message, packed numbers.
func needsLook(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[m.FullName()] {
		return false
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if f.Message() != nil || f.Kind() == protoreflect.StringKind && validatesUTF8(f) || packable(f) {
			return true
		}
	}
	return false
}

// of returns the statement that checks a field beyond its encoding, or "".
func (c *checks) of(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Kind() == protoreflect.StringKind:
		if validatesUTF8(f) {
			return "f.Text()"
		}
		return ""
	case f.Message() != nil:
		if name := c.names[f.Message().FullName()]; name != "" {
			return name + "(f)"
		}
		return fmt.Sprintf("f.Check(%d)", decodedSize(f.Message()))
	case !packable(f):
		return ""
	}
	switch wireTypeOfKind(f.Kind()) {
	case "Fixed32":
		return "f.PackedFixed(4)"
	case "Fixed64":
		return "f.PackedFixed(8)"
	}
	return "f.PackedVarints()"
}

func (c *checks) print(file *golang.File) {
	for _, m := range c.order {
		var b strings.Builder
		b.WriteString(golang.Fill(`// $check checks $message at any depth.
func $check(f *@wire.Fields) {
	outer := f.Enter($size)
	for f.Next() {
		switch f.Tag {
`, golang.Holes{"check": c.names[m.FullName()], "message": withArticle(string(m.FullName())), "size": decodedSize(m)}))
		var looks []string
		tags, fields := map[string][]string{}, map[string][]string{}
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			look := c.of(f)
			if look == "" {
				continue
			}
			if tags[look] == nil {
				looks = append(looks, look)
			}
			tags[look] = append(tags[look], tagOf(f))
			fields[look] = append(fields[look], string(f.Name()))
		}
		for _, look := range looks {
			fmt.Fprintf(&b, "case %s: // %s\n%s\n", strings.Join(tags[look], ", "), strings.Join(fields[look], ", "), look)
		}
		b.WriteString("}\n}\nf.Leave(outer)\n}")
		file.Add("%s", b.String())
	}
}

// withArticle puts a or an before a name.
func withArticle(name string) string {
	if strings.ContainsRune("AEIOUaeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// shortName is what a message or an enum is called in its package, as one word.
func shortName(d protoreflect.Descriptor) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+"."), ".", "")
}

// decodedSize is what a message takes when it is decoded, whatever it holds, by
// the layout of protobuf-go, which is about that of other languages: a header
// of 40 bytes and the pointer to it; a string has 16 bytes, a list or bytes 24,
// any other field at most 8. The text itself is counted as encoded.
func decodedSize(m protoreflect.MessageDescriptor) int {
	size := 48
	for i := range m.Fields().Len() {
		switch f := m.Fields().Get(i); {
		case f.IsMap():
			size += 8
		case f.IsList(), f.Kind() == protoreflect.BytesKind:
			size += 24
		case f.Kind() == protoreflect.StringKind:
			size += 16
		default:
			size += 8
		}
	}
	return size
}

// packable reports whether the field is a list of numbers, which may be packed.
func packable(f protoreflect.FieldDescriptor) bool {
	return f.IsList() && f.Message() == nil && wireTypeOfKind(f.Kind()) != "Bytes"
}

// wireType is the wire type of the form of the field that has something to
// check or to keep.
func wireType(f protoreflect.FieldDescriptor) string {
	if packable(f) {
		return "Bytes"
	}
	return wireTypeOfKind(f.Kind())
}

func wireTypeOfKind(k protoreflect.Kind) string {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return "Bytes"
	case protoreflect.GroupKind:
		return "Group"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return "Fixed64"
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return "Fixed32"
	}
	return "Varint"
}

// validatesUTF8 reports whether proto.Unmarshal checks the string: a feature
// of the field, which descriptors of protobuf-go tell by this method.
func validatesUTF8(f protoreflect.FieldDescriptor) bool {
	if d, ok := f.(interface{ EnforceUTF8() bool }); ok {
		return d.EnforceUTF8()
	}
	return f.Syntax() == protoreflect.Proto3
}
