package emit

import (
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend is the compile-time half of a store: what it can do, and the emitters
// that bind an entity to it. It links no client library. Its functions are pure.
// A nil emitter is what the store does not serve.
type Backend struct {
	schema.Store

	// Runtime is the import path of the run-time half, whose package has
	//
	//	type DB struct{ Tokens *keyvalue.Tokens; … }    // an open store
	//	type Config struct{ … }                         // a field for each of Settings
	//	var Backend = runtime.Backend[*DB, Config]{…}
	Runtime string

	// Expires says that the store deletes by itself what has expired, at a time of
	// its own: there is no sweep.
	Expires bool

	// Settings returns what the compiler decided about the store of a namespace.
	// Nil: nothing.
	Settings func(*schema.Namespace) []Setting

	// Migration returns the statements of the namespace's first migration, with
	// the comments that reviewers read. The last statement records it in
	// prism_migrations under the name given. Nil: there is nothing to review.
	Migration func(d *schema.Deployment, n *schema.Namespace, name string) string

	// KeyValue adds to store.go of an entity's package the type store, with a
	// field db that holds the *DB, and a method for every operation of the entity's
	// service.
	KeyValue func(f *golang.File, e *schema.Entity)
}

// Setting is a field of a run-time half's Config and how it came about.
type Setting struct {
	Field   string // Readers
	Value   string // Go source: 4
	Formula string // for plan.md: clamp(2, peak reads/s 2,000 / 1,000, 8)
	// From is the number's reference, if it is one: the Config has it in the field
	// FieldFrom, of type runtime.Number, and Value is the default.
	From schema.Number
}
