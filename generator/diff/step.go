package diff

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// written finds the changes for which an entity's columns are written otherwise than
// before: they need the fence, and the fill.
func (b *builder) written() {
	for i := range b.open.Entities {
		now := &b.open.Entities[i]
		e := b.now[now.Name]
		was := b.closed.Find(&storage.Entity{Name: now.Name, Namespace: now.Namespace, Table: now.DeclaredTable()})
		if e == nil || was == nil || now.State != storage.Live || b.moved(now.Namespace) {
			continue
		}
		for _, c := range now.Columns {
			if before := was.Column(c.Name); before == nil {
				b.writes(now.Name, b.causes(e, c.Field)...)
			} else if !before.ReadsAs(c) {
				b.widened(now.Name, c, b.causes(e, c.Field))
			}
		}
		if now.Expires != nil && (was.Expires == nil || *was.Expires != *now.Expires) {
			b.writes(now.Name, b.entity(e))
		}
	}
}

// widened adds that a column holds what proxies of before cut off.
func (b *builder) widened(entity string, now storage.Column, causes []*change) {
	for _, c := range causes {
		if now.Kind == "int64" || now.Kind == "sint64" {
			c.keeps = fmt.Sprintf("a value beyond 32 bits that is written through release %d is found after the fill", b.deployment.Release-1)
		}
	}
	b.writes(entity, causes...)
}

func (b *builder) writes(entity string, causes ...*change) {
	for _, c := range causes {
		if !slices.Contains(b.writers[entity], c) {
			b.writers[entity] = append(b.writers[entity], c)
		}
	}
}

// causes returns the changes for which a field's column is new: its own, or those of
// indexes of several fields.
func (b *builder) causes(e *schema.Entity, number int32) []*change {
	name := string(e.Desc.FullName())
	own := b.changes[subject{entity: name, field: schema.Path([]int32{number})}]
	if own != nil && own.column {
		return []*change{own}
	}
	var all []*change
	for _, x := range composite(e) {
		c := b.changes[subject{entity: name, index: x.Name}]
		if c != nil && c.column && slices.ContainsFunc(x.Fields(), func(f *schema.Field) bool { return f.Number == number }) {
			all = append(all, c)
		}
	}
	if len(all) > 0 {
		return all
	}
	c := b.number(e, number)
	if len(c.parts) == 0 {
		c.add("in another column")
	}
	return []*change{c}
}

// number returns the change of a field of the entity itself, which may be gone.
func (b *builder) number(e *schema.Entity, number int32) *change {
	name, at := "", e.Source
	if f := e.Desc.Fields().ByNumber(protoreflect.FieldNumber(number)); f != nil {
		name, at = string(f.Name()), schema.PlaceOf(f)
	}
	return b.field(e, []int32{number}, name, at)
}

// step adds a step of a migration to the changes that need it.
func (b *builder) step(m migrate.Migration, s storage.Step) {
	namespace := b.deployment.Namespaces[slices.IndexFunc(b.deployment.Namespaces, func(n *schema.Namespace) bool { return n.Name == s.In() })]
	dialect := b.backends[namespace.Backend].Dialect
	note, statements := emit.Take(dialect.Up(s))
	switch {
	case s.Kind == storage.Fill:
		statements = []string{"by the proxy, a batch at a time"}
	case len(statements) == 0: // as a fence of a store that one proxy serves
		statements, note.Lock = []string{"nothing but its record"}, cmp.Or(note.Lock, "none")
	}
	for _, c := range b.needing(s) {
		c.kinds[s.Kind] = true
		if s.Kind == storage.CreateIndex {
			c.Refuses = append(c.Refuses, b.refused(s)...)
		}
		if rank(note.Class) > rank(c.Class) {
			c.Class = note.Class
		}
		for _, statement := range statements {
			c.Steps = append(c.Steps, Step{
				File: m.Path, Statement: statement, Lock: note.Lock, Phase: m.Phase, Fills: s.Kind == storage.Fill,
				Rewrite: note.Rewrite, Scan: note.Scan,
			})
		}
	}
}

