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
		f := newField(desc, goNames)
		e.Fields = append(e.Fields, f)
		o := fieldOptions(desc)
		if o != nil {
			r.unknown(desc, fieldOption, o.ProtoReflect())
		}
		r.checkBounds(f)
		r.column(f, o, allColumns)
	}
	slices.SortFunc(e.Fields, func(a, b *Field) int { return int(a.Number) - int(b.Number) })
}

// newField returns a field with its bounds, and a name in Go that is not among taken,
// to which it is added.
func newField(desc protoreflect.FieldDescriptor, taken map[string]bool) *Field {
	f := &Field{
		Desc:     desc,
		Number:   int32(desc.Number()),
		Name:     string(desc.Name()),
		Type:     typeOf(desc),
		Comment:  comment(desc),
		Presence: desc.HasPresence(),
		Labelled: desc.Cardinality() == protoreflect.Required,
	}
	// goName leaves no _, so a number behind one meets no other field.
	if f.GoName = goName(f.Name); f.GoName == "" || taken[f.GoName] {
		f.GoName = fmt.Sprintf("%s_%d", cmp.Or(f.GoName, "Field"), f.Number)
	}
	taken[f.GoName] = true
	f.readBounds(fieldOptions(desc))
	return f
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
	return valueType(f)
}

// valueType is the type of a value of the field: of a list, of its elements.
func valueType(f protoreflect.FieldDescriptor) Type {
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
		for _, member := range []struct {
			number int32
			name   string
			set    bool
		}{
			{fieldPartitionKey, "partition_key", o.PartitionKey != nil}, {fieldSortKey, "sort_key", o.SortKey != nil},
			{fieldIndex, "index", o.Index != 0}, {fieldColumn, "column", o.Column != nil},
		} {
			if member.set {
				r.report(RuleFieldEntity, place(f, option(fieldOption, member.number)...), "remove it, or make the message an entity",
					"%s is set on field %s of %s, which is not an entity", member.name, f.Name(), m.FullName())
			}
		}
	}
}
