package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Compatibility says which pairs of releases must understand each other.
type Compatibility struct {
	Backward   bool // what is compiled now reads what was written before
	Forward    bool // what was compiled before reads what is written now
	Transitive bool // before: at any release, and not only the last one
}

// Promised reports whether anything is promised.
func (c Compatibility) Promised() bool { return c.Backward || c.Forward }

// String returns the compatibility as options.proto names it.
func (c Compatibility) String() string {
	name := "NONE"
	switch {
	case c.Backward && c.Forward:
		name = "FULL"
	case c.Backward:
		name = "BACKWARD"
	case c.Forward:
		name = "FORWARD"
	}
	if c.Transitive {
		name += "_TRANSITIVE"
	}
	return name
}

// Acknowledgement is a change that breaks a rule of evolution, and is meant.
type Acknowledgement struct {
	Rule   string  // its slug: evolve.type
	Field  []int32 // the numbers that lead to the field; empty: the entity as a whole
	Reason string
	Source Source
}

// Covers reports whether the acknowledgement is of a rule at a field.
func (a Acknowledgement) Covers(rule string, field []int32) bool {
	return a.Rule == rule && slices.Equal(a.Field, field)
}

// Path is a field as an acknowledgement names it: 7, [5, 2], or "" for the entity as
// a whole.
func Path(field []int32) string {
	texts := make([]string, len(field))
	for i, n := range field {
		texts[i] = strconv.Itoa(int(n))
	}
	if len(field) < 2 {
		return strings.Join(texts, "")
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// acknowledgeable are the rules that a schema may break on purpose. Under another key
// no record would be found again.
var acknowledgeable = []int{
	RuleEvolveReuse, RuleEvolveReserve, RuleEvolveRequired, RuleEvolveEnum, RuleEvolveType, RuleEvolvePII, RuleEvolveBounds,
	RuleEvolveDurability, RuleEvolveContract, RuleEvolveLifetime,
}

// evolution reads what the entity promises from release to release.
func (r *reader) evolution(e *Entity, o *prismv1.Entity) {
	// An unset one is FULL_TRANSITIVE, and one that is not known is reported as such.
	mode := cmp.Or(o.GetCompatibility(), prismv1.Entity_FULL_TRANSITIVE)
	full := mode == prismv1.Entity_FULL || mode == prismv1.Entity_FULL_TRANSITIVE
	e.Compatibility = Compatibility{
		Backward:   full || mode == prismv1.Entity_BACKWARD || mode == prismv1.Entity_BACKWARD_TRANSITIVE,
		Forward:    full || mode == prismv1.Entity_FORWARD || mode == prismv1.Entity_FORWARD_TRANSITIVE,
		Transitive: mode == prismv1.Entity_FULL_TRANSITIVE || mode == prismv1.Entity_BACKWARD_TRANSITIVE || mode == prismv1.Entity_FORWARD_TRANSITIVE,
	}
	var slugs []string
	for _, number := range acknowledgeable {
		rule, _ := FindRule(number)
		slugs = append(slugs, rule.Slug)
	}
	for i, a := range o.GetAcknowledge() {
		path := option(entityOption, entityAcknowledge, int32(i))
		ack := Acknowledgement{Rule: a.GetRule(), Field: a.GetField(), Reason: a.GetReason(), Source: place(e.Desc, path...)}
		switch {
		case !slices.Contains(slugs, ack.Rule):
			r.report(RuleAcknowledgeShape, place(e.Desc, option(path, acknowledgementRule)...), "write one of "+strings.Join(slugs, ", "),
				"an acknowledgement of %s names rule %q", e.Name, ack.Rule)
		case strings.TrimSpace(ack.Reason) == "":
			r.report(RuleAcknowledgeShape, ack.Source, `write reason: "…"`, "the acknowledgement of %s for %s has no reason", ack.Rule, e.Name)
		case slices.ContainsFunc(e.Acknowledged, func(other Acknowledgement) bool { return other.Covers(ack.Rule, ack.Field) }):
			r.report(RuleAcknowledgeShape, ack.Source, "remove one", "%s of %s is acknowledged twice", ack.Rule, e.Name)
		}
		e.Acknowledged = append(e.Acknowledged, ack)
	}
}

// Released returns the entity that a message of a released schema was, or nil if it
// was none. Where this compiler would refuse what an earlier one let through, the
// model has what can be read of it. Of its namespace only the name is known.
func Released(m protoreflect.MessageDescriptor) *Entity {
	o := entityOptions(m)
	if o == nil {
		return nil
	}
	r := &reader{namespaces: map[string]*Namespace{}}
	r.entity(m, o)
	e := r.entities[0]
	e.Namespace = &Namespace{Name: o.GetNamespace()}
	return e
}
