// Package migrate leads a deployment's history on: from the model of the last release
// to the one that the schema declares, by migrations that reviewers read. Nothing in a
// file of the history comes from comments, positions or strings of the schema.
package migrate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// Input is a deployment and its history.
type Input struct {
	Deployment *schema.Deployment
	Backends   map[string]*emit.Backend // every backend that Deployment names
	History    *history.History
	// Abandon names what may leave data behind.
	Abandon []string
	// Release closes the open release.
	Release bool
}

// Plan is what a run makes of a deployment's history.
type Plan struct {
	Lock *history.Lock
	// Files are the lock, all migrations, embed.go where there are any, and the schemas
	// of the releases.
	Files []emit.File
	// Closed says that the deployment is as at the last release: nothing is open.
	Closed bool
	// History is what the plan goes on from.
	History *history.History
	// Steps lead from the last release to the open one.
	Steps []storage.Step
	// Open are the migrations that take them, by namespace and number.
	Open []Migration
	// Abandoned are the names of Input.Abandon that leave data behind.
	Abandoned []string
}

// Migration is an open migration.
type Migration struct {
	Path  string // of the file that takes the steps, from the module's root
	Name  string // 0002_carts_expand
	Phase storage.Phase
	Steps []storage.Step
}

// Run plans the open release, or returns every fault of the history, and of the
// deployment what would leave data behind. It gives the deployment's tables, columns
// and indexes the names that they have in the stores. A run with the same input gives
// the same files; what was changed and changed back leaves no trace.
func Run(in Input) (*Plan, []schema.Diagnostic, error) {
	d, h := in.Deployment, in.History
	set, err := history.Schema(d.Files)
	if err != nil {
		return nil, nil, err
	}
	r := &run{Input: in, schema: set, plan: &Plan{History: h, Lock: &history.Lock{Format: history.Format, Deployment: d.Name}}}
	if err := r.open(); err != nil {
		return nil, nil, err
	}
	f := follower{deployment: d, unchanged: r.plan.Closed, after: r.declared(), backends: in.Backends, text: h.Text, file: history.LockPath(d.Dir), abandon: in.Abandon}
	if h.Lock != nil {
		f.release, f.before = h.Lock.Release, h.Lock.Last()
	}
	faults := f.follow(h.Lock)
	if r.plan.Abandoned = f.abandoned; len(faults) > 0 {
		return nil, faults, nil
	}
	r.files()
	r.name()
	if faults := r.check(); len(faults) > 0 {
		return nil, faults, nil
	}
	if in.Release && r.plan.Closed {
		at := schema.Source{File: history.LockPath(d.Dir)}
		return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleReleaseEmpty, at, fmt.Sprintf("nothing has changed since release %d", r.release), "change the schema first")}, nil
	}
	return r.plan, nil, r.finish()
}

// run is one Run.
type run struct {
	Input
	schema  []byte
	plan    *Plan
	release int // that is open, or the last one if nothing is
}

// declared returns what the stores of a new deployment would hold.
func (r *run) declared() storage.Model {
	m := storage.Declared(r.Deployment, func(backend string) bool { return r.Backends[backend].Columns })
	for _, n := range r.Deployment.Namespaces {
		b := r.Backends[n.Backend]
		s := storage.Namespace{Name: n.Name, Backend: n.Backend}
		for _, key := range b.Config {
			if key.Locates {
				if s.Located == nil {
					s.Located = map[string]string{}
				}
				s.Located[key.Name] = n.Config[key.Name]
			}
		}
		if b.Dialect != nil {
			s.Folder, s.Own = r.folder(n), b.Dialect.Own()
		}
		m.Namespaces = append(m.Namespaces, s)
	}
	return m
}

// open finds out what is open: nothing if all is as it was closed.
func (r *run) open() error {
	lock, declared := r.plan.Lock, r.declared()
	closed := storage.Model{}
	if before := r.History.Lock; before != nil && before.Release > 0 {
		lock.Release, lock.Closed = before.Release, before.Closed
		closed = before.Closed.Model
		same, err := history.SameSchema(r.History.Released[lock.Release-1], r.schema)
		if err != nil {
			return err
		}
		if same && slices.EqualFunc(closed.Namespaces, declared.Namespaces, storage.Namespace.Equal) && !r.drops(closed) {
			lock.Open, r.plan.Closed, r.release = closed, true, lock.Release
			return nil
		}
	}
	r.release = lock.Release + 1
	lock.Open, r.plan.Steps = storage.Next(r.without(closed), declared, r.release, r.Deployment.DropTables)
	return nil
}

