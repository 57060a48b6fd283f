package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// fields reads the top-level fields, with roles that do not depend on
// composite indexes.
func (r *reader) fields(e *Entity, allColumns bool) {
	goNames := map[string]bool{}
	for i := range e.Desc.Fields().Len() {
		desc := e.Desc.Fields().Get(i)
		f := &Field{
			Desc:     desc,
			Number:   int32(desc.Number()),
			Name:     string(desc.Name()),
			Type:     typeOf(desc),
			Comment:  comment(desc),
			Presence: desc.HasPresence(),
		}
		e.Fields = append(e.Fields, f)
		// goName leaves no _, so a number behind one meets no other field.
		if f.GoName = goName(f.Name); f.GoName == "" || goNames[f.GoName] {
			f.GoName = fmt.Sprintf("%s_%d", cmp.Or(f.GoName, "Field"), f.Number)
		}
		goNames[f.GoName] = true
		o := fieldOptions(desc)
		if o != nil {
			r.unknown(desc, fieldOption, o.ProtoReflect())
		}
		r.bounds(f, o)
		r.column(f, o, allColumns)
	}
	slices.SortFunc(e.Fields, func(a, b *Field) int { return int(a.Number) - int(b.Number) })
}

// columnOf returns the name of the column of a field that has this name:
// displayName is in display_name.
func columnOf(field string) string {
	if fieldShape.MatchString(field) {
		return field
	}
	return strings.Trim(snake(field), "_")
}

func typeOf(f protoreflect.FieldDescriptor) Type {
	if f.Cardinality() == protoreflect.Repeated {
		return Other
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return Text
	case protoreflect.BytesKind:
		return Bytes
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return Float
	case protoreflect.BoolKind:
		return Bool
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return Uint
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.EnumKind:
		return Int
	case protoreflect.MessageKind:
		if f.Message().FullName() == "google.protobuf.Timestamp" {
			return Timestamp
		}
	}
	return Other
}

// typeName is a field's type as its declaration has it.
func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s>", typeName(f.MapKey()), typeName(f.MapValue()))
	case f.IsList():
		return "repeated " + elementName(f)
	}
	return elementName(f)
}

func elementName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return string(f.Message().FullName())
	case f.Enum() != nil:
		return string(f.Enum().FullName())
	}
	return f.Kind().String()
}

func isInteger(f *Field) bool {
	return (f.Type == Int || f.Type == Uint) && f.Desc.Enum() == nil
}

// bounds reads required, lengths and range.
func (r *reader) bounds(f *Field, o *prismv1.Field) {
	f.Required = o.GetRequired()
	if f.Required && !f.Presence && !hasLength(f) {
		fix := "mark the field optional, or remove required"
		if f.Desc.IsList() || f.Desc.IsMap() { // which cannot be optional
			fix = "remove required"
		}
		r.report(RuleRequiredPresence, place(f.Desc, option(fieldOption, fieldRequired)...), fix,
			"an absent %s cannot be told apart from its zero value", f.Name)
	}
	f.MinLength, f.MaxLength = int(o.GetMinLength()), int(o.GetMaxLength())
	for _, length := range []struct {
		number int32
		name   string
		value  int
	}{{fieldMinLength, "min_length", f.MinLength}, {fieldMaxLength, "max_length", f.MaxLength}} {
		at := place(f.Desc, option(fieldOption, length.number)...)
		switch {
		case length.value == 0:
		case !hasLength(f):
			r.report(RuleBoundsType, at, "remove it", "%s is set on %s, which has type %s", length.name, f.Name, typeName(f.Desc))
		case length.value > maxRecord:
			r.report(RuleOptionRange, at, fmt.Sprintf("write at most %d", maxRecord), "%s of %s is %d", length.name, f.Name, length.value)
		}
	}
	if f.MaxLength > 0 && f.MinLength > f.MaxLength {
		r.report(RuleBoundsEmpty, place(f.Desc, option(fieldOption, fieldMinLength)...), "swap them", "min_length %d of %s is above max_length %d", f.MinLength, f.Name, f.MaxLength)
	}
	if o.GetRange() != nil {
		r.valueRange(f, o.GetRange())
	}
}

// hasLength reports whether the field is text or bytes, of which an empty one is
// as good as absent.
func hasLength(f *Field) bool { return f.Type == Text || f.Type == Bytes }

func (r *reader) valueRange(f *Field, bound *prismv1.Range) {
	f.Min, f.Max = bound.Min, bound.Max
	at := place(f.Desc, option(fieldOption, fieldRange)...)
	switch {
	case !isInteger(f):
		r.report(RuleBoundsType, at, "remove it", "range is set on %s, which has type %s", f.Name, typeName(f.Desc))
	case f.Min == nil && f.Max == nil:
		r.report(RuleBoundsEmpty, at, "write min, max or both", "range of %s has neither min nor max", f.Name)
	case f.Min != nil && f.Max != nil && *f.Min > *f.Max:
		r.report(RuleBoundsEmpty, at, "swap them", "min %d of %s is above max %d", *f.Min, f.Name, *f.Max)
	case f.Max != nil && *f.Max < 0 && unsigned(f):
		r.report(RuleBoundsEmpty, at, "write a max that the type can hold", "max %d of %s is below every %s", *f.Max, f.Name, typeName(f.Desc))
	}
}

func unsigned(f *Field) bool {
	return f.Type == Uint || f.Desc.Kind() == protoreflect.Uint32Kind || f.Desc.Kind() == protoreflect.Fixed32Kind
}

// column marks a field that has a column of its own, and names the columns of
// all that can have one.
func (r *reader) column(f *Field, o *prismv1.Field, all bool) {
	marked := o.GetColumn() != nil
	f.Column = columnOf(f.Name)
	at := place(f.Desc)
	if marked {
		at = place(f.Desc, option(fieldOption, fieldColumn)...)
	}
	if name := o.GetColumn().GetName(); name != "" {
		f.Column = name
	}
	if f.Type == Other {
		f.Column = ""
		if marked {
			r.report(RuleColumnType, at, "remove it", "column is set on %s, which has type %s", f.Name, typeName(f.Desc))
		}
		return
	}
	if marked || all {
		f.Role = Marked
	}
}

// noEntity refuses field options outside entities, where nothing serves them.
func (r *reader) noEntity(m protoreflect.MessageDescriptor) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		o := fieldOptions(f)
		if o == nil {
			continue
		}
		r.unknown(f, fieldOption, o.ProtoReflect())
		o.ProtoReflect().Range(func(member protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if member.Name() != "pii" {
				r.report(RuleFieldEntity, place(f, option(fieldOption, int32(member.Number()))...), "remove it, or make the message an entity",
					"%s is set on field %s of %s, which is not an entity", member.Name(), f.Name(), m.FullName())
			}
			return true
		})
	}
}
