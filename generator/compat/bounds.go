package compat

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// required compares what records must have. The field was not there if was is nil.
func (c *comparison) required(was, now protoreflect.FieldDescriptor, path []int32) {
	labelled := func(f protoreflect.FieldDescriptor) bool {
		return f != nil && f.Cardinality() == protoreflect.Required
	}
	demanded := labelled(was) || was != nil && optionsOf(was).GetRequired()
	switch {
	case c.mode.Backward && !demanded && (labelled(now) || optionsOf(now).GetRequired()):
		c.report(schema.RuleEvolveRequired, place(now), path, "demand it in the code that writes, and leave required out",
			"%s is required now, and records and clients of before may be without it", title(now))
	case c.mode.Backward && !labelled(was) && labelled(now): // a bound is checked in writes only, a label in reads too
		c.report(schema.RuleEvolveRequired, place(now), path, "write (prism.v1.field).required instead",
			"%s is labelled required now, and a record of before without it cannot be read", title(now))
	case c.mode.Forward && labelled(was) && !labelled(now):
		c.report(schema.RuleEvolveRequired, place(now), path, "keep the label until nothing is left that demands it",
			"%s is no longer labelled required, and whoever was compiled before refuses a record without it", title(now))
	}
}

// bounds compares the bounds of a field, which was not there if was is nil.
func (c *comparison) bounds(was, now protoreflect.FieldDescriptor, path []int32) {
	if !c.mode.Backward {
		return
	}
	if was == nil { // which only a list that must not be empty demands
		if n := optionsOf(now).GetMinItems(); n > 0 {
			c.report(schema.RuleEvolveBounds, place(now), path, "leave min_items out",
				"%s is new and has at least %d items, and records and clients of before are without it", title(now), n)
		}
		return
	}
	var narrower []string
	indexed := true
	for _, b := range limits(now) {
		before := limitOf(was, b.name)
		if before != nil && (*before == b.value || b.least == (b.value < *before)) {
			continue
		}
		text := "none"
		if before != nil {
			text = fmt.Sprint(*before)
		}
		narrower = append(narrower, fmt.Sprintf("%s %d (%s before)", b.name, b.value, text))
		indexed = indexed && b.name == "max_length" && before == nil && c.newlyIndexed(path)
	}
	if len(narrower) == 0 {
		return
	}
	f := c.report(schema.RuleEvolveBounds, place(now), path, "keep the bounds, or check the records first",
		"%s has %s: records and clients of before may have other values", title(now), strings.Join(narrower, ", "))
	if indexed { // every record is checked before the index is built
		f.Severity = schema.Warning
	}
}

// newlyIndexed reports whether the field at a path is in an index, and was in none.
func (c *comparison) newlyIndexed(path []int32) bool {
	in := func(e *schema.Entity) bool {
		for _, f := range e.Fields {
			if len(path) == 1 && f.Number == path[0] {
				return f.Role == schema.Indexed
			}
		}
		return false
	}
	return in(c.now) && !in(c.was)
}

// limit is one bound of a field.
type limit struct {
	name  string
	value int64
	least bool // a lower bound
}

// limits returns the bounds of a field that refuse anything.
func limits(f protoreflect.FieldDescriptor) []limit {
	o := optionsOf(f)
	var all []limit
	for _, l := range []limit{
		{"min_length", int64(o.GetMinLength()), true}, {"max_length", int64(o.GetMaxLength()), false},
		{"min_items", int64(o.GetMinItems()), true}, {"max_items", int64(o.GetMaxItems()), false},
	} {
		// One byte at least refuses nothing: an empty field counts as absent, but in a list.
		if l.value > 1 || l.value == 1 && (l.name != "min_length" || f.Cardinality() == protoreflect.Repeated) {
			all = append(all, l)
		}
	}
	r := o.GetRange()
	if r == nil {
		r = &prismv1.Range{}
	}
	if r.Min != nil && (*r.Min > 0 || !unsigned(f)) {
		all = append(all, limit{"range.min", *r.Min, true})
	}
	if r.Max != nil {
		all = append(all, limit{"range.max", *r.Max, false})
	}
	return all
}

// limitOf returns the value of one bound, or nil.
func limitOf(f protoreflect.FieldDescriptor, name string) *int64 {
	for _, l := range limits(f) {
		if l.name == name {
			return &l.value
		}
	}
	return nil
}

// unsigned reports whether the values of a field, or of a map, are not below 0.
func unsigned(f protoreflect.FieldDescriptor) bool {
	if f.IsMap() {
		f = f.MapValue()
	}
	switch f.Kind() {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return true
	}
	return false
}

// personal compares the marks of personal data, whatever the entity's compatibility:
// logs and inventories go by them. It reports whether the messages in the field are
// marked, or need no second word.
func (c *comparison) personal(was, now protoreflect.FieldDescriptor, p pair, path []int32) bool {
	before, after := optionsOf(was).GetPii().GetCategory(), optionsOf(now).GetPii().GetCategory()
	switch {
	case before == 0 || p.personal || before == after:
	case after == 0:
		c.report(schema.RuleEvolvePII, place(now), path, "write pii.category = "+before.String(),
			"%s was personal data (%s), and is not marked any more: records of before hold it", title(now), before)
	default:
		c.report(schema.RuleEvolvePII, place(now), path, "write pii.category = "+before.String(),
			"%s was personal data of category %s, and is of %s", title(now), before, after).Severity = schema.Warning
	}
	return p.personal || before != 0 || after != 0
}
