package diff

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// pair is a message that was at a path of a record, and the one that is there now.
type pair struct {
	was, now protoreflect.MessageDescriptor
	path     []int32
	name     string // address.
}

// messages compares the messages of an entity's record field by field, by number. Each
// pair of messages, and of enums, is compared where it is nearest to the entity.
func (b *builder) messages(was, now *schema.Entity) {
	w := walker{builder: b, was: was, now: now, seen: map[[2]protoreflect.FullName]bool{}}
	w.open = []pair{{was: was.Desc, now: now.Desc}}
	for len(w.open) > 0 {
		p := w.open[0]
		w.open = w.open[1:]
		if w.first(p.was, p.now) {
			w.message(p)
		}
	}
}

type walker struct {
	*builder
	was, now *schema.Entity
	open     []pair
	seen     map[[2]protoreflect.FullName]bool
}

func (w *walker) first(was, now protoreflect.Descriptor) bool {
	key := [2]protoreflect.FullName{was.FullName(), now.FullName()}
	first := !w.seen[key]
	w.seen[key] = true
	return first
}

func (w *walker) message(p pair) {
	for i := range p.now.Fields().Len() {
		now := p.now.Fields().Get(i)
		w.field(p, p.was.Fields().ByNumber(now.Number()), now)
	}
	for i := range p.was.Fields().Len() {
		was := p.was.Fields().Get(i)
		if p.now.Fields().ByNumber(was.Number()) != nil {
			continue
		}
		c := w.builder.field(w.now, below(p, was), p.name+string(was.Name()), schema.PlaceOf(p.now))
		c.add("removed, %s before", compat.Declared(was))
		c.loses = "nothing: records of before keep its bytes"
		c.contract = append(c.contract, "one field less")
		if len(p.path) == 0 {
			w.indexed(c, was, nil)
		}
	}
}

func below(p pair, f protoreflect.FieldDescriptor) []int32 {
	return append(slices.Clone(p.path), int32(f.Number()))
}

// field compares a field; was is nil if it is new.
func (w *walker) field(p pair, was, now protoreflect.FieldDescriptor) {
	var parts, contract []string
	if was == nil {
		parts, contract = []string{"new, " + compat.Declared(now)}, []string{"one field more"}
	} else {
		parts = w.declared(was, now)
		if was.Name() != now.Name() || was.JSONName() != now.JSONName() {
			contract = append(contract, "the field's name in code and in JSON")
		}
		if compat.Declared(was) != compat.Declared(now) {
			contract = append(contract, "the field's type")
		}
		if a, c := inner(was), inner(now); a != nil && c != nil {
			w.open = append(w.open, pair{was: a, now: c, path: below(p, now), name: p.name + string(now.Name()) + "."})
		}
	}
	column := was == nil || len(parts) > 0 && (compat.Declared(was) != compat.Declared(now) || was.HasPresence() != now.HasPresence())
	if len(p.path) == 0 {
		more, needs := w.stored(was, now)
		parts, column = append(parts, more...), column || needs
	}
	bounds := bounds(was, now)
	if len(bounds) > 0 && was != nil {
		contract = append(contract, "other bounds of what is written")
	}
	parts = append(parts, bounds...)
	if before, after := optionsOf(was).GetPii().GetCategory(), optionsOf(now).GetPii().GetCategory(); before != after {
		switch {
		case after == 0:
			parts = append(parts, fmt.Sprintf("no longer personal data (%s)", before))
		default:
			parts = append(parts, fmt.Sprintf("personal data (%s)", after))
		}
	}
	if was != nil && len(parts) == 0 && plain(was) != plain(now) {
		parts = append(parts, "declared otherwise")
	}
	if len(parts) == 0 {
		return
	}
	c := w.builder.field(w.now, below(p, now), p.name+string(now.Name()), schema.PlaceOf(now))
	c.parts, c.contract, c.column = append(c.parts, parts...), append(c.contract, contract...), column
	if len(p.path) > 0 {
		return
	}
	w.indexed(c, was, now)
	if role(w.was, was) != schema.Plain && role(w.now, now) == schema.Plain && c.keeps == "" {
		c.keeps = "its column is written for one release more"
	}
}

