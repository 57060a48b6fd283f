package storage

import (
	"cmp"
	"fmt"
	"slices"
)

// Next returns the model of a release whose schema declares declared, after the
// model closed of the release before, and the steps that lead to it, by phase. It is
// pure: equal models give equal steps. Entities are found by their names, or else by
// their tables; what closed has in tables that declared leaves is the caller's to
// refuse. drop names entities that are gone whose tables go too.
func Next(closed, declared Model, release int, drop []string) (Model, []Step) {
	n := &next{release: release, drop: drop, relations: map[string]bool{}, model: Model{Namespaces: declared.Namespaces, Entities: []Entity{}}}
	for i := range closed.Entities {
		n.take(&closed.Entities[i])
	}
	followed := map[*Entity]bool{}
	for i := range declared.Entities {
		d := &declared.Entities[i]
		if before := closed.Find(d); before != nil {
			followed[before] = true
			n.follow(before, d)
		} else {
			n.begin(d)
		}
	}
	for i := range closed.Entities {
		if before := &closed.Entities[i]; !followed[before] {
			n.leave(before)
		}
	}
	slices.SortStableFunc(n.model.Entities, func(a, b Entity) int { return cmp.Compare(a.Name, b.Name) })
	n.own(closed)
	slices.SortStableFunc(n.steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Phase(), b.Phase()), first(b.Kind == DropIndex, a.Kind == DropIndex), cmp.Compare(a.Subject(), b.Subject()))
	})
	return n.model, n.steps
}

