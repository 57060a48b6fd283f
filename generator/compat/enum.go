package compat

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
)

// enum compares the values of two enums.
func (c *comparison) enum(was, now protoreflect.EnumDescriptor, path []int32) {
	key := [2]protoreflect.FullName{was.FullName(), now.FullName()}
	if c.enums[key] {
		return
	}
	c.enums[key] = true
	for _, v := range inOrder(was) {
		n := v.Number()
		moved := now.Values().ByName(v.Name())
		switch {
		case now.Values().ByNumber(n) == nil && c.mode.Backward && now.IsClosed():
			c.report(schema.RuleEvolveEnum, place(now), path, "keep the value",
				"value %s = %d of %s is gone: records that have it are read as without it", v.Name(), n, now.FullName())
		case now.Values().ByNumber(n) == nil && c.promised() && !now.ReservedRanges().Has(n):
			c.report(schema.RuleEvolveEnum, place(now), path, fmt.Sprintf("write reserved %d in %s", n, now.Name()),
				"value %s = %d of %s is gone, and the number is free for another", v.Name(), n, now.FullName())
		}
		if moved != nil && moved.Number() != n && c.mode.Promised() {
			c.report(schema.RuleEvolveEnum, place(moved), path, fmt.Sprintf("write %s = %d", v.Name(), n),
				"value %s of %s was %d, and is %d", v.Name(), now.FullName(), n, moved.Number())
		}
	}
	for _, v := range inOrder(now) {
		switch {
		case was.Values().ByNumber(v.Number()) != nil:
		case c.promised() && was.ReservedRanges().Has(v.Number()) && !c.knownValue(now, v):
			c.report(schema.RuleEvolveReuse, place(v), path, "give it a number that no release had",
				"value %s of %s has number %d, which was reserved", v.Name(), now.FullName(), v.Number())
		case c.mode.Forward && was.IsClosed():
			c.report(schema.RuleEvolveEnum, place(v), path, backwardFix(c.now.Compatibility),
				"value %s = %d of %s is new, and whoever was compiled before reads it as an unknown field, since the enum was closed", v.Name(), v.Number(), now.FullName())
		}
	}
}

// inOrder returns the values of an enum by number.
func inOrder(e protoreflect.EnumDescriptor) []protoreflect.EnumValueDescriptor {
	all := make([]protoreflect.EnumValueDescriptor, e.Values().Len())
	for i := range all {
		all[i] = e.Values().Get(i)
	}
	slices.SortStableFunc(all, func(a, b protoreflect.EnumValueDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	return all
}

// knownValue is known for a value of an enum.
func (c *comparison) knownValue(e protoreflect.EnumDescriptor, v protoreflect.EnumValueDescriptor) bool {
	return slices.ContainsFunc(c.releases, func(r release) bool {
		e := r.enums[e.FullName()]
		if e == nil {
			return false
		}
		was := e.Values().ByName(v.Name())
		return was != nil && was.Number() == v.Number()
	})
}