// inner returns the message below a field, or nil: of a map, that of its values.
func inner(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if f.IsMap() {
		f = f.MapValue()
	}
	return f.Message()
}

// plain is how a field is declared, but for names and places of others, in a form in
// which options that this compiler does not know are as those that it does.
func plain(f protoreflect.FieldDescriptor) string {
	p := protodesc.ToFieldDescriptorProto(f)
	p.OneofIndex, p.TypeName, p.JsonName = nil, nil, nil
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err == nil {
		p = &descriptorpb.FieldDescriptorProto{}
		err = proto.Unmarshal(text, p)
	}
	if err == nil {
		text, err = proto.MarshalOptions{Deterministic: true}.Marshal(p)
	}
	if err != nil {
		panic(fmt.Sprintf("diff: field %s: %v", f.FullName(), err)) // it was compiled
	}
	return string(text)
}

// declared compares how a field is read and written.
func (w *walker) declared(was, now protoreflect.FieldDescriptor) (parts []string) {
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if was.Name() != now.Name() {
		add("renamed, %s before", was.Name())
	} else if was.JSONName() != now.JSONName() {
		add("in JSON %s, %s before", now.JSONName(), was.JSONName())
	}
	a, c := compat.Declared(was), compat.Declared(now)
	if a != c {
		add("now %s, %s before", c, a)
	}
	if was.HasPresence() != now.HasPresence() && a == c {
		add("%s", changed(now.HasPresence(), "optional"))
	}
	if required := now.Cardinality() == protoreflect.Required; required != (was.Cardinality() == protoreflect.Required) {
		add("%s", changed(required, "labelled required"))
	}
	if was.Enum() != nil && now.Enum() != nil && w.first(was.Enum(), now.Enum()) {
		parts = append(parts, values(was.Enum(), now.Enum())...)
	}
	return parts
}

func changed(is bool, what string) string {
	if is {
		return "now " + what
	}
	return "no longer " + what
}

// values compares those of an enum, by number.
func values(was, now protoreflect.EnumDescriptor) (parts []string) {
	for i := range now.Values().Len() {
		v := now.Values().Get(i)
		old := was.Values().ByNumber(v.Number())
		switch {
		case old == nil:
			parts = append(parts, fmt.Sprintf("new value %s = %d", v.Name(), v.Number()))
		case was.Values().ByName(v.Name()) == nil:
			parts = append(parts, fmt.Sprintf("value %d renamed %s, %s before", v.Number(), v.Name(), old.Name()))
		}
	}
	for i := range was.Values().Len() {
		if v := was.Values().Get(i); now.Values().ByNumber(v.Number()) == nil {
			parts = append(parts, fmt.Sprintf("value %s = %d removed", v.Name(), v.Number()))
		}
	}
	return parts
}

// stored compares what a field of the entity itself has in the store, and reports
// whether what is declared of it asks for more than before.
func (w *walker) stored(was, now protoreflect.FieldDescriptor) (parts []string, more bool) {
	words := map[prismv1.Field_Index]string{prismv1.Field_EQUALITY: "indexed", prismv1.Field_ORDERED: "indexed in order", prismv1.Field_UNIQUE: "unique"}
	a, c := optionsOf(was).GetIndex(), optionsOf(now).GetIndex()
	switch {
	case a == c:
	case was == nil:
		parts = append(parts, words[c])
	case c == prismv1.Field_INDEX_UNSPECIFIED:
		parts = append(parts, "no longer "+words[a])
	case a == prismv1.Field_INDEX_UNSPECIFIED:
		parts = append(parts, "now "+words[c])
	default:
		parts = append(parts, "now "+words[c]+", "+words[a]+" before")
	}
	before, after := role(w.was, was), role(w.now, now)
	if (before == schema.Key) != (after == schema.Key) {
		parts = append(parts, changed(after == schema.Key, "in the key"))
	}
	marked := after == schema.Marked && (before == schema.Plain || optionsOf(was).GetColumn().GetName() != optionsOf(now).GetColumn().GetName())
	switch {
	case marked && was == nil:
		parts = append(parts, "a column")
	case marked:
		parts = append(parts, "now a column")
	case before == schema.Marked && after == schema.Plain:
		parts = append(parts, "no longer a column")
	}
	return parts, marked || a != c && c != prismv1.Field_INDEX_UNSPECIFIED
}

