package emit

import "github.com/prism-proxy/prism/generator/schema"

// Backend is the compile-time half of a store: what it can do, and how an
// entity is bound to it. It links no client library. Its methods are pure.
type Backend interface {
	// Info returns what schemas are checked against.
	Info() schema.Backend

	// ImportPath is that of the run-time half, whose package has the types DB
	// and Config, with the fields Namespace and InFlight, if Migration is not
	// empty Migrations and Tables, and those of Settings; and the function Namespace, which
	// makes a runtime.Namespace of a Config and of functions that bind a service
	// to a DB.
	ImportPath() string

	// Store returns store.go of an entity's package, in the folder dir: the
	// type store with a method for every operation of the entity's service.
	Store(e *schema.Entity, dir, importPath string) (File, error)

	// Migration returns the statements of the namespace's first migration, with
	// the comments that reviewers read, or "" if the store has no schema. The
	// last statement records it in prism_migrations under the name given.
	Migration(d *schema.Deployment, n *schema.Namespace, name string) string

	// Settings returns what the compiler decided for the namespace, beside its
	// name and its migrations.
	Settings(n *schema.Namespace) []Setting
}

// Setting is a field of a run-time half's Config and how it came about.
type Setting struct {
	Field   string // Readers
	Value   string // Go source: 4
	Formula string // for plan.md: clamp(2, peak reads/s 2,000 / 1,000, 8)
}
