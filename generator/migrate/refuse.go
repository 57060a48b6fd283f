package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// columns checks that no field goes while proxies of the release before write, and
// serve, a column of it.
func (f *follower) columns(e, now storage.Entity) {
	if f.release == 0 {
		return // nothing serves beside the first release
	}
	entity := f.entityNow(now)
	for _, c := range e.Columns {
		there := slices.ContainsFunc(entity.Fields, func(x *schema.Field) bool { return x.Number == c.Field })
		if c.State == storage.Live && !c.Role.Key() && !there {
			f.report(schema.RuleEvolveColumn, entity.Source, fmt.Sprintf("put field %d back without index and column, and release; then remove it", c.Field),
				"%s no longer has field %d, which is in column %s of table %s", e.Name, c.Field, c.Name, e.Table)
		}
	}
}

// entries checks that a store without migrations still has what its indexes need:
// nothing adds entries for records that exist, or takes them away.
func (f *follower) entries(e, now storage.Entity) {
	if len(e.Columns) == 0 {
		return // of a lock that does not say
	}
	was, is := entriesOf(e, f.release > 0), entriesOf(now, f.release > 0)
	for _, x := range was {
		if !slices.Contains(is, x) {
			f.lost(schema.RuleEvolveIndex, e.Name, f.entityNow(now).Source, "put it back",
				"entity %s had %s, whose entries stay on a store without migrations", e.Name, x)
		}
	}
	for _, x := range is {
		if !slices.Contains(was, x) {
			f.lost(schema.RuleEvolveIndex, e.Name, f.entityNow(now).Source, "remove it, or write a new entity with it and copy the records",
				"entity %s has %s now, which its records are not in: its store has no migrations", e.Name, x)
		}
	}
}

// entriesOf describes the indexes by the fields of their entries and, as long as no
// release has fixed them, by their names in the store.
func entriesOf(e storage.Entity, released bool) (all []string) {
	for _, x := range e.Indexes {
		if x.State != storage.Live {
			continue
		}
		var fields []string
		for _, name := range x.Columns {
			fields = append(fields, fmt.Sprint(e.Column(name).Field))
		}
		text := "an index of fields " + strings.Join(fields, ", ")
		if x.Unique {
			text = strings.Replace(text, "an", "a unique", 1)
		}
		if !released {
			text += " called " + x.SQLName
		}
		all = append(all, text)
	}
	return all
}

// movedFrom returns the backend that prism.yaml says the namespace leaves.
func (f *follower) movedFrom(name string) string {
	for _, n := range f.deployment.Namespaces {
		if n.Name == name {
			return n.MovedFrom
		}
	}
	return ""
}

// stale refuses what prism.yaml lets go and nothing takes away, so that it does not
// let go another time.
func (f *follower) stale() {
	if f.unchanged {
		return // what the last release let go
	}
	for _, name := range f.deployment.DropTables {
		there := slices.ContainsFunc(f.before.Entities, func(e storage.Entity) bool {
			return e.Name == name && (e.State == storage.Live || e.State == storage.Idle)
		})
		if f.release == 0 || !there || f.after.Entity(name) != nil {
			f.report(schema.RuleEvolveDestroy, f.deployment.ConfigSource("drop_tables", name), "remove it", "drop_tables names %s, whose table is not one that this release leaves", name)
		}
	}
	for _, n := range f.deployment.Namespaces {
		was := f.before.Namespace(n.Name)
		if n.MovedFrom != "" && (f.release == 0 || was == nil || was.Backend != n.MovedFrom || n.Backend == n.MovedFrom) {
			f.report(schema.RuleEvolveDestroy, f.deployment.ConfigSource("namespaces", n.Name, "moved_from"), "remove it", "namespace %s has moved_from, and was not on %s at the last release, or is so still", n.Name, n.MovedFrom)
		}
	}
}
