package schema

import prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"

// Abstraction is a way in which clients use the records of an entity, and all
// that the language knows of it.
type Abstraction struct {
	Name string // as the option is called: key_value
	// Core is what every store does that serves it: "put, get and delete by key".
	Core string
	// Abilities are what a store may offer besides, in the order in which stores are
	// compared.
	Abilities []Ability
	// Offer returns what a store offers. Nil: the store does not serve it.
	Offer func(Store) *Offer

	// read reads the options of an entity into the model.
	read func(*reader, *Entity, *prismv1.Entity)
	// service returns what the contract offers of an entity that was read.
	service func(*Entity) *Service
	// needs returns what an entity asks of its store, in the order of the schema's
	// options.
	needs func(*Entity) []need
}

// Abstractions returns all abstractions, in the order of their options.
func Abstractions() []*Abstraction { return []*Abstraction{KeyValue} }

// abstraction returns that of an entity. Where none is written, it is reported,
// and the entity is read as key_value.
func (r *reader) abstraction(e *Entity, o *prismv1.Entity) *Abstraction {
	message := o.ProtoReflect()
	chosen := message.WhichOneof(message.Descriptor().Oneofs().ByName("abstraction"))
	for _, a := range Abstractions() {
		if chosen != nil && string(chosen.Name()) == a.Name {
			return a
		}
	}
	r.report(RuleEntityAbstraction, e.Source, "write option (prism.v1.entity).key_value = {}", "entity %s has no abstraction", e.Desc.FullName())
	return KeyValue
}
