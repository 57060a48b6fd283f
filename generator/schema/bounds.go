package schema

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// readBounds takes required, lengths, range and items from the field's options.
func (f *Field) readBounds(o *prismv1.Field) {
	f.Required, f.MinItems, f.MaxItems = o.GetRequired(), int(o.GetMinItems()), int(o.GetMaxItems())
	of := f
	if f.Desc.Cardinality() == protoreflect.Repeated {
		of = elementOf(f.Desc)
	}
	of.MinLength, of.MaxLength = int(o.GetMinLength()), int(o.GetMaxLength())
	if o.GetRange() != nil {
		of.Min, of.Max = o.GetRange().Min, o.GetRange().Max
	}
	if of != f && of.Bounded() {
		f.Element = of
	}
}

// elementOf returns an element of a list, or a value of a map, as a field.
func elementOf(repeated protoreflect.FieldDescriptor) *Field {
	of, name := repeated, "element"
	if repeated.IsMap() {
		of, name = repeated.MapValue(), "value"
	}
	return &Field{Desc: of, Number: int32(of.Number()), Name: name, GoName: goName(name), Type: valueType(of)}
}

// IsElement reports whether the field is an element of a list, or is in a map's
// entry, and not the list or the map itself.
func (f *Field) IsElement() bool {
	return f.Desc.IsList() && f.Type != Other || f.Desc.ContainingMessage().IsMapEntry()
}

// checkBounds reports what is wrong with the bounds that the field's options set.
func (r *reader) checkBounds(f *Field) {
	o := fieldOptions(f.Desc)
	repeated := f.Desc.Cardinality() == protoreflect.Repeated
	if f.Required && !f.Presence && !hasLength(f) {
		fix := "mark the field optional, or remove required"
		if repeated {
			fix = "write min_items = 1"
		}
		r.report(RuleRequiredPresence, place(f.Desc, option(fieldOption, fieldRequired)...), fix, "an absent %s cannot be told apart from its zero value", f.Name)
	}
	of := cmp.Or(f.Element, f)
	for _, bound := range []struct {
		number  int32
		name    string
		value   uint32
		applies bool
		most    uint32
	}{
		{fieldMinLength, "min_length", o.GetMinLength(), hasLength(of), maxRecord},
		{fieldMaxLength, "max_length", o.GetMaxLength(), hasLength(of), maxRecord},
		{fieldMinItems, "min_items", o.GetMinItems(), repeated, maxItems},
		{fieldMaxItems, "max_items", o.GetMaxItems(), repeated, maxItems},
	} {
		at := place(f.Desc, option(fieldOption, bound.number)...)
		switch {
		case bound.value == 0 && !isSet(o, bound.number):
		case !bound.applies:
			r.report(RuleBoundsType, at, "remove it", "%s is set on %s, which has type %s", bound.name, f.Name, typeName(f.Desc))
		case bound.value == 0:
			r.report(RuleOptionRange, at, "write at least 1", "%s of %s is 0", bound.name, f.Name)
		case bound.value > bound.most:
			r.report(RuleOptionRange, at, fmt.Sprintf("write at most %d", bound.most), "%s of %s is %d", bound.name, f.Name, bound.value)
		}
	}
	if of.MaxLength > 0 && of.MinLength > of.MaxLength {
		r.report(RuleBoundsEmpty, place(f.Desc, option(fieldOption, fieldMinLength)...), "swap them", "min_length %d of %s is above max_length %d", of.MinLength, f.Name, of.MaxLength)
	}
	if f.MaxItems > 0 && f.MinItems > f.MaxItems {
		r.report(RuleBoundsEmpty, place(f.Desc, option(fieldOption, fieldMinItems)...), "swap them", "min_items %d of %s is above max_items %d", f.MinItems, f.Name, f.MaxItems)
	}
	switch at := place(f.Desc, option(fieldOption, fieldMinItems)...); {
	case repeated && f.MinItems*of.MinLength > maxRecord:
		r.report(RuleBoundsEmpty, at, "lower one of them", "min_items %d of %s, each of at least %d bytes, are more than the %d bytes of a record", f.MinItems, f.Name, of.MinLength, maxRecord)
	case f.Desc.IsMap() && f.Desc.MapKey().Kind() == protoreflect.BoolKind && f.MinItems > 2:
		r.report(RuleBoundsEmpty, at, "write at most 2", "min_items of %s is %d, and there are two keys of type bool", f.Name, f.MinItems)
	}
	if o.GetRange() != nil {
		r.checkRange(f, of)
	}
}

// isSet reports whether a member of the options is written, be it as 0 where that is
// told apart.
func isSet(o *prismv1.Field, number int32) bool {
	m := o.ProtoReflect()
	return m.Has(m.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(number)))
}

