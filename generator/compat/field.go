package compat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
)

// message compares two messages field by field, by number.
func (c *comparison) message(p pair) {
	for i := range p.was.Fields().Len() {
		f := p.was.Fields().Get(i)
		if now := p.now.Fields().ByNumber(f.Number()); now != nil {
			c.field(f, now, p)
		} else {
			c.removed(f, p)
		}
	}
	for i := range p.now.Fields().Len() {
		if f := p.now.Fields().Get(i); p.was.Fields().ByNumber(f.Number()) == nil {
			c.added(f, p)
		}
	}
}

func below(p pair, f protoreflect.FieldDescriptor) []int32 {
	return append(slices.Clone(p.path), int32(f.Number()))
}

// title is a field as messages name it: lines of shop.v1.Order.
func title(f protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("%s of %s", f.Name(), f.ContainingMessage().FullName())
}

func (c *comparison) removed(was protoreflect.FieldDescriptor, p pair) {
	at, path := place(p.now), below(p, was)
	if c.promised() && !p.now.ReservedRanges().Has(was.Number()) {
		c.report(schema.RuleEvolveReserve, at, path, fmt.Sprintf("write reserved %d in %s", was.Number(), p.now.Name()),
			"%s, number %d, is gone, and the number is free for another field", title(was), was.Number())
	}
	if c.mode.Forward && was.Cardinality() == protoreflect.Required {
		c.report(schema.RuleEvolveRequired, at, path, "keep the field until nothing is left that demands it",
			"%s is gone, and whoever was compiled before refuses a record without it", title(was))
	}
}

func (c *comparison) added(now protoreflect.FieldDescriptor, p pair) {
	at, path := place(now), below(p, now)
	if c.promised() && p.was.ReservedRanges().Has(now.Number()) && !c.known(now) {
		c.report(schema.RuleEvolveReuse, at, path, freeNumber(now), "%s has number %d, which was reserved", title(now), now.Number())
	}
	c.required(nil, now, path)
	c.bounds(nil, now, path)
}

// freeNumber is the way out for a number that has another meaning.
func freeNumber(f protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("give it a number that no release had, and write reserved %d", f.Number())
}

// known reports whether one of the releases has the field under this number, as it is
// now: a field may come back.
func (c *comparison) known(f protoreflect.FieldDescriptor) bool {
	return slices.ContainsFunc(c.releases, func(r release) bool {
		m := r.messages[f.ContainingMessage().FullName()]
		if m == nil {
			return false
		}
		was := m.Fields().ByNumber(f.Number())
		return was != nil && was.Name() == f.Name()
	})
}

// absent reports whether a later release does without the field.
func (c *comparison) absent(f protoreflect.FieldDescriptor) bool {
	return slices.ContainsFunc(c.releases[c.release+1:], func(r release) bool {
		m := r.messages[f.ContainingMessage().FullName()]
		return m != nil && m.Fields().ByNumber(f.Number()) == nil
	})
}

// field compares a field that both messages have.
func (c *comparison) field(was, now protoreflect.FieldDescriptor, p pair) {
	path := below(p, now)
	if !c.types(was, now, path) { // another field altogether
		return
	}
	c.required(was, now, path)
	c.bounds(was, now, path)
	marked := c.personal(was, now, p, path)
	if c.mode.Promised() && was.JSONName() != now.JSONName() {
		c.report(schema.RuleEvolveContract, place(now), path, fmt.Sprintf("write json_name = %q, if clients speak JSON", was.JSONName()),
			"the JSON name of %s was %s, and is %s", title(now), was.JSONName(), now.JSONName()).Severity = schema.Warning
	}
	if was.Enum() != nil && now.Enum() != nil {
		c.enum(was.Enum(), now.Enum(), path)
	}
	if was.Message() != nil && now.Message() != nil && !wellKnown(now.Message()) {
		c.follow(pair{was: was.Message(), now: now.Message(), path: path, personal: marked})
	}
}

