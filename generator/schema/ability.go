package schema

import (
	"fmt"
	"slices"
	"strings"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Ability is something that an entity may need of its store, beyond that records
// are put, got and deleted by key. What is served follows from what the entity
// declares and never from the store: else to move a namespace would change its
// clients.
type Ability uint

// The abilities of a store that serves KeyValue.
const (
	CanSwap   Ability = 1 << iota // writes a record if it has a given version
	CanBatch                      // writes many records, all or none
	CanScan                       // lists records in the order of their keys
	CanList                       // lists records by an index, in order
	CanUnique                     // refuses a second record with a value
	CanExpire                     // takes a record away after a time
)

// Abilities are all abilities, in order.
func Abilities() []Ability {
	return []Ability{CanSwap, CanBatch, CanScan, CanList, CanUnique, CanExpire}
}

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

// parts are what a KeyValue entity may do without.
var parts = map[prismv1.KeyValue_Part]Ability{
	prismv1.KeyValue_SWAP: CanSwap, prismv1.KeyValue_BATCH: CanBatch, prismv1.KeyValue_SCAN: CanScan,
}

// without reads what the entity does without.
func (r *reader) without(e *Entity, o *prismv1.KeyValue) {
	for i, p := range o.GetWithout() {
		a, at := parts[p], place(e.Desc, option(entityOption, entityKeyValue, keyValueWithout, int32(i))...)
		switch {
		case p == prismv1.KeyValue_PART_UNSPECIFIED:
			r.report(RuleOptionRange, at, "name a part, as in without: [SCAN]", "entity %s lists %s under without", e.Name, p)
		case e.Without&a != 0:
			r.report(RuleKeyValueWithout, at, "remove one", "entity %s lists %s twice under without", e.Name, p)
		}
		e.Without |= a
	}
}

// needs returns what the entity asks of its store, in the order of the schema's
// options.
func (r *reader) needs(e *Entity) []need {
	pattern := place(e.Desc, option(entityOption, entityKeyValue)...)
	var all []need
	for _, part := range []prismv1.KeyValue_Part{prismv1.KeyValue_SWAP, prismv1.KeyValue_BATCH, prismv1.KeyValue_SCAN} {
		if a := parts[part]; e.Without&a == 0 {
			all = append(all, need{a, pattern, "key_value", "write without: " + part.String()})
		}
	}
	for _, x := range e.Indexes {
		n := need{CanList, x.Source, "index " + x.Name, "remove the index"}
		if x.Unique {
			n.ability = CanUnique
		}
		all = append(all, n)
	}
	if e.TTL > 0 {
		all = append(all, need{CanExpire, place(e.Desc, option(entityOption, entityTTL)...), "ttl", "remove it"})
	}
	return all
}

// served refuses what an entity asks for and its store cannot do.
func (r *reader) served(e *Entity, b Store) {
	for _, n := range r.needs(e) {
		if b.KeyValue.Can&n.ability != 0 {
			continue
		}
		var others []string
		for _, other := range r.stores {
			if other.KeyValue.Can&n.ability != 0 {
				others = append(others, other.Name)
			}
		}
		slices.Sort(others)
		fix := n.fix
		if len(others) > 0 {
			fix += fmt.Sprintf(", or choose one of %s in prism.yaml", strings.Join(others, ", "))
		}
		r.report(RuleBackendAbility, n.at, fix, "%s of %s needs %s, which %s does not support: %s", n.what, e.Name, n.ability, b.Name, b.KeyValue.Lacks[n.ability])
	}
}
