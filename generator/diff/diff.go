// Package diff says what has changed since the last release, change by change: what
// stores have to do for it, who serves beside it, how it is undone, and what it means
// for records and clients. It reads nothing and writes nothing.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
	"github.com/prism-proxy/prism/generator/storage"
)

// Diff is what has changed since the last release. Its JSON, and that of its parts, is
// what prism diff prints.
type Diff struct {
	Release  int              `json:"release"` // the last one; 0: none yet
	Changes  []Change         `json:"-"`       // by place
	Files    []string         `json:"files"`   // the open migrations, from the module's root
	Findings []compat.Finding `json:"-"`
	// Closed says that all is as at the last release.
	Closed bool `json:"-"`
}

// Change is a change of a field, an index of several fields, an entity or a namespace.
type Change struct {
	Source schema.Source `json:"-"`      // its present place; of what is gone, that of what had it
	Entity string        `json:"entity"` // its full name; "": a namespace
	// Field are the numbers that lead to the field; empty: no one field.
	Field []int32 `json:"field"`
	What  string  `json:"what"`
	// Class is the worst one of Steps: safe, contract, blocking, data-dependent or
	// destructive.
	Class string `json:"class"`
	Steps []Step `json:"steps"`
	Rows  *Rows  `json:"rows"` // that steps read; nil: none
	// Refuses are the values of rows that steps stop at: double, longer.
	Refuses []string `json:"-"`
	// What follows is for people.
	SideBySide string `json:"side_by_side"`
	Undo       string `json:"undo"`
	Lost       string `json:"lost"`
	Records    string `json:"records"`
	Contract   string `json:"contract"`
}

// Rows is how many rows there are, as capacity declares it.
type Rows struct {
	Declared *uint64 `json:"declared"` // nil: it does not
}

// Step is a statement that a change needs. One that several need is in each.
type Step struct {
	File      string        `json:"file"` // the migration's, from the module's root
	Statement string        `json:"statement"`
	Lock      string        `json:"lock"`
	Rewrite   string        `json:"rewrite"` // what the store writes anew; "": nothing
	Scan      string        `json:"scan"`    // what it reads; "": nothing
	Phase     storage.Phase `json:"-"`
	Fills     bool          `json:"-"` // the proxy writes the rows that differ
}

// Since compares a deployment with its last release. plan is what migrate.Run made of
// the deployment, without closing a release, and findings what compat.Judge found. An
// error means that the schema of a release cannot be read.
func Since(d *schema.Deployment, backends []*emit.Backend, plan *migrate.Plan, findings []compat.Finding) (*Diff, error) {
	diff := &Diff{Release: plan.Lock.Release, Closed: plan.Closed, Files: []string{}, Findings: findings}
	if plan.Closed {
		return diff, nil
	}
	b := &builder{deployment: d, now: map[string]*schema.Entity{}, open: plan.Lock.Open, backends: map[string]*emit.Backend{}, changes: map[subject]*change{}, writers: map[string][]*change{}}
	if plan.Lock.Closed != nil {
		b.closed = plan.Lock.Closed.Model
	}
	for _, backend := range backends {
		b.backends[backend.Name] = backend
	}
	for _, e := range d.Entities() {
		b.now[string(e.Desc.FullName())] = e
	}
	if n := len(plan.History.Released); n > 0 {
		released, err := entities(plan.History.Released[n-1])
		if err != nil {
			return nil, err
		}
		b.released = released
	}
	b.namespaces()
	b.entities()
	b.written()
	for _, m := range plan.Open {
		diff.Files = append(diff.Files, m.Path)
		for _, s := range m.Steps {
			b.step(m, s)
		}
	}
	diff.Changes = b.finish(findings)
	return diff, nil
}

// Blocks reports whether a finding must stop a release.
func (d *Diff) Blocks() bool { return slices.ContainsFunc(d.Findings, compat.Finding.Blocks) }

// entities returns those of a release, by name.
func entities(text []byte) (map[string]*schema.Entity, error) {
	files, faults := source.FromReleased(text)
	if len(faults) > 0 {
		return nil, fmt.Errorf("the last release: %s", faults[0])
	}
	all := map[string]*schema.Entity{}
	for _, f := range files {
		for i := range f.Messages().Len() {
			if e := schema.Released(f.Messages().Get(i)); e != nil {
				all[string(e.Desc.FullName())] = e
			}
		}
	}
	return all, nil
}