// check refuses names that a store has no room for: those that are given in the place
// of others are longer.
func (r *run) check() (faults []schema.Diagnostic) {
	if r.plan.Lock.Release == 0 {
		return nil
	}
	for _, e := range r.Deployment.Entities() {
		if check := r.Backends[e.Namespace.Backend].Check; check != nil {
			for _, b := range check(e) {
				faults = append(faults, schema.NewDiagnostic(schema.RuleBackendLimit, b.At, b.What, b.Fix))
			}
		}
	}
	return faults
}

// namespace returns the deployment's namespace of that name, or nil.
func (r *run) namespace(name string) *schema.Namespace {
	i := slices.IndexFunc(r.Deployment.Namespaces, func(n *schema.Namespace) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return r.Deployment.Namespaces[i]
}

// folder returns where the migrations of a namespace stand: where they stood, or, on
// another backend than at the last release, in a folder that is free.
func (r *run) folder(n *schema.Namespace) string {
	lock := r.History.Lock
	if lock == nil || lock.Closed == nil {
		return n.Name
	}
	if was := lock.Closed.Namespace(n.Name); was != nil && was.Backend == n.Backend {
		return was.Folder
	}
	closed := func(folder string) bool {
		chain := lock.Chain(folder)
		return chain != nil && slices.ContainsFunc(chain.Files, func(f history.File) bool { return f.Release <= lock.Release })
	}
	for _, folder := range []string{n.Name, n.Name + "." + n.Backend} {
		if !closed(folder) {
			return folder
		}
	}
	return fmt.Sprintf("%s.%s_r%d", n.Name, n.Backend, lock.Release+1)
}

// drops reports whether prism.yaml names a table that is there still.
func (r *run) drops(closed storage.Model) bool {
	return slices.ContainsFunc(closed.Entities, func(e storage.Entity) bool {
		return e.State == storage.Idle && slices.Contains(r.Deployment.DropTables, e.Name)
	})
}

// without returns a model without what has moved to another backend: it begins anew.
func (r *run) without(m storage.Model) storage.Model {
	m.Entities = slices.DeleteFunc(slices.Clone(m.Entities), func(e storage.Entity) bool {
		now := r.namespace(e.Namespace)
		was := m.Namespace(e.Namespace)
		return now != nil && was != nil && now.Backend != was.Backend
	})
	return m
}

// files prints the migrations, closed and open ones, and the chains of the lock.
func (r *run) files() {
	lock := r.plan.Lock
	lock.Chains = []history.Chain{}
	if before := r.History.Lock; before != nil {
		for _, c := range before.Chains {
			closed := slices.DeleteFunc(slices.Clone(c.Files), func(f history.File) bool { return f.Release > before.Release })
			if len(closed) > 0 {
				lock.Chains = append(lock.Chains, history.Chain{Folder: c.Folder, Files: closed})
			}
		}
		for name, content := range r.History.Migrations {
			r.add(name, content)
		}
		for i, set := range r.History.Released {
			r.add(history.ReleasedPath(i+1), set)
		}
	}
	for _, n := range r.Deployment.Namespaces {
		dialect := r.Backends[n.Backend].Dialect
		if dialect == nil {
			continue
		}
		folder := lock.Open.Namespace(n.Name).Folder
		chain := lock.Chain(folder)
		if chain == nil {
			lock.Chains = append(lock.Chains, history.Chain{Folder: folder})
			chain = lock.Chain(folder)
		}
		w := writer{run: r, namespace: n, dialect: dialect, chain: chain}
		w.write(r.plan.Steps)
		n.Releases, n.Folder = chain.Releases(r.release), folder
	}
	slices.SortFunc(lock.Chains, func(a, b history.Chain) int { return strings.Compare(a.Folder, b.Folder) })
}

// add adds a file of the deployment's folder.
func (r *run) add(name string, content []byte) {
	r.plan.Files = append(r.plan.Files, emit.File{Path: path.Join(r.Deployment.Dir, name), Content: content})
}

// finish closes the release if it is to be closed, and adds the lock and embed.go.
func (r *run) finish() error {
	if r.Release {
		r.close()
	}
	text, err := r.plan.Lock.Marshal()
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	r.add(history.LockName, text)
	return r.embed()
}