// refused returns the values that an index that is built has no room for: those that
// another record has, and those that are longer than the column's field may be now.
func (b *builder) refused(s storage.Step) (all []string) {
	x := s.Entity.Index(s.Index)
	if x.Unique {
		all = append(all, "double")
	}
	for _, f := range b.now[s.Entity.Name].Fields {
		filled := slices.ContainsFunc(x.Columns, func(name string) bool {
			c := s.Entity.Column(name)
			return c.Field == f.Number && c.Since == s.Entity.Fence
		})
		if filled && f.MaxLength > 0 {
			return append(all, "longer")
		}
	}
	return all
}

// rank orders classes by what a reviewer looks at first.
func rank(class string) int {
	return slices.Index([]string{"safe", "contract", "blocking", "data-dependent", "destructive"}, class)
}

// needing returns the changes that need a step.
func (b *builder) needing(s storage.Step) []*change {
	if s.Kind == storage.CreateOwn || s.Kind == storage.CreateTable && b.moved(s.In()) {
		return []*change{b.changes[subject{namespace: s.In()}]}
	}
	e := b.now[s.Entity.Name]
	if e == nil { // a table that goes, maybe of an entity that went long ago
		c := b.change(subject{entity: s.Entity.Name}, b.deployment.ConfigSource("drop_tables", s.Entity.Name), string(protoreflect.FullName(s.Entity.Name).Name()))
		c.add("its table %s goes", s.Entity.Table)
		c.loses = "all records of " + s.Entity.Name
		return []*change{c}
	}
	switch s.Kind {
	case storage.CreateTable, storage.AddExpires, storage.IndexExpires:
		return []*change{b.entity(e)}
	case storage.AddFence, storage.Fill, storage.DropFence:
		return b.writers[s.Entity.Name]
	case storage.AddColumn:
		return b.causes(e, s.Entity.Column(s.Column).Field)
	case storage.DropColumn:
		column := s.Entity.Column(s.Column)
		c := b.number(e, column.Field)
		c.add("column %s goes, which release %d served last", column.Name, b.deployment.Release-2)
		return []*change{c}
	case storage.DropIndex:
		x := s.Entity.Index(s.Index)
		c := b.leaving(e, s.Entity, x)
		c.add("index %s goes, which release %d served last", x.SQLName, b.deployment.Release-2)
		return []*change{c}
	}
	return b.building(e, s.Entity, s.Entity.Index(s.Index))
}

// building returns the changes for which an index is built: that of the index or its
// field, or those of fields whose columns are new.
func (b *builder) building(e *schema.Entity, now *storage.Entity, x *storage.Index) []*change {
	declared := e.Indexes[slices.IndexFunc(e.Indexes, func(i *schema.Index) bool { return i.SQLName == x.SQLName })]
	s := subject{entity: now.Name, index: declared.Name}
	if f := ofField(e, declared); f != nil {
		s = subject{entity: now.Name, field: schema.Path([]int32{f.Number})}
	}
	if c := b.changes[s]; c != nil && c.column {
		return []*change{c}
	}
	var all []*change
	for _, name := range x.Columns {
		for _, c := range b.writers[now.Name] {
			if slices.Equal(c.Field, []int32{now.Column(name).Field}) {
				c.builds = declared.Find
				all = append(all, c)
			}
		}
	}
	return all
}

// leaving returns the change of an index that goes: that of a field, if it was of one,
// or of an index of several.
func (b *builder) leaving(e *schema.Entity, now *storage.Entity, x *storage.Index) *change {
	rest := []string{} // what stands behind a field in an entry
	for _, c := range now.Columns {
		if c.Role.Key() && c.Name != x.Columns[0] && !x.Unique {
			rest = append(rest, c.Name)
		}
	}
	if slices.Equal(x.Columns[1:], rest) {
		return b.number(e, now.Column(x.Columns[0]).Field)
	}
	return b.index(e, x.Name, e.Source)
}
