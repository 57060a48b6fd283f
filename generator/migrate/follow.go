package migrate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// follower checks that a compiler can go on from the lock of before, and that
// nothing of what the lock holds is left behind without a word: this compiler
// moves no data.
type follower struct {
	deployment    *schema.Deployment
	release       int  // the last one
	unchanged     bool // since it
	before, after storage.Model
	backends      map[string]*emit.Backend
	text          []byte // of before
	file          string
	abandon       []string // what may be left behind

	abandoned []string // of abandon, what is
	faults    []schema.Diagnostic
}

func (f *follower) report(number int, at schema.Source, fix, what string, args ...any) {
	f.faults = append(f.faults, schema.NewDiagnostic(number, at, fmt.Sprintf(what, args...), fix))
}

func (f *follower) follow(lock *history.Lock) []schema.Diagnostic {
	if lock != nil && lock.Deployment != f.deployment.Name {
		f.report(schema.RuleLockDeployment, f.deployment.ConfigSource("deployment"), "keep the name, or begin a new deployment in a folder of its own",
			"the lock belongs to deployment %q, but prism.yaml is for %q", lock.Deployment, f.deployment.Name)
		return f.faults
	}
	for _, n := range f.before.Namespaces {
		f.namespace(n)
	}
	f.stale()
	schema.SortDiagnostics(f.faults)
	return f.faults
}

// namespace checks that the proxy looks for the records of n where they are.
func (f *follower) namespace(n storage.Namespace) {
	if b := f.backends[n.Backend]; b != nil && Volatile(b) {
		return
	}
	i := slices.IndexFunc(f.after.Namespaces, func(now storage.Namespace) bool { return now.Name == n.Name })
	switch {
	case i < 0 && f.newName(n.Name) != "":
		f.lost(schema.RuleLockNamespace, n.Name, f.deployment.ConfigSource("namespaces", f.newName(n.Name), "name"), "call it "+n.Name,
			"namespace %s is called %s now; its records stay in %[1]s on %[3]s, where the proxy does not look", n.Name, f.newName(n.Name), n.Backend)
	case i < 0:
		f.lost(schema.RuleLockNamespace, n.Name, f.deployment.ConfigSource("namespaces"), "put it back",
			"namespace %s is gone; its records stay on %s, and no proxy answers with them", n.Name, n.Backend)
	case f.after.Namespaces[i].Backend != n.Backend && f.movedFrom(n.Name) == n.Backend:
	case f.after.Namespaces[i].Backend != n.Backend:
		f.lost(schema.RuleLockBackend, n.Name, f.deployment.ConfigSource("namespaces", n.Name, "backend"), "write backend: "+n.Backend,
			"namespace %s was on %s and is on %s now; its records stay on %[2]s, where the proxy does not look", n.Name, n.Backend, f.after.Namespaces[i].Backend)
	default:
		now := f.after.Namespaces[i]
		for _, setting := range slices.Sorted(maps.Keys(n.Located)) {
			if was := n.Located[setting]; was != now.Located[setting] {
				f.lost(schema.RuleLockBackend, n.Name, f.deployment.ConfigSource("namespaces", n.Name, "config", setting), fmt.Sprintf("write %s: %q", setting, was),
					"namespace %s had %s %q and has %q now; its records stay where they are, where the proxy does not look", n.Name, setting, was, now.Located[setting])
			}
		}
		for _, e := range f.before.Entities {
			if e.Namespace == n.Name && e.State == storage.Live {
				f.entity(e)
			}
		}
	}
}

// newName returns the namespace, new in prism.yaml, that has all entities of one
// that is gone, or "".
func (f *follower) newName(gone string) string {
	name := ""
	for _, e := range f.before.Entities {
		if e.Namespace != gone || e.State != storage.Live {
			continue
		}
		i := slices.IndexFunc(f.after.Entities, func(now storage.Entity) bool { return now.Name == e.Name })
		if i < 0 || name != "" && f.after.Entities[i].Namespace != name {
			return ""
		}
		name = f.after.Entities[i].Namespace
	}
	if slices.ContainsFunc(f.before.Namespaces, func(n storage.Namespace) bool { return n.Name == name }) {
		return ""
	}
	return name
}

