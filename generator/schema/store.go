package schema

// Store is what the compiler must know of a store to check a schema against it.
type Store struct {
	Name   string // as prism.yaml writes it: sqlite
	Config []ConfigKey
	// Durability returns the strongest class that the store promises with the
	// given settings, in which defaults are filled in.
	Durability func(config map[string]string) Durability
	// KeyValue is what the store can do for entities of that abstraction. Nil: it
	// does not serve them.
	KeyValue *Offer
	// Columns says that marked fields get columns; other stores have entries for
	// the key and the indexes only.
	Columns bool
	// Check returns what the store itself has no name or no room for. Nil: it takes
	// all that the language allows.
	Check func(*Entity) []Breach
	// CheckDeployment is Check for what the entities of all its namespaces need
	// together. It is asked about what is without faults. Nil: nothing.
	CheckDeployment func(*Deployment) []Breach
}

// Breach is a limit of a store that an entity does not keep.
type Breach struct {
	At        Source // of the entity, its table, a column or an index
	What, Fix string
}

// ConfigKey is one setting of a backend in prism.yaml.
type ConfigKey struct {
	Name    string
	Doc     string   // one sentence
	Default string   // "": no default
	Values  []string // the legal values; nil: any
	// Min and Max bound a setting that is a whole number. Max 0: it is none.
	Min, Max int
	// Required settings have no default and must be written.
	Required bool
	// InsteadOf is the setting that this one takes the place of, with others that do:
	// of these the required ones are written where one of them is. "": none.
	InsteadOf string
	// Reference says that the value differs between environments and may hold
	// ${env:NAME}, ${env:NAME:-default} and ${file:path}, which are resolved when the
	// proxy starts. A whole number is one reference, with a default.
	Reference bool
	// Locates says that it decides where the store's records are: with another value
	// the proxy does not find those of before.
	Locates bool
	// Check returns what is wrong with the value beside the other settings of its
	// namespace, in which defaults are filled in, and what to write instead; "" if
	// nothing is. It is not asked about a value with references. Nil: all is said above.
	Check func(config map[string]string) (what, fix string)
	// URL says that the value is a URL, several with commas between them, or words of
	// libpq's, in which references have places.
	URL bool
}
