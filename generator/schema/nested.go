package schema

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// nested finds the messages below an entity that bounds stand in.
func (r *reader) nested(e *Entity) {
	n := nesting{entity: e, bounded: boundedBelow(e.Desc), personal: map[protoreflect.FullName]Category{}, made: map[protoreflect.FullName]*Nested{}, names: map[string]bool{}}
	if len(n.bounded) == 0 {
		return
	}
	reach(e.Desc, map[protoreflect.FullName]bool{}, func(m protoreflect.MessageDescriptor) {
		for _, f := range byNumber(m) {
			if c := category(fieldOptions(f)); c != "" && f.Message() != nil {
				reach(f.Message(), map[protoreflect.FullName]bool{}, func(m protoreflect.MessageDescriptor) { n.personal[m.FullName()] = c })
			}
		}
	})
	for _, f := range e.Fields {
		f.Nested = n.of(f)
	}
}

type nesting struct {
	entity   *Entity
	bounded  map[protoreflect.FullName]bool     // bounds stand in the message, or below it
	personal map[protoreflect.FullName]Category // of messages in a field that is personal data
	made     map[protoreflect.FullName]*Nested
	names    map[string]bool
}

// of returns what a write looks at in a field that holds messages: nil if it is
// nothing.
func (n *nesting) of(f *Field) *Nested {
	switch {
	case f.Desc.IsMap():
		return n.entry(f)
	case f.Desc.Message() == nil || !n.bounded[f.Desc.Message().FullName()]:
		return nil
	}
	return n.message(f.Desc.Message())
}

func (n *nesting) message(m protoreflect.MessageDescriptor) *Nested {
	if x := n.made[m.FullName()]; x != nil {
		return x
	}
	x := n.add(m)
	taken := map[string]bool{}
	for _, desc := range byNumber(m) {
		f := newField(desc, taken)
		if f.Type == Timestamp { // of which only the presence matters
			f.Type = Other
		}
		if f.Personal = category(fieldOptions(desc)); f.Personal == "" {
			f.Personal = n.personal[m.FullName()]
		}
		if f.Nested = n.of(f); f.Bounded() {
			x.Fields = append(x.Fields, f)
		}
	}
	return x
}

// entry is the entry of a map of which the keys count, or the values are bounded.
func (n *nesting) entry(f *Field) *Nested {
	value := elementOf(f.Desc)
	if f.Element != nil {
		value = f.Element
	}
	if m := f.Desc.MapValue().Message(); m != nil && n.bounded[m.FullName()] {
		value.Nested = n.message(m)
	}
	if !f.Bounded() && value.Nested == nil {
		return nil
	}
	if x := n.made[f.Desc.Message().FullName()]; x != nil {
		return x
	}
	x := n.add(f.Desc.Message())
	key := f.Desc.MapKey()
	x.Fields = []*Field{{Desc: key, Number: 1, Name: "key", GoName: "Key", Type: valueType(key)}}
	if value.Bounded() {
		x.Fields = append(x.Fields, value)
	}
	return x
}

// add adds a message under a name that no other has: before its fields are read,
// since it may contain itself.
func (n *nesting) add(m protoreflect.MessageDescriptor) *Nested {
	short := strings.ReplaceAll(strings.TrimPrefix(string(m.FullName()), string(m.ParentFile().Package())+"."), ".", "")
	name := "bounded" + short
	for i := 2; n.names[name]; i++ {
		name = "bounded" + short + "_" + strconv.Itoa(i)
	}
	x := &Nested{Desc: m, GoName: name}
	n.names[name], n.made[m.FullName()] = true, x
	n.entity.Nested = append(n.entity.Nested, x)
	return x
}

// boundedBelow returns the messages that m reaches, itself included, in or below
// which a field has bounds.
func boundedBelow(m protoreflect.MessageDescriptor) map[protoreflect.FullName]bool {
	bounded, holders := map[protoreflect.FullName]bool{}, map[protoreflect.FullName][]protoreflect.FullName{}
	var found []protoreflect.FullName
	reach(m, map[protoreflect.FullName]bool{}, func(m protoreflect.MessageDescriptor) {
		for _, f := range byNumber(m) {
			if below := f.Message(); below != nil {
				holders[below.FullName()] = append(holders[below.FullName()], m.FullName())
			}
			if isBounded(f) || f.Cardinality() == protoreflect.Required {
				found = append(found, m.FullName())
			}
		}
	})
	for len(found) > 0 {
		name := found[len(found)-1]
		found = found[:len(found)-1]
		if !bounded[name] {
			bounded[name] = true
			found = append(found, holders[name]...)
		}
	}
	return bounded
}

// isBounded reports whether the field's own options bound it.
func isBounded(f protoreflect.FieldDescriptor) bool {
	o := fieldOptions(f)
	return o.GetRequired() || o.GetMinLength() > 0 || o.GetMaxLength() > 0 || o.GetRange() != nil || o.GetMinItems() > 0 || o.GetMaxItems() > 0
}

// endless reports a message that demands another of its kind below it, which no
// record could hold. seen are those below it that were followed.
func (r *reader) endless(from, x *Nested, seen map[*Nested]bool) {
	for _, f := range x.Fields {
		next := f.Nested
		switch {
		case next == nil || !f.Required && f.MinItems == 0 && !x.Desc.IsMapEntry():
		case next == from:
			r.report(RuleBoundsEmpty, place(f.Desc), "remove required or min_items from a field on the way", "each %s would contain another", from.Desc.FullName())
		case !seen[next]:
			seen[next] = true
			r.endless(from, next, seen)
		}
	}
}

// checkFields checks the pii options and the bounds of the deployment's messages and
// of those that its entities reach.
func (r *reader) checkFields(d *Deployment) {
	entities := map[protoreflect.FullName]bool{}
	for _, e := range r.entities {
		entities[e.Desc.FullName()] = true
	}
	check := func(m protoreflect.MessageDescriptor) {
		r.personalFields(m)
		if !entities[m.FullName()] { // whose bounds are checked as they are read
			for _, f := range byNumber(m) {
				r.checkBounds(newField(f, map[string]bool{}))
			}
		}
	}
	seen, followed := map[protoreflect.FullName]bool{}, map[protoreflect.FullName]bool{}
	for _, e := range r.entities {
		reach(e.Desc, seen, check)
		for _, x := range e.Nested {
			if name := x.Desc.FullName(); !followed[name] && !x.Desc.IsMapEntry() {
				followed[name] = true
				r.endless(x, x, map[*Nested]bool{})
			}
		}
	}
	for _, f := range d.Files {
		everyMessage(f.Messages(), func(m protoreflect.MessageDescriptor) {
			reach(m, seen, func(m protoreflect.MessageDescriptor) {
				check(m)
				if i := slices.IndexFunc(byNumber(m), isBounded); i >= 0 && entityOptions(m) == nil && slices.Contains(d.Packages, string(m.ParentFile().Package())) {
					r.report(RuleBoundsUnused, place(byNumber(m)[i]), "use the message in an entity, or remove its bounds", "no entity contains %s, whose %s is bounded", m.FullName(), byNumber(m)[i].Name())
				}
			})
		})
	}
}
