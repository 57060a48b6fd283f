package schema

import prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"

// KeyValue keeps one record for each key.
var KeyValue = &Abstraction{
	Name:      "key_value",
	Core:      "put, get and delete by key",
	Abilities: []Ability{CanSwap, CanBatch, CanScan, CanList, CanUnique, CanExpire},
	Offer:     func(s Store) *Offer { return s.KeyValue },
	read: func(r *reader, e *Entity, o *prismv1.Entity) {
		r.without(e, o.GetKeyValue())
		r.ttl(e, o)
		r.key(e)
		r.indexes(e, o.GetIndex())
	},
	service: keyValueService,
	needs:   keyValueNeeds,
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

func keyValueNeeds(e *Entity) []need {
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
