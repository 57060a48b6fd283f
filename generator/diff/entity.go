package diff

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// entities adds what has changed of entities in the schema.
func (b *builder) entities() {
	followed := map[string]bool{}
	for _, e := range b.deployment.Entities() {
		was := b.before(e)
		if was == nil {
			c := b.entity(e)
			c.add("new, table %s in namespace %s", e.Table, e.Namespace.Name)
			c.contract = append(c.contract, "one service more: "+e.FullServiceName())
			continue
		}
		followed[string(was.Desc.FullName())] = true
		b.whole(was, e)
		b.indexes(was, e)
		b.messages(was, e)
	}
	for _, was := range b.closed.Entities {
		if was.State == storage.Live && !followed[was.Name] {
			b.removed(was)
		}
	}
}

// before returns what an entity was at the last release, or nil.
func (b *builder) before(e *schema.Entity) *schema.Entity {
	now := b.open.Entity(string(e.Desc.FullName()))
	was := b.closed.Find(&storage.Entity{Name: now.Name, Namespace: now.Namespace, Table: now.DeclaredTable()})
	if was == nil {
		return nil
	}
	return b.released[was.Name]
}

// removed adds an entity that no schema has any more.
func (b *builder) removed(was storage.Entity) {
	at := b.deployment.ConfigSource("packages")
	if slices.Contains(b.deployment.DropTables, was.Name) {
		at = b.deployment.ConfigSource("drop_tables", was.Name)
	}
	c := b.change(subject{entity: was.Name}, at, string(protoreflect.FullName(was.Name).Name()))
	c.add("removed")
	c.loses = fmt.Sprintf("nothing: table %s stays, with its records", was.Table)
	if b.volatile(b.closed.Namespace(was.Namespace)) {
		c.loses = "its records, which are in the proxy's memory"
	}
	if e := b.released[was.Name]; e != nil {
		c.contract = append(c.contract, "one service less: "+e.FullServiceName())
	}
}

// whole compares what is said of an entity as a whole.
func (b *builder) whole(was, now *schema.Entity) {
	var parts, contract []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	renamed := was.Desc.FullName() != now.Desc.FullName()
	if renamed {
		add("renamed, %s before", was.Desc.FullName())
	}
	if was.Plural != now.Plural && !renamed {
		add("plural %s, %s before", now.Plural, was.Plural)
	}
	if was.FullServiceName() != now.FullServiceName() {
		contract = append(contract, fmt.Sprintf("service %s in the place of %s", now.FullServiceName(), was.FullServiceName()))
	} else {
		contract = methods(was, now)
		if was.Without != now.Without {
			add("other methods")
		}
	}
	switch {
	case was.TTL == now.TTL:
	case now.TTL == 0:
		add("no ttl any more, %s before", was.Lifetime())
	case was.TTL == 0:
		add("ttl %s, none before", now.Lifetime())
	default:
		add("ttl %s, %s before", now.Lifetime(), was.Lifetime())
	}
	if was.Durability != now.Durability {
		add("durability %s, %s before", now.Durability, was.Durability)
	}
	if was.Compatibility != now.Compatibility {
		add("compatibility %s, %s before", now.Compatibility, was.Compatibility)
	}
	for _, n := range []struct {
		what     string
		was, now uint64
	}{
		{"peak_reads_per_second", was.Capacity.PeakReads, now.Capacity.PeakReads}, {"peak_writes_per_second", was.Capacity.PeakWrites, now.Capacity.PeakWrites},
		{"records", was.Capacity.Records, now.Capacity.Records}, {"bytes_per_record", was.Capacity.BytesPerRecord, now.Capacity.BytesPerRecord},
	} {
		if n.was != n.now {
			add("capacity of %d %s, %d before", n.now, n.what, n.was)
		}
	}
	if len(parts) == 0 && len(contract) == 0 {
		return
	}
	c := b.entity(now)
	c.parts, c.contract = append(c.parts, parts...), contract
	if len(parts) == 0 {
		c.add("other methods")
	}
	if now.TTL > 0 && (was.TTL == 0 || now.TTL < was.TTL) {
		c.Class, c.loses = "destructive", "records whose last write is "+now.Lifetime()+" ago"
	}
}

