package emit

import (
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
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

	// Dialect prints migrations. Nil: the store has no schema.
	Dialect Dialect

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

// Dialect prints migrations for the store and for those who review them: statements,
// each behind a Note.
// Nothing in them comes from comments or strings of the schema.
type Dialect interface {
	// Init makes Prism's own tables in a database that may have them already.
	Init(deployment string) string
	// Own are the tables of Prism's own that are not in Init, because files with it
	// were applied before they came.
	Own() []string
	// Up takes a step, and Down takes it back. Down is "" of what nothing was done
	// for, and of steps of the phase contract, behind which nothing goes back.
	Up(storage.Step) string
	Down(storage.Step) string
	// Begin is what a file begins with: one of a single step that is done alone, or any
	// other, which is a transaction.
	Begin(alone bool) string
	// Unending is what a file begins with that the proxy alone can run: a transaction,
	// also within another one, that nothing ends, so that by hand nothing is kept.
	Unending() string
	// Concurrent says that such a step is done beside writers, without a transaction.
	Concurrent() bool
	// Enter enters the file of the steps in prism_migrations, as its last statement, and
	// Remove takes it out.
	Enter(namespace string, number int, name string, steps []storage.Step) string
	Remove(namespace string, number int) string
}