// role is why a field has a column by the schema, whatever is kept; nil has none.
func role(e *schema.Entity, f protoreflect.FieldDescriptor) schema.Role {
	if f == nil {
		return schema.Plain
	}
	for _, x := range e.Fields {
		if x.Desc == f && x.Role != schema.Kept {
			return x.Role
		}
	}
	return schema.Plain
}

// indexed adds what becomes of the Find of a field of the entity itself; now is nil if
// the field is gone.
func (w *walker) indexed(c *change, was, now protoreflect.FieldDescriptor) {
	a, n := indexOf(w.was, was), indexOf(w.now, now)
	c.contract = append(c.contract, finds(a, n)...)
	if n != nil {
		c.builds = n.Find
	}
	if a != nil && (n == nil || a.Unique && (c.column || !n.Unique)) {
		c.keeps = kept(a)
	}
}

// indexOf returns the index that a field's option is, or nil.
func indexOf(e *schema.Entity, f protoreflect.FieldDescriptor) *schema.Index {
	for _, x := range e.Indexes {
		if of := ofField(e, x); of != nil && of.Desc == f {
			return x
		}
	}
	return nil
}

// bounds compares what a field may hold.
func bounds(was, now protoreflect.FieldDescriptor) (parts []string) {
	before, after := limits(was), limits(now)
	for i := range after {
		switch a, c := before[i], after[i]; {
		case a == c:
		case c == "":
			parts = append(parts, "no longer "+a)
		case a == "":
			parts = append(parts, c)
		default:
			parts = append(parts, c+" ("+a+" before)")
		}
	}
	return parts
}

// limits returns each kind of bound in words, "" where there is none.
func limits(f protoreflect.FieldDescriptor) (texts [6]string) {
	o := optionsOf(f)
	if o.GetRequired() {
		texts[0] = "required"
	}
	for i, n := range []struct {
		format string
		value  uint32
	}{{"at least %d bytes", o.GetMinLength()}, {"at most %d bytes", o.GetMaxLength()}, {"at least %d items", o.GetMinItems()}, {"at most %d items", o.GetMaxItems()}} {
		if n.value > 0 {
			texts[i+1] = fmt.Sprintf(n.format, n.value)
		}
	}
	if r := o.GetRange(); r != nil && (r.Min != nil || r.Max != nil) {
		switch {
		case r.Max == nil:
			texts[5] = fmt.Sprintf("at least %d", *r.Min)
		case r.Min == nil:
			texts[5] = fmt.Sprintf("at most %d", *r.Max)
		default:
			texts[5] = fmt.Sprintf("from %d to %d", *r.Min, *r.Max)
		}
	}
	return texts
}

// optionsOf returns the options of a field; nil has every option unset.
func optionsOf(f protoreflect.FieldDescriptor) *prismv1.Field {
	if f == nil {
		return nil
	}
	o, _ := f.Options().(*descriptorpb.FieldOptions)
	if !proto.HasExtension(o, prismv1.E_Field) {
		return nil
	}
	return proto.GetExtension(o, prismv1.E_Field).(*prismv1.Field)
}