// methods returns what clients find other among the methods that are of no index.
func methods(was, now *schema.Entity) []string {
	missing := func(in, of *schema.Entity) (names []string) {
		for _, m := range of.Service.Methods {
			if m.Index == nil && !slices.ContainsFunc(in.Service.Methods, func(x *schema.Method) bool { return x.Name == m.Name }) {
				names = append(names, m.Name)
			}
		}
		return names
	}
	return append(methodWords(missing(was, now), "more"), methodWords(missing(now, was), "less")...)
}

func methodWords(names []string, word string) []string {
	for i, name := range names {
		names[i] = "one method " + word + ": " + name
	}
	return names
}

// ofField returns the field whose option an index is, or nil.
func ofField(e *schema.Entity, x *schema.Index) *schema.Field {
	for _, f := range x.Fields() {
		if f.Name == x.Name && optionsOf(f.Desc).GetIndex() != prismv1.Field_INDEX_UNSPECIFIED {
			return f
		}
	}
	return nil
}

// composite returns the indexes of several fields.
func composite(e *schema.Entity) []*schema.Index {
	return slices.DeleteFunc(slices.Clone(e.Indexes), func(x *schema.Index) bool { return ofField(e, x) != nil })
}

// indexes compares the indexes of several fields, by name, or else by what they are of.
func (b *builder) indexes(was, now *schema.Entity) {
	before := composite(was)
	take := func(same func(*schema.Index) bool) *schema.Index {
		i := slices.IndexFunc(before, same)
		if i < 0 {
			return nil
		}
		x := before[i]
		before = slices.Delete(before, i, i+1)
		return x
	}
	var left []*schema.Index
	for _, x := range composite(now) {
		old := take(func(o *schema.Index) bool { return o.Name == x.Name })
		if old == nil {
			left = append(left, x)
			continue
		}
		if entryText(old) == entryText(x) {
			continue
		}
		c := b.index(now, x.Name, x.Source)
		c.add("now %s; %s before", entryText(x), entryText(old))
		c.column, c.builds = true, x.Find
		c.contract = finds(old, x)
	}
	for _, x := range left {
		c := b.index(now, x.Name, x.Source)
		if old := take(func(o *schema.Index) bool { return entryText(o) == entryText(x) }); old != nil {
			c.add("renamed, %s before", old.Name)
			c.contract = finds(old, x)
			continue
		}
		c.add("new, %s", entryText(x))
		c.column, c.builds, c.contract = true, x.Find, finds(nil, x)
	}
	for _, x := range before {
		c := b.index(now, x.Name, now.Source)
		c.add("removed, %s before", entryText(x))
		c.contract, c.keeps = finds(x, nil), kept(x)
	}
}

// kept says what an index that is gone does for one release more.
func kept(x *schema.Index) string {
	if x.Unique {
		return "the index goes on refusing, as UNIQUE, until a later release drops it"
	}
	return "its entries are written for one release more"
}

// entryText describes an index by what it is of.
func entryText(x *schema.Index) string {
	text := "of fields"
	for i, f := range x.Equality {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", f.Number)
	}
	if x.Ordered != nil {
		text += fmt.Sprintf(", ordered by %d", x.Ordered.Number)
	}
	if x.Unique {
		text = "unique, " + text
	}
	return text
}

// finds says what clients find other when an index has become another one; nil is none.
func finds(was, now *schema.Index) []string {
	switch {
	case was == nil && now == nil:
		return nil
	case was == nil:
		return methodWords([]string{now.Find}, "more")
	case now == nil:
		return methodWords([]string{was.Find}, "less")
	case was.Find != now.Find:
		return []string{fmt.Sprintf("method %s in the place of %s", now.Find, was.Find)}
	case entryText(was) != entryText(now):
		return []string{"method " + now.Find + " takes other values"}
	}
	return nil
}