// types compares how a field is written and read, and reports whether it is the same
// field.
func (c *comparison) types(was, now protoreflect.FieldDescriptor, path []int32) bool {
	backward, forward := reading(was, now), reading(now, was)
	at, worst := place(now), max(backward, forward)
	renamed := was.Name() != now.Name() && worst >= Other
	if c.promised() && (renamed || worst > Same && c.absent(was)) {
		c.report(schema.RuleEvolveReuse, at, path, freeNumber(now),
			"number %d of %s was %s %s, and is %s %s", now.Number(), now.ContainingMessage().FullName(), describe(was), was.Name(), describe(now), now.Name())
		return false
	}
	var broken []string
	if c.mode.Backward && backward > Same {
		broken = append(broken, backwardWords[backward])
	}
	if c.mode.Forward && forward > Same {
		broken = append(broken, forwardWords[forward])
	}
	if len(broken) == 0 {
		return true
	}
	fix := fmt.Sprintf("keep the type, or add a field under a new number, and write reserved %d when this one goes", now.Number())
	if c.mode.Forward && backward == Same {
		fix = backwardFix(c.now.Compatibility) + "; or keep the type"
	}
	c.report(schema.RuleEvolveType, at, path, fix, "%s was %s, and is %s: %s", title(now), Declared(was), Declared(now), strings.Join(broken, "; "))
	return true
}

// What an outcome means, in either direction.
var (
	backwardWords = [...]string{
		Loss: "some old values are read as others", Other: "old values are read as others",
		Gone: "old values are not found, since they are read as an unknown field", Refused: "old records cannot be read",
	}
	forwardWords = [...]string{
		Loss: "whoever was compiled before reads some new values as others", Other: "whoever was compiled before reads new values as others",
		Gone: "whoever was compiled before does not find new values, and reads an unknown field", Refused: "whoever was compiled before cannot read new records",
	}
)

// Declared returns the type of a field in words, with what else decides how it is read.
func Declared(f protoreflect.FieldDescriptor) string {
	text := describe(f)
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		text += " in oneof " + string(o.Name())
	}
	if f.IsList() && !f.IsPacked() && shapeOf(f).kind.packable() {
		text += " (not packed)"
	}
	if f.HasDefault() {
		text += " with default " + zero(f)
	}
	return text
}

// reading returns what becomes of what was written as one field and is read as
// another, apart from the values of an enum and the fields of a message.
func reading(writer, reader protoreflect.FieldDescriptor) Outcome {
	o := shapeOf(writer).readAs(shapeOf(reader))
	e := reader.Enum()
	switch {
	case writer.Kind() == protoreflect.BoolKind && e != nil && e.IsClosed() && (e.Values().ByNumber(0) == nil || e.Values().ByNumber(1) == nil):
		o = max(o, Gone)
	case writer.Message() != nil && reader.Message() != nil && writer.Message().FullName() != reader.Message().FullName() &&
		(wellKnown(writer.Message()) || wellKnown(reader.Message())): // seconds of a time are not those of a duration
		o = max(o, Other)
	case reader.IsMap() && !writer.IsMap(): // of two entries with one key the last
		o = max(o, Loss)
	}
	if joins(writer, reader) {
		o = max(o, Loss)
	}
	if o == Same && !reader.IsList() && !writer.IsList() && reader.Message() == nil && zero(writer) != zero(reader) {
		return Other // of a record in which it is absent
	}
	return o
}

// wellKnown reports whether a message is protobuf's own: its meaning is its
// name, and it is the same in all releases.
func wellKnown(d protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(d.ParentFile().Path(), "google/protobuf/")
}

// joins reports whether the reader takes but one of the field and another that the
// writer may have written beside it.
func joins(writer, reader protoreflect.FieldDescriptor) bool {
	oneof := reader.ContainingOneof()
	if oneof == nil {
		return false
	}
	for i := range oneof.Fields().Len() {
		other := oneof.Fields().Get(i)
		sibling := writer.ContainingMessage().Fields().ByNumber(other.Number())
		if other.Number() != reader.Number() && sibling != nil && (writer.ContainingOneof() == nil || writer.ContainingOneof() != sibling.ContainingOneof()) {
			return true
		}
	}
	return false
}

// zero is what an absent field reads as, in a form in which equal values of all kinds
// are alike.
func zero(f protoreflect.FieldDescriptor) string {
	switch v := f.Default().Interface().(type) {
	case bool:
		return map[bool]string{false: "0", true: "1"}[v]
	case protoreflect.EnumNumber:
		return strconv.Itoa(int(v))
	case []byte:
		return string(v)
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// backwardFix gives up one half of a compatibility.
func backwardFix(c schema.Compatibility) string {
	c.Backward, c.Forward = true, false
	return fmt.Sprintf("write option (prism.v1.entity).compatibility = %s, if nothing that was compiled before reads new values", c)
}