// entity checks that the proxy looks for the records of e where they are, and as
// what they are. A message that was renamed and keeps the table is the same
// entity.
func (f *follower) entity(e storage.Entity) {
	i := slices.IndexFunc(f.after.Entities, func(now storage.Entity) bool { return now.Name == e.Name })
	if i < 0 {
		i = slices.IndexFunc(f.after.Entities, func(now storage.Entity) bool { return now.Namespace == e.Namespace && now.Table == e.DeclaredTable() })
	}
	if i < 0 && f.release > 0 && slices.Contains(f.deployment.DropTables, e.Name) {
		return
	}
	if i < 0 {
		f.lost(schema.RuleLockEntity, e.Name, f.gone(e), "put it back; if its message has another name, write option (prism.v1.entity).table = \""+e.Table+"\"",
			"entity %s is gone; its records stay in table %s of namespace %s, and no proxy answers with them", e.Name, e.Table, e.Namespace)
		return
	}
	switch now := f.after.Entities[i]; {
	case now.Namespace != e.Namespace:
		f.lost(schema.RuleLockEntity, e.Name, f.entityNow(now).NamespaceSource(), "write option (prism.v1.entity).namespace = \""+e.Namespace+"\"",
			"entity %s was in namespace %s and is in %s now; its records stay in %[2]s, where the proxy does not look", e.Name, e.Namespace, now.Namespace)
	case now.Abstraction != e.Abstraction:
		f.lost(schema.RuleLockEntity, e.Name, f.entityNow(now).Source, "write option (prism.v1.entity)."+e.Abstraction+", and a message of its own for the other",
			"entity %s was a %s and is a %s now; its records stay as they are, and the proxy does not read them so", e.Name, e.Abstraction, now.Abstraction)
	case now.Table != e.DeclaredTable():
		f.lost(schema.RuleLockEntity, e.Name, f.entityNow(now).TableSource(), "write option (prism.v1.entity).table = \""+e.DeclaredTable()+"\"",
			"entity %s had table %s and has %s now; its records stay in %[2]s, where the proxy does not look", e.Name, e.DeclaredTable(), now.Table)
	default:
		f.columns(e, now)
		if b := f.backends[f.entityNow(now).Namespace.Backend]; b.Dialect == nil {
			f.entries(e, now)
		}
	}
}

// entityNow returns the entity of the schema that is in the lock as now.
func (f *follower) entityNow(now storage.Entity) *schema.Entity {
	all := f.deployment.Entities()
	return all[slices.IndexFunc(all, func(e *schema.Entity) bool { return string(e.Desc.FullName()) == now.Name })]
}

// gone returns where an entity that is gone was taken away: its package in
// prism.yaml, or its message, which is no entity now. Of a message that is gone only
// the lock knows.
func (f *follower) gone(e storage.Entity) schema.Source {
	name := protoreflect.FullName(e.Name)
	if !slices.Contains(f.deployment.Packages, string(name.Parent())) {
		return f.deployment.ConfigSource("packages")
	}
	for _, file := range f.deployment.Files {
		if m := file.Messages().ByName(name.Name()); m != nil && m.FullName() == name {
			return schema.PlaceOf(m)
		}
	}
	return f.place(e.Name)
}

// lost reports what leaves data of a namespace, or an entity, behind, unless it
// may.
func (f *follower) lost(number int, name string, at schema.Source, fix, what string, args ...any) {
	if slices.Contains(f.abandon, name) {
		f.abandoned = append(f.abandoned, name)
		return
	}
	f.report(number, at, fix+fmt.Sprintf("; to take the records along, see prism explain PRISM%04d", number)+"; to leave them behind, run prism generate --abandon "+name, what, args...)
}

// place returns where the open model has the entity of that name.
func (f *follower) place(name string) schema.Source {
	open := max(0, bytes.LastIndex(f.text, []byte(`"open"`)))
	if i := bytes.Index(f.text[open:], fmt.Appendf(nil, `"name": %q`, name)); i >= 0 {
		return history.Place(f.text, f.file, open+i)
	}
	return schema.Source{File: f.file}
}

// Volatile reports whether nothing that the store holds outlives the proxy, so
// that a new one has nothing to find.
func Volatile(b *emit.Backend) bool {
	config := map[string]string{}
	for _, key := range b.Config {
		config[key.Name] = key.Default
	}
	return b.Durability(config) == schema.LostOnRestart
}
