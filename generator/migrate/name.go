package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// name gives the deployment what the open model has of it: names in the store, the
// releases that statements write, and what is kept for the release before.
func (r *run) name() {
	d, open := r.Deployment, r.plan.Lock.Open
	d.Release, d.Open = r.release, !r.plan.Closed
	for _, e := range d.Entities() {
		s := open.Entity(string(e.Desc.FullName()))
		e.Table, e.Release, e.Fence, e.Expiry = s.Table, s.Release, s.Fence, r.expiry(s)
		b := binder{run: r, entity: e, storage: s, columns: map[string]*schema.Field{}}
		for _, f := range e.Stored(r.Backends[e.Namespace.Backend].Columns) {
			b.live(f)
		}
		for _, c := range s.Columns {
			if c.State == storage.Kept {
				b.kept(c)
			}
		}
		b.indexes()
	}
}

// binder binds an entity to what a store holds of it.
type binder struct {
	*run
	entity  *schema.Entity
	storage *storage.Entity
	columns map[string]*schema.Field // by name
}

// live gives a field the column that is served.
func (b *binder) live(f *schema.Field) {
	for _, c := range b.storage.Columns {
		if c.Field == f.Number && c.State == storage.Live {
			f.Column, f.Filled = c.Name, c.Since > b.storage.Since
			b.columns[c.Name] = f
		}
	}
}

// kept adds what is written to a column for proxies of the release before: the field,
// if it has no column of its own any more and is read as it was, or a shadow of it.
func (b *binder) kept(c storage.Column) {
	i := slices.IndexFunc(b.entity.Fields, func(f *schema.Field) bool { return f.Number == c.Field })
	if i < 0 {
		return // refused: see check
	}
	f := b.entity.Fields[i]
	if f.Role == schema.Plain && f.Type != schema.Other && storage.Of(f).ReadsAs(c) {
		f.Role, f.Column = schema.Kept, c.Name
		b.columns[c.Name] = f
		return
	}
	shadow := schema.ShadowOf(f, c.Descriptor(), c.Name)
	b.entity.Fields = slices.Insert(b.entity.Fields, i+1, shadow)
	b.columns[c.Name] = shadow
}

// indexes gives the indexes their names in the store, and the entity the unique ones
// that refuse still.
func (b *binder) indexes() {
	for _, x := range b.entity.Indexes {
		for _, s := range b.storage.Indexes {
			if s.Name == x.Name && s.State == storage.Live {
				x.SQLName, x.Migration = s.SQLName, b.builder(b.entity.Namespace.Name, s.SQLName)
			}
		}
	}
	for _, s := range b.storage.Indexes {
		if s.State != storage.Kept || !s.Unique {
			continue
		}
		x := &schema.Index{Name: s.Name, SQLName: s.SQLName, GoName: "find_" + s.SQLName, Unique: true}
		for _, name := range s.Columns {
			x.Equality = append(x.Equality, b.columns[name])
		}
		b.entity.Kept = append(b.entity.Kept, x)
	}
}

// expiry returns what a store has of an entity's ttl.
func (r *run) expiry(s *storage.Entity) schema.Expiry {
	if s.Expires == nil || s.Expires.Since == s.Since {
		return schema.Expiry{}
	}
	return schema.Expiry{Ended: s.Expires.State == storage.Kept, Since: s.Expires.Since, Fill: r.number(s.Namespace, s.Table, storage.PhaseFill, s.Expires.Since)}
}

// builder returns the number of the migration that builds the index, or 0.
func (r *run) builder(namespace, index string) int {
	return r.number(namespace, index, storage.PhaseIndex, 0)
}

// number returns the number of the migration of the release about what, or 0; release
// 0 is any.
func (r *run) number(namespace, what string, phase storage.Phase, release int) int {
	chain := r.plan.Lock.Chain(r.plan.Lock.Open.Namespace(namespace).Folder)
	if chain == nil {
		return 0
	}
	name := fmt.Sprintf("_%s_%s", what, phase)
	return 1 + slices.IndexFunc(chain.Files, func(f history.File) bool {
		return len(f.Name) == 4+len(name) && strings.HasSuffix(f.Name, name) && (release == 0 || f.Release == release)
	})
}
