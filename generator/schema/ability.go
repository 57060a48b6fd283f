package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Ability is something that an entity may need of its store, beyond that records
// are put, got and deleted by key. What is served follows from what the entity
// declares and never from the store: else to move a namespace would change its
// clients.
type Ability uint

// The abilities of stores. Each is of one abstraction or of several.
const (
	CanSwap   Ability = 1 << iota // writes a record if it has a given version
	CanBatch                      // writes many records, all or none
	CanScan                       // lists records in the order of their keys
	CanList                       // lists records by an index, in order
	CanUnique                     // refuses a second record with a value
	CanExpire                     // takes a record away after a time
)

// String is what the ability is called where backends are compared.
func (a Ability) String() string {
	return map[Ability]string{
		CanSwap: "compare-and-swap", CanBatch: "atomic batches", CanScan: "scans",
		CanList: "indexes that are not unique", CanUnique: "unique indexes", CanExpire: "ttl",
	}[a]
}

// Has reports whether e has the part of its abstraction that needs a.
func (e *Entity) Has(a Ability) bool { return e.Without&a == 0 }

// Offer is what a store can do for the entities of an abstraction.
type Offer struct {
	Can Ability // the union of the abilities
	// Lacks says of each other ability why the store does not have it, as the end
	// of a sentence: "a stream keeps its subjects in no order".
	Lacks map[Ability]string
}

// need is an ability that an entity asks for at a place of the schema.
type need struct {
	ability Ability
	at      Source
	what    string // scans
	fix     string // what the entity writes to do without; "": it cannot
}

// served refuses what an entity asks for and its store cannot do.
func (r *reader) served(e *Entity, b Store) {
	a := e.Abstraction
	offer := a.Offer(b)
	if offer == nil {
		fix := r.orElse("declare another abstraction", func(s Store) bool { return a.Offer(s) != nil })
		r.report(RuleBackendAbility, e.Source, fix, "entity %s is %s, which %s does not serve", e.Name, a.Name, b.Name)
		return
	}
	for _, n := range a.needs(e) {
		if offer.Can&n.ability != 0 {
			continue
		}
		fix := r.orElse(n.fix, func(s Store) bool { o := a.Offer(s); return o != nil && o.Can&n.ability != 0 })
		r.report(RuleBackendAbility, n.at, fix, "%s of %s needs %s, which %s does not support: %s", n.what, e.Name, n.ability, b.Name, offer.Lacks[n.ability])
	}
}

// orElse adds to a fix the stores that would do.
func (r *reader) orElse(fix string, does func(Store) bool) string {
	var others []string
	for _, s := range r.stores {
		if does(s) {
			others = append(others, s.Name)
		}
	}
	if len(others) == 0 {
		return fix
	}
	slices.Sort(others)
	return fmt.Sprintf("%s, or choose one of %s in prism.yaml", fix, strings.Join(others, ", "))
}