// hasLength reports whether the field is text or bytes, of which an empty one is
// as good as absent.
func hasLength(f *Field) bool { return f.Type == Text || f.Type == Bytes }

// checkRange reports what is wrong with the range of a field, which is one of its
// values.
func (r *reader) checkRange(f, value *Field) {
	least, most := value.Min, value.Max
	at := place(f.Desc, option(fieldOption, fieldRange)...)
	switch {
	case !isInteger(value):
		r.report(RuleBoundsType, at, "remove it", "range is set on %s, which has type %s", f.Name, typeName(f.Desc))
	case least == nil && most == nil:
		r.report(RuleBoundsEmpty, at, "write min, max or both", "range of %s has neither min nor max", f.Name)
	case !r.holds(f, value, [2]*int64{least, most}):
	case least != nil && most != nil && *least > *most:
		r.report(RuleBoundsEmpty, at, "swap them", "min %d of %s is above max %d", *least, f.Name, *most)
	}
}

// holds reports the ends of a range that no value of the type can be, and whether
// there were none.
func (r *reader) holds(f, value *Field, ends [2]*int64) bool {
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	kind := value.Desc.Kind()
	fix := fmt.Sprintf("write at least 0: %s has no negative numbers", kind)
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		least, most = math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		least, most = 0, math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		least = 0
	}
	if most < math.MaxInt64 {
		fix = fmt.Sprintf("write %d to %d, which %s can hold", least, most, kind)
	}
	held := true
	for i, end := range ends {
		if end != nil && (*end < least || *end > most) {
			held = false
			r.report(RuleOptionRange, place(f.Desc, option(fieldOption, fieldRange, int32(i+1))...), fix, "%s of %s is %d", []string{"min", "max"}[i], f.Name, *end)
		}
	}
	return held
}

func isInteger(f *Field) bool {
	return (f.Type == Int || f.Type == Uint) && f.Desc.Enum() == nil
}

// Bounds says in words what a write demands of the field, as the contract tells its
// callers: required, 1 to 64 bytes, without NUL; of a list, 1 to 9 items, each 1 to
// 64 bytes. Empty: nothing.
func (f *Field) Bounds() string {
	var all []string
	required, found := f.Role == Key || f.Required || f.Labelled, f.Role == Key || f.Role == Indexed
	if required {
		all = append(all, "required")
	}
	if items := span(f.MinItems, f.MaxItems, "item"); items != "" {
		all = append(all, items)
	}
	if f.Element != nil {
		each := "each "
		if f.Desc.IsMap() {
			each = "each value "
		}
		all = append(all, each+f.Element.Bounds())
	}
	switch f.Type {
	case Text, Bytes:
		least := f.MinLength
		if required && (f.Required || f.Role == Key) {
			least = max(least, 1)
		}
		length := span(least, f.MaxLength, "byte")
		switch {
		case length == "" || required && least == 1 && f.MaxLength == 0:
		case f.MinLength > 0 && !required && !f.Presence && !f.IsElement():
			all = append(all, "empty or "+length)
		default:
			all = append(all, length)
		}
		if f.Type == Text && found {
			all = append(all, "without NUL")
		}
	case Timestamp:
		if found {
			all = append(all, "in the years 1 to 9999")
		}
	default:
		switch {
		case f.Min != nil && f.Max != nil:
			all = append(all, fmt.Sprintf("%d to %d", *f.Min, *f.Max))
		case f.Min != nil:
			all = append(all, fmt.Sprintf("at least %d", *f.Min))
		case f.Max != nil:
			all = append(all, fmt.Sprintf("at most %d", *f.Max))
		}
	}
	return strings.Join(all, ", ")
}

// span says how many there are at least and at most, "" if any number may be; 0 is
// no bound.
func span(least, most int, unit string) string {
	if cmp.Or(most, least) != 1 {
		unit = plural(unit)
	}
	switch {
	case least > 0 && least == most:
		return fmt.Sprintf("exactly %d %s", least, unit)
	case least > 0 && most > 0:
		return fmt.Sprintf("%d to %d %s", least, most, unit)
	case most > 0:
		return fmt.Sprintf("at most %d %s", most, unit)
	case least > 0:
		return fmt.Sprintf("at least %d %s", least, unit)
	}
	return ""
}

// bounded returns the comment of the field in a message of the contract: its own, and
// its bounds.
func (f *Field) bounded() string {
	bounds := f.Bounds()
	if bounds == "" {
		return f.Comment
	}
	bounds = strings.ToUpper(bounds[:1]) + bounds[1:] + "."
	if f.Comment == "" {
		return bounds
	}
	return f.Comment + "\n\n" + bounds
}
