// Package compat judges what a schema has become since its releases: which records
// and clients of before it no longer understands, which of its own they do not
// understand, and what it promised and no longer keeps. It reads nothing and knows no
// store; what a change means for tables is package migrate's.
package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// Finding is one change that breaks a rule of evolution.
type Finding struct {
	schema.Diagnostic // at the present place; for what is gone, at the message or enum that had it
	Entity            string
	Field             []int32 // the numbers that lead to the field, on the shortest way, as an acknowledgement names it; empty: the entity as a whole
	Release           int     // the latest release in whose comparison it is found; 0: an acknowledgement is stale
	Acknowledged      string  // the reason why it is meant; "": it is not acknowledged
}

// Blocks reports whether the finding must stop a release.
func (f Finding) Blocks() bool { return f.Severity == schema.Error && f.Acknowledged == "" }

// Judge compares the entities of a deployment with what they were at each release:
// released holds the content of released/NNNN.binpb, from release 1 on, as
// history.History has it. An entity is the one of its full name or, if its message was
// renamed, of its namespace and table. What the last release has too is not judged
// again, so that nothing is found right after a release.
//
// Findings are in the order in which diagnostics are shown; they include those that
// are acknowledged, and acknowledgements that cover nothing (evolve.stale). Entities
// and namespaces that are gone, or on another backend, are for package migrate to
// report. An error means that a released schema cannot be read.
func Judge(d *schema.Deployment, released [][]byte) ([]Finding, error) {
	now, err := history.Schema(d.Files)
	if err != nil {
		return nil, err
	}
	if last := len(released) - 1; last >= 0 {
		if same, err := history.SameSchema(now, released[last]); same || err != nil {
			return nil, err
		}
	}
	releases := make([]release, len(released))
	for i, text := range released {
		if releases[i], err = newRelease(i+1, text); err != nil {
			return nil, err
		}
	}
	var all []Finding
	for _, e := range d.Entities() {
		all = append(all, judge(e, releases)...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Number, b.Number), cmp.Compare(a.What, b.What), cmp.Compare(a.Entity, b.Entity))
	})
	return all, nil
}

// release is the schema of one.
type release struct {
	number   int
	entities []*schema.Entity
	messages map[protoreflect.FullName]protoreflect.MessageDescriptor
	enums    map[protoreflect.FullName]protoreflect.EnumDescriptor
}

func newRelease(number int, text []byte) (release, error) {
	r := release{
		number: number, messages: map[protoreflect.FullName]protoreflect.MessageDescriptor{}, enums: map[protoreflect.FullName]protoreflect.EnumDescriptor{},
	}
	files, faults := source.FromReleased(text)
	if len(faults) > 0 {
		return r, fmt.Errorf("release %d: %s", number, faults[0])
	}
	for _, f := range files {
		r.add(f)
		for i := range f.Messages().Len() {
			if e := schema.Released(f.Messages().Get(i)); e != nil {
				r.entities = append(r.entities, e)
			}
		}
	}
	return r, nil
}

// add adds the messages and enums of a file, or of a message.
func (r release) add(in interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
}) {
	for i := range in.Enums().Len() {
		r.enums[in.Enums().Get(i).FullName()] = in.Enums().Get(i)
	}
	for i := range in.Messages().Len() {
		m := in.Messages().Get(i)
		r.messages[m.FullName()] = m
		r.add(m)
	}
}

// entity returns what e was in the release, or nil.
func (r release) entity(e *schema.Entity) *schema.Entity {
	for _, same := range []func(*schema.Entity) bool{
		func(was *schema.Entity) bool { return was.Desc.FullName() == e.Desc.FullName() },
		func(was *schema.Entity) bool { return was.Namespace.Name == e.Namespace.Name && was.Table == e.Table },
	} {
		if i := slices.IndexFunc(r.entities, same); i >= 0 {
			return r.entities[i]
		}
	}
	return nil
}

// judge compares an entity with each release, the last one first. What a later release
// acknowledged is settled for those before it: it was judged when that was closed.
func judge(e *schema.Entity, releases []release) []Finding {
	var all []Finding
	var settled []schema.Acknowledgement
	seen := map[string]bool{}
	for i := len(releases) - 1; i >= 0; i-- {
		r := releases[i]
		was := r.entity(e)
		if was == nil {
			continue
		}
		mode := e.Compatibility
		if !mode.Transitive && i < len(releases)-1 {
			mode.Backward, mode.Forward = false, false
		}
		c := newComparison(e, was, mode, releases, i)
		c.all()
		for _, f := range c.findings {
			key := fmt.Sprint(f.Slug, f.Field, f.What)
			if !seen[key] && !covered(settled, f) {
				seen[key] = true
				f.What += fmt.Sprintf(" (compared with release %d)", r.number)
				all = append(all, f)
			}
		}
		settled = append(settled, was.Acknowledged...)
	}
	return append(all, acknowledge(e, all)...)
}

func covered(by []schema.Acknowledgement, f Finding) bool {
	return slices.ContainsFunc(by, func(a schema.Acknowledgement) bool { return a.Covers(f.Slug, f.Field) })
}

// acknowledge notes what the entity acknowledges, and returns as findings the
// acknowledgements that cover nothing.
func acknowledge(e *schema.Entity, all []Finding) []Finding {
	var stale []Finding
	for _, a := range e.Acknowledged {
		covers := false
		for i := range all {
			if a.Covers(all[i].Slug, all[i].Field) {
				all[i].Acknowledged, covers = a.Reason, true
			}
		}
		if !covers {
			stale = append(stale, Finding{
				Diagnostic: schema.NewDiagnostic(schema.RuleEvolveStale, a.Source,
					strings.TrimSpace(fmt.Sprintf("%s acknowledges %s of %s, which nothing breaks", e.Name, a.Rule, whole(a.Field))), "remove it"),
				Entity: string(e.Desc.FullName()), Field: a.Field,
			})
		}
	}
	return stale
}

// whole names the field of an acknowledgement.
func whole(field []int32) string {
	if len(field) == 0 {
		return "the entity as a whole"
	}
	return "field " + schema.Path(field)
}