// first puts what is true before what is not: a column that an index has cannot go
// before the index.
func first(b, a bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// Find returns the entity that e was, or nil: that of its name, or else that of its
// table, since a message may be renamed.
func (m Model) Find(e *Entity) *Entity {
	if before := m.Entity(e.Name); before != nil {
		return before
	}
	i := slices.IndexFunc(m.Entities, func(b Entity) bool {
		return b.State == Live && b.Namespace == e.Namespace && b.DeclaredTable() == e.Table
	})
	if i < 0 {
		return nil
	}
	return &m.Entities[i]
}

// next is one run of Next.
type next struct {
	release   int
	drop      []string
	relations map[string]bool // names of tables, indexes and what they bring along, of all times
	model     Model
	steps     []Step
}

func (n *next) add(s Step) { n.steps = append(n.steps, s) }

// take takes the names of an entity.
func (n *next) take(e *Entity) {
	for _, name := range e.brings() {
		n.relations[name] = true
	}
	for _, x := range e.Indexes {
		n.relations[x.SQLName] = true
	}
}

// brings returns the names of relations that a table has, and those that it may yet
// have: its sequence, its key's index, that of its expiry.
func (e *Entity) brings() []string {
	return []string{e.Table, e.Table + "_version", e.Table + "_pkey", e.Table + "_expires"}
}

// free returns the name, or that with the release at its end if it was given before:
// to another thing, whose traces may be found under it for ever.
func (n *next) free(name string, taken func(string) bool) string {
	if !taken(name) {
		return name
	}
	return fmt.Sprintf("%s_r%d", name, n.release)
}

// begin adds an entity that was not there.
func (n *next) begin(d *Entity) {
	e := d.clone()
	e.Release, e.Since = n.release, n.release
	if e.Expires != nil {
		e.Expires.Since = n.release
	}
	table := n.free(e.Table, func(name string) bool {
		brought := (&Entity{Table: name}).brings()
		return slices.ContainsFunc(brought, func(s string) bool { return n.relations[s] })
	})
	if table != e.Table {
		e.Table, e.Declared = table, e.Table
	}
	for i := range e.Columns {
		e.Columns[i].Since = n.release
	}
	for i := range e.Indexes {
		x := &e.Indexes[i]
		x.Since = n.release
		x.SQLName = n.free(x.SQLName, func(name string) bool { return n.relations[name] })
	}
	n.take(&e)
	n.model.Entities = append(n.model.Entities, e)
	n.add(Step{Kind: CreateTable, Entity: &e})
}

// leave keeps an entity that no schema has any more: its table stays, and its names.
func (n *next) leave(before *Entity) {
	e := before.clone()
	if e.State == Live {
		e.Life = Life{Idle, n.release}
	}
	if e.State == Idle && slices.Contains(n.drop, e.Name) {
		e.Life = Life{Dropped, n.release}
		n.add(Step{Kind: DropTable, Entity: &e})
	}
	n.model.Entities = append(n.model.Entities, e)
}

// follow adds an entity that was there.
func (n *next) follow(before, d *Entity) {
	e := before.clone()
	e.Name = d.Name
	f := &follower{next: n, before: before, entity: &e, names: map[string]string{}}
	f.columns(d)
	f.expires(d)
	f.indexes(d)
	if f.written && e.Fence < n.release {
		if e.Fence > 0 {
			n.add(Step{Kind: DropFence, Entity: &e, Fence: e.Fence})
		}
		e.Release, e.Fence = n.release, n.release
		n.add(Step{Kind: AddFence, Entity: &e, Fence: n.release})
		n.add(Step{Kind: Fill, Entity: &e})
	}
	n.model.Entities = append(n.model.Entities, e)
}

// follower leads one entity on.
type follower struct {
	*next
	before, entity *Entity
	names          map[string]string // of the columns, by those that are declared
	written        bool              // a column is written that was not, or otherwise
}

// columns finds the column of every declared one, or adds it, and puts to rest those
// that have none.
func (f *follower) columns(d *Entity) {
	found := map[int]bool{}
	for _, c := range d.Columns {
		i := slices.IndexFunc(f.entity.Columns, func(old Column) bool { return old.State != Idle && old.holds(c) })
		if i >= 0 {
			found[i] = true
			old := &f.entity.Columns[i]
			f.names[c.Name] = old.Name
			if old.Kind != c.Kind {
				// What a newer client wrote through a proxy of before, that proxy cut off.
				f.written = f.written || !same(old.Kind, c.Kind)
				old.Kind = c.Kind
			}
			if old.State == Kept {
				old.Life = Life{Live, f.release}
			}
			old.Role = c.Role
			continue
		}
		declared := c.Name
		c.Name = f.free(c.Name, func(name string) bool { return f.before.hasColumn(name, c.Kind) })
		c.Life = Life{Live, f.release}
		f.names[declared], f.written = c.Name, true
		found[len(f.entity.Columns)] = true
		f.entity.Columns = append(f.entity.Columns, c)
		f.add(Step{Kind: AddColumn, Entity: f.entity, Column: c.Name})
	}
	for i := range f.entity.Columns {
		c := &f.entity.Columns[i]
		if found[i] {
			continue
		}
		if c.rest(f.release) {
			f.add(Step{Kind: DropColumn, Entity: f.entity, Column: c.Name})
		}
	}
}

// expires begins a ttl, or ends one. Its column stays for ever, with a time that never
// comes: to drop it takes two releases more, and a default that one store cannot set.
func (f *follower) expires(d *Entity) {
	now := f.entity.Expires
	switch {
	case d.Expires != nil && now == nil:
		f.entity.Expires = &Life{Live, f.release}
		f.add(Step{Kind: AddExpires, Entity: f.entity})
		f.add(Step{Kind: IndexExpires, Entity: f.entity})
	case d.Expires != nil && now.State == Kept:
		f.entity.Expires = &Life{Live, f.release}
	case d.Expires == nil && now != nil && now.State == Live:
		f.entity.Expires = &Life{Kept, f.release}
	default:
		return
	}
	f.written = true
}

// rest takes the next step out, and reports whether it was the last.
func (l *Life) rest(release int) (dropped bool) {
	switch l.State {
	case Live:
		*l = Life{Kept, release}
	case Kept:
		*l = Life{Idle, release}
		return true
	}
	return false
}

// holds reports whether column c holds what d is to hold. A kind that reads as
// another one does has its values.
func (c Column) holds(d Column) bool {
	return c.Field == d.Field && (c.Kind == d.Kind || reads(c.Kind, d.Kind)) && c.Presence == d.Presence &&
		slices.Equal(c.Oneof, d.Oneof) && (!d.named || c.Name == d.Name)
}

// ReadsAs reports whether the columns hold the same of every record.
func (c Column) ReadsAs(d Column) bool {
	return c.Field == d.Field && same(c.Kind, d.Kind) && c.Presence == d.Presence && slices.Equal(c.Oneof, d.Oneof)
}

// reads reports whether a kind reads what is written as another one, up to values
// beyond the smaller, so that one column holds both.
func reads(a, b Kind) bool { return wide(a) == wide(b) && wide(a) != "" }

// wide returns the widest kind that reads what is written as k, or "".
func wide(k Kind) Kind {
	switch k {
	case "int32", "enum", "int64":
		return "int64"
	case "sint32", "sint64":
		return "sint64"
	}
	return ""
}

// same reports whether the kinds have the same values.
func same(a, b Kind) bool {
	return a == b || a != "int64" && b != "int64" && wide(a) == "int64" && wide(b) == "int64"
}

// hasColumn reports whether a column of that kind cannot have the name: with a
// timestamp goes a second column.
func (e *Entity) hasColumn(name string, k Kind) bool {
	taken := func(name string) bool {
		return slices.ContainsFunc(e.Columns, func(c Column) bool { return slices.Contains(c.names(), name) })
	}
	return slices.ContainsFunc(Column{Name: name, Kind: k}.names(), taken)
}

func (c Column) names() []string {
	if c.Kind == timestamp {
		return []string{c.Name, c.Nanos()}
	}
	return []string{c.Name}
}

// Nanos is the column beside a timestamp's own in stores whose time type stops at
// microseconds.
func (c Column) Nanos() string { return c.Name + "_nanos" }

// indexes finds the index of every declared one, by its columns, or adds it, and puts
// to rest those that have none.
func (f *follower) indexes(d *Entity) {
	found := map[int]bool{}
	for _, x := range d.Indexes {
		for i, name := range x.Columns {
			x.Columns[i] = f.names[name]
		}
		same := func(byName bool) int {
			return slices.IndexFunc(f.entity.Indexes, func(old Index) bool {
				return old.State != Idle && slices.Equal(old.Columns, x.Columns) && old.Unique == x.Unique && (!byName || old.Name == x.Name)
			})
		}
		i := same(true)
		if i < 0 || found[i] {
			i = same(false)
		}
		if i >= 0 && !found[i] {
			found[i] = true
			old := &f.entity.Indexes[i]
			old.Name = x.Name
			if old.State == Kept {
				old.Life = Life{Live, f.release}
			}
			continue
		}
		x.SQLName = f.free(x.SQLName, func(name string) bool { return f.relations[name] })
		x.Life = Life{Live, f.release}
		f.relations[x.SQLName] = true
		found[len(f.entity.Indexes)] = true
		f.entity.Indexes = append(f.entity.Indexes, x)
		f.add(Step{Kind: CreateIndex, Entity: f.entity, Index: x.SQLName})
	}
	for i := range f.entity.Indexes {
		x := &f.entity.Indexes[i]
		if !found[i] && x.rest(f.release) {
			f.add(Step{Kind: DropIndex, Entity: f.entity, Index: x.SQLName})
		}
	}
}

// own adds Prism's own tables that a namespace does not have yet.
func (n *next) own(closed Model) {
	for i := range n.model.Namespaces {
		now := &n.model.Namespaces[i]
		for _, table := range now.Own {
			if before := closed.Namespace(now.Name); before == nil || before.Folder != now.Folder || !slices.Contains(before.Own, table) {
				n.add(Step{Kind: CreateOwn, Namespace: now.Name, Own: table})
			}
		}
	}
}

func (e *Entity) clone() Entity {
	c := *e
	c.Columns, c.Indexes = slices.Clone(e.Columns), slices.Clone(e.Indexes)
	if e.Expires != nil {
		expires := *e.Expires
		c.Expires = &expires
	}
	for i := range c.Columns {
		c.Columns[i].Oneof = slices.Clone(c.Columns[i].Oneof)
	}
	for i := range c.Indexes {
		c.Indexes[i].Columns = slices.Clone(c.Indexes[i].Columns)
	}
	return c
}
