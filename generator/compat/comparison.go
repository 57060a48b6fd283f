package compat

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// comparison is of an entity with what it was at one release.
type comparison struct {
	now, was *schema.Entity
	mode     schema.Compatibility // what counts in comparison with this release
	releases []release
	release  int // the place of the one among them
	findings []Finding

	open  []pair // messages still to compare, the nearest to the entity first
	seen  map[[3]string]bool
	enums map[[2]protoreflect.FullName]bool
}

// pair is a message that was at a path of the record, and the one that is there now.
type pair struct {
	was, now protoreflect.MessageDescriptor
	path     []int32
	personal bool // whether a field on the path is marked, now
}

func newComparison(now, was *schema.Entity, mode schema.Compatibility, releases []release, release int) *comparison {
	return &comparison{now: now, was: was, mode: mode, releases: releases, release: release, seen: map[[3]string]bool{}, enums: map[[2]protoreflect.FullName]bool{}}
}

func (c *comparison) all() {
	c.entity()
	c.contract()
	c.follow(pair{was: c.was.Desc, now: c.now.Desc})
	for len(c.open) > 0 {
		p := c.open[0]
		c.open = c.open[1:]
		c.message(p)
	}
}

// follow adds a pair, each once: it is found where it is nearest to the entity.
func (c *comparison) follow(p pair) {
	key := [3]string{string(p.was.FullName()), string(p.now.FullName()), fmt.Sprint(p.personal)}
	if !c.seen[key] {
		c.seen[key] = true
		c.open = append(c.open, p)
	}
}

// report adds a finding at a field, or with an empty path at the entity.
func (c *comparison) report(number int, at schema.Source, path []int32, fix, what string, args ...any) *Finding {
	d := schema.NewDiagnostic(number, at, fmt.Sprintf(what, args...), fix)
	if number != schema.RuleEvolveKey {
		field := ""
		if len(path) > 0 {
			field = ", field: " + schema.Path(path)
		}
		d.Fix += fmt.Sprintf("; if it is meant, write option (prism.v1.entity).acknowledge = {rule: %q%s, reason: \"…\"}", d.Slug, field)
	}
	c.findings = append(c.findings, Finding{
		Diagnostic: d, Entity: string(c.now.Desc.FullName()), Field: path, Release: c.releases[c.release].number,
	})
	return &c.findings[len(c.findings)-1]
}

// place returns where a part of the present schema stands: the entry of a map is
// nowhere, and stands where the map does.
func place(d protoreflect.Descriptor) schema.Source {
	entry, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		entry, ok = d.Parent().(protoreflect.MessageDescriptor)
	}
	if !ok || !entry.IsMapEntry() {
		return schema.PlaceOf(d)
	}
	fields := entry.Parent().(protoreflect.MessageDescriptor).Fields()
	for i := range fields.Len() {
		if fields.Get(i).Message() == entry {
			return schema.PlaceOf(fields.Get(i))
		}
	}
	return schema.PlaceOf(entry)
}

// promised reports whether the entity promises anything between releases, whichever
// this one is: numbers keep their meaning in all of them.
func (c *comparison) promised() bool { return c.now.Compatibility.Promised() }

// entity compares what is said of the entity as a whole.
func (c *comparison) entity() {
	const copied = "keep the key; for another one add an entity, and copy the records by Scan and BatchPut"
	if !sameKey(c.was.Partition, c.now.Partition) || !sameKey(c.was.Sort, c.now.Sort) {
		c.report(schema.RuleEvolveKey, c.now.Source, nil, copied, "the key of %s was %s, and is %s", c.now.Name, keyText(c.was), keyText(c.now))
	}
	if c.now.Durability < c.was.Durability {
		c.report(schema.RuleEvolveDurability, c.now.Source, nil, "write durability = "+c.was.Durability.String(),
			"the durability of %s was %s, and is %s", c.now.Name, c.was.Durability, c.now.Durability)
	}
	if c.now.TTL > 0 && (c.was.TTL == 0 || c.now.TTL < c.was.TTL) {
		before := "for ever"
		if c.was.TTL > 0 {
			before = c.was.Lifetime()
		}
		c.report(schema.RuleEvolveLifetime, c.now.Source, nil, "keep ttl as it was", "records of %s lived %s, and live %s now: the store removes those that are older",
			c.now.Name, before, c.now.Lifetime())
	}
}

func sameKey(was, now []*schema.Field) bool {
	if len(was) != len(now) {
		return false
	}
	for i := range was {
		if was[i].Number != now[i].Number || was[i].Type != now[i].Type {
			return false
		}
	}
	return true
}

// keyText shows a key with the numbers and types of its fields.
func keyText(e *schema.Entity) string {
	text := ""
	for i, f := range e.Key() {
		switch {
		case i > 0 && i == len(e.Partition):
			text += "; "
		case i > 0:
			text += ", "
		}
		text += fmt.Sprintf("%s %s = %d", describe(f.Desc), f.Name, f.Number)
	}
	return "(" + text + ")"
}

// describe returns the type of a field in words.
func describe(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return fmt.Sprintf("map<%s, %s>", describe(f.MapKey()), describe(f.MapValue()))
	}
	text := f.Kind().String()
	switch {
	case f.Enum() != nil:
		text = string(f.Enum().FullName())
		if f.Enum().IsClosed() {
			text += " (a closed enum)"
		}
	case f.Kind() == protoreflect.GroupKind:
		text = "delimited " + string(f.Message().FullName())
	case f.Message() != nil:
		text = string(f.Message().FullName())
	}
	if f.IsList() {
		text = "repeated " + text
	}
	return text
}

// optionsOf returns the options of a field; nil has every option unset.
func optionsOf(f protoreflect.FieldDescriptor) *prismv1.Field {
	o, _ := f.Options().(*descriptorpb.FieldOptions)
	if !proto.HasExtension(o, prismv1.E_Field) {
		return nil
	}
	return proto.GetExtension(o, prismv1.E_Field).(*prismv1.Field)
}
