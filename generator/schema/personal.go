package schema

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// mask is the one protection that is built.
const mask = "MASK"

// personal makes the entity's personal-data inventory. A message that contains
// itself is followed once on every path.
func (r *reader) personal(e *Entity) {
	for _, f := range e.Fields {
		f.Personal = category(fieldOptions(f.Desc))
	}
	var follow func(m protoreflect.MessageDescriptor, prefix string, numbers []int32, above []protoreflect.FullName)
	follow = func(m protoreflect.MessageDescriptor, prefix string, numbers []int32, above []protoreflect.FullName) {
		if slices.Contains(above, m.FullName()) || !holdsPersonal(m, map[protoreflect.FullName]bool{}) {
			return
		}
		above = append(slices.Clone(above), m.FullName())
		for _, f := range byNumber(m) {
			path, number := prefix+string(f.Name()), append(slices.Clone(numbers), int32(f.Number()))
			if c := category(fieldOptions(f)); c != "" {
				e.Personal = append(e.Personal, Personal{Path: path, Number: number, Category: c, Protection: mask})
			}
			if f.Message() != nil {
				follow(f.Message(), path+".", number, above)
			}
		}
	}
	follow(e.Desc, "", nil, nil)
	for _, f := range e.Fields {
		for i := range e.Personal {
			if f.Role == Indexed && e.Personal[i].Path == f.Name {
				e.Personal[i].Indexed = true
			}
		}
	}
	slices.SortFunc(e.Personal, func(a, b Personal) int { return cmp.Compare(a.Path, b.Path) })
}

func category(o *prismv1.Field) Category {
	if c := o.GetPii().GetCategory(); c != prismv1.Pii_CATEGORY_UNSPECIFIED {
		return Category(c.String())
	}
	return ""
}

func byNumber(m protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	fields := make([]protoreflect.FieldDescriptor, m.Fields().Len())
	for i := range fields {
		fields[i] = m.Fields().Get(i)
	}
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	return fields
}

// holdsPersonal reports whether a personal field is in m or below it; without
// it, the paths through a large schema could not be walked.
func holdsPersonal(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	found := false
	reach(m, seen, func(m protoreflect.MessageDescriptor) {
		for i := range m.Fields().Len() {
			found = found || fieldOptions(m.Fields().Get(i)).GetPii() != nil
		}
	})
	return found
}

// reach visits m and every message below it that seen does not hold.
func reach(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, visit func(protoreflect.MessageDescriptor)) {
	if seen[m.FullName()] {
		return
	}
	seen[m.FullName()] = true
	visit(m)
	for i := range m.Fields().Len() {
		if below := m.Fields().Get(i).Message(); below != nil {
			reach(below, seen, visit)
		}
	}
}

func everyMessage(all protoreflect.MessageDescriptors, visit func(protoreflect.MessageDescriptor)) {
	for i := range all.Len() {
		visit(all.Get(i))
		everyMessage(all.Get(i).Messages(), visit)
	}
}

func (r *reader) personalFields(m protoreflect.MessageDescriptor) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		pii := fieldOptions(f).GetPii()
		if pii == nil {
			continue
		}
		at := place(f, option(fieldOption, fieldPii)...)
		switch {
		case f.IsMap():
			r.report(RulePIIType, at, "write pii on fields of the map's value, or use a repeated message",
				"pii is set on map %s, whose keys would be personal data", f.Name())
		case f.Message() != nil && untyped[f.Message().FullName()]:
			r.report(RulePIIContent, at, "use a message with fields of its own", "pii is set on %s, which has type %s", f.Name(), typeName(f))
		case f.Enum() != nil:
			r.report(RulePIIType, at, "remove it, or use text", "pii is set on %s, which has enum type %s", f.Name(), f.Enum().FullName())
		}
		if pii.GetCategory() == prismv1.Pii_CATEGORY_UNSPECIFIED {
			r.report(RulePIICategory, at, "write pii.category = CUSTOM, or a closer one", "pii of %s has no category", f.Name())
		}
		if p := pii.GetProtection(); p != prismv1.Pii_PROTECTION_UNSPECIFIED && p != prismv1.Pii_MASK {
			r.report(RulePIIProtection, place(f, option(fieldOption, fieldPii, piiProtection)...), "write MASK, or keep the field out of the schema until then",
				"%s of %s is not built yet", p, f.Name())
		}
	}
}

// untyped are messages that hold values of any type.
var untyped = map[protoreflect.FullName]bool{
	"google.protobuf.Any": true, "google.protobuf.Struct": true, "google.protobuf.Value": true, "google.protobuf.ListValue": true,
}