// builder makes one Diff.
type builder struct {
	deployment   *schema.Deployment
	now          map[string]*schema.Entity // by name
	backends     map[string]*emit.Backend
	released     map[string]*schema.Entity // of the last release, by name
	closed, open storage.Model
	changes      map[subject]*change
	writers      map[string][]*change // those for which an entity's older writers are kept out
}

// subject is what a change is of.
type subject struct {
	namespace, entity string
	field             string // a path, as schema.Path has it
	index             string // of several fields
}

// change is a Change that is being made.
type change struct {
	Change
	title    string
	parts    []string
	column   bool // what is declared of the field, or index, asks for a column
	kinds    map[storage.StepKind]bool
	builds   string // the Find that waits for a file of Steps
	keeps    string // what goes on for the release before
	loses    string
	contract []string
}

func (c *change) add(format string, args ...any) {
	c.parts = append(c.parts, fmt.Sprintf(format, args...))
}

// change returns the change of a subject, which it makes.
func (b *builder) change(s subject, at schema.Source, title string) *change {
	c := b.changes[s]
	if c == nil {
		c = &change{Change: Change{Source: at, Entity: s.entity, Field: []int32{}, Class: "safe", Steps: []Step{}}, title: title, kinds: map[storage.StepKind]bool{}}
		b.changes[s] = c
	}
	return c
}

// entity returns the change of an entity as a whole.
func (b *builder) entity(e *schema.Entity) *change {
	return b.change(subject{entity: string(e.Desc.FullName())}, e.Source, e.Name)
}

// field returns the change of a field, or of one below it, which is at the place.
func (b *builder) field(e *schema.Entity, path []int32, name string, at schema.Source) *change {
	text := schema.Path(path)
	c := b.change(subject{entity: string(e.Desc.FullName()), field: text}, at, strings.TrimSpace(fmt.Sprintf("%s, field %s %s", e.Name, text, name)))
	c.Field = path
	return c
}

// index returns the change of an index of several fields.
func (b *builder) index(e *schema.Entity, name string, at schema.Source) *change {
	return b.change(subject{entity: string(e.Desc.FullName()), index: name}, at, e.Name+", index "+name)
}

// namespaces adds the changes of prism.yaml.
func (b *builder) namespaces() {
	of := func(name string, at ...string) *change {
		return b.change(subject{namespace: name}, b.deployment.ConfigSource(append([]string{"namespaces"}, at...)...), "namespace "+name)
	}
	for _, now := range b.open.Namespaces {
		was := b.closed.Namespace(now.Name)
		switch {
		case was == nil:
			of(now.Name, now.Name).add("new, on %s", now.Backend)
		case was.Backend != now.Backend:
			c := of(now.Name, now.Name, "backend")
			c.add("on %s, and on %s before", now.Backend, was.Backend)
			c.loses = fmt.Sprintf("its records stay on %s, and no proxy answers with them", was.Backend)
		case !was.Equal(now) && slices.Equal(was.Own, now.Own):
			of(now.Name, now.Name, "config").add("another place in the store")
		case !was.Equal(now):
			of(now.Name, now.Name).add("further tables of Prism's own")
		}
	}
	for _, was := range b.closed.Namespaces {
		if b.open.Namespace(was.Name) == nil {
			of(was.Name).add("removed")
		}
	}
}

// moved reports whether the namespace is on another backend than at the last release.
func (b *builder) moved(namespace string) bool {
	was, now := b.closed.Namespace(namespace), b.open.Namespace(namespace)
	return was != nil && now != nil && was.Backend != now.Backend
}

// volatile reports whether what a namespace holds is each proxy's own.
func (b *builder) volatile(n *storage.Namespace) bool {
	backend := b.backends[n.Backend] // none, of what an earlier compiler served
	return backend != nil && migrate.Volatile(backend)
}

// finish returns the changes by place.
func (b *builder) finish(findings []compat.Finding) []Change {
	all := []Change{}
	for s, c := range b.changes {
		b.effects(s, c, findings)
		c.What = c.title + ": " + strings.Join(c.parts, ", ")
		all = append(all, c.Change)
	}
	slices.SortFunc(all, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.Source.File, y.Source.File), cmp.Compare(x.Source.Line, y.Source.Line),
			cmp.Compare(x.Source.Column, y.Source.Column), cmp.Compare(x.Entity, y.Entity), slices.Compare(x.Field, y.Field), cmp.Compare(x.What, y.What))
	})
	return all
}
