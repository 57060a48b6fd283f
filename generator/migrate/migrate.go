// Package migrate keeps the history of a deployment: the lock beside
// prism.yaml, and the migrations of its namespaces. Nothing in a file of the
// history comes from comments, positions or strings of the schema.
package migrate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// History is what a run makes of a deployment's history.
type History struct {
	Lock *Lock
	// Files are the lock, the open migrations, and embed.go where there are
	// migrations. What else was generated in Dir was never released and goes.
	Files []emit.File
	// Abandoned are the names of abandon that leave data behind.
	Abandoned []string
}

// initial is the name of the migration that makes a namespace's tables.
const initial = "0001_init_expand"

// Plan returns the history of d after the one whose lock text is given, nil
// where there is none, or every fault of the lock, and of d what would leave data
// behind in a namespace or an entity that abandon does not name. The open
// migration is written anew from the last release, of which this compiler knows
// only that there was none. Every backend that d names is in backends.
func Plan(d *schema.Deployment, backends map[string]*emit.Backend, lock []byte, abandon []string) (*History, []schema.Diagnostic, error) {
	h := &History{Lock: &Lock{Format: Format, Deployment: d.Name}}
	lockPath := LockPath(d.Dir)
	for _, n := range d.Namespaces {
		h.Lock.Open.Namespaces = append(h.Lock.Open.Namespaces, h.namespace(d, n, backends[n.Backend]))
	}
	h.Lock.Open.Entities = []Entity{}
	for _, e := range d.Entities() {
		h.Lock.Open.Entities = append(h.Lock.Open.Entities, entity(e, backends[e.Namespace.Backend].Columns))
	}
	if lock != nil {
		before, faults := ReadLock(lock, lockPath)
		if len(faults) == 0 {
			f := follower{before: before, after: h.Lock, backends: backends, text: lock, file: lockPath, abandon: abandon}
			faults = f.follow()
			h.Abandoned = f.abandoned
		}
		if len(faults) > 0 {
			return nil, faults, nil
		}
	}
	text, err := h.Lock.Marshal()
	if err != nil {
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	h.Files = append(h.Files, emit.File{Path: lockPath, Content: text})
	if embed, ok, err := embed(d, h.Lock.Open.Namespaces); err != nil {
		return nil, nil, fmt.Errorf("embed.go: %w", err)
	} else if ok {
		h.Files = append(h.Files, embed)
	}
	return h, nil, nil
}

// Dir returns the folder of the migrations of the deployment in the folder dir,
// both with slashes from the module's root.
func Dir(dir string) string { return path.Join(dir, "migrations") }

func migrationPath(dir, namespace, name string) string {
	return path.Join(Dir(dir), namespace, name+".up.sql")
}

// namespace adds the open migration of n, if its store has a schema.
func (h *History) namespace(d *schema.Deployment, n *schema.Namespace, b *emit.Backend) Namespace {
	locked := Namespace{Name: n.Name, Backend: n.Backend, Migrations: []Migration{}}
	for _, key := range b.Config {
		if key.Locates {
			if locked.Located == nil {
				locked.Located = map[string]string{}
			}
			locked.Located[key.Name] = n.Config[key.Name]
		}
	}
	if b.Migration == nil {
		return locked
	}
	locked.Migrations = append(locked.Migrations, Migration{Name: initial, Release: h.Lock.Release + 1})
	var text strings.Builder
	text.WriteString("--" + strings.TrimPrefix(golang.Header, "//") + "\n")
	fmt.Fprintf(&text, "-- Migration 0001 of namespace %s, deployment %s, on %s.\n", n.Name, d.Name, n.Backend)
	text.WriteString("-- Phase expand: one transaction, which the runner opens.\n\n")
	text.WriteString(b.Migration(d, n, initial))
	h.Files = append(h.Files, emit.File{Path: migrationPath(d.Dir, n.Name, initial), Content: []byte(text.String())})
	return locked
}

func entity(e *schema.Entity, marked bool) Entity {
	locked := Entity{
		Name: string(e.Desc.FullName()), Abstraction: e.Abstraction.Name, Namespace: e.Namespace.Name, Table: e.Table,
		Release: 1, Expires: e.TTL > 0, Columns: []Column{}, Indexes: []Index{},
	}
	for _, f := range e.Stored(marked) {
		locked.Columns = append(locked.Columns, Column{
			Field: f.Number, Name: f.Column, Type: typeName(f.Type), Role: role(e, f),
			Presence: f.Presence && f.Role != schema.Key,
		})
	}
	for _, x := range e.Indexes {
		index := Index{Name: x.Name, SQLName: x.SQLName, Unique: x.Unique}
		for _, f := range x.Fields() {
			index.Fields = append(index.Fields, f.Number)
		}
		locked.Indexes = append(locked.Indexes, index)
	}
	slices.SortFunc(locked.Indexes, func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
	return locked
}

// typeName and role are the lock's own words: those of the model may change.
func typeName(t schema.Type) string {
	switch t {
	case schema.Text:
		return "text"
	case schema.Int:
		return "int"
	case schema.Uint:
		return "uint"
	case schema.Bool:
		return "bool"
	case schema.Timestamp:
		return "timestamp"
	case schema.Bytes:
		return "bytes"
	case schema.Float:
		return "float"
	}
	panic(fmt.Sprintf("migrate: type %d has no column", t))
}

func role(e *schema.Entity, f *schema.Field) string {
	switch {
	case slices.Contains(e.Partition, f):
		return "partition"
	case slices.Contains(e.Sort, f):
		return "sort"
	case f.Role == schema.Indexed:
		return "indexed"
	}
	return "marked"
}

// embed returns the package through which a proxy holds its migrations.
func embed(d *schema.Deployment, namespaces []Namespace) (file emit.File, ok bool, err error) {
	patterns := ""
	for _, n := range namespaces {
		for _, m := range n.Migrations { // by name, so that no other file is ever applied
			patterns += " " + n.Name + "/" + m.Name + ".up.sql"
		}
	}
	if patterns == "" {
		return emit.File{}, false, nil
	}
	dir := Dir(d.Dir)
	f := golang.NewFile(path.Join(d.ImportPath, dir), "migrations",
		fmt.Sprintf("Package migrations holds the migrations of deployment %s.", d.Name), golang.Imports{"embed": "embed"})
	f.Add("// Files has a folder of migrations for each namespace.\n//\n//go:embed%s\nvar Files @embed.FS", patterns)
	content, err := f.Bytes()
	return emit.File{Path: path.Join(dir, "embed.go"), Content: content}, true, err
}
