package runtime

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/prism-proxy/prism/runtime/migration"
)

// Namespace is what the compiler decided about a namespace. With a backend
// bound to it, it also opens a store and serves the entities in it.
type Namespace struct {
	Name string
	// InFlight limits how many calls are served at the same time. 0: no limit.
	InFlight int
	// InFlightOf says how InFlight came about, for the log.
	InFlightOf string
	// InFlightFrom and RatesFrom (by method) refer to numbers that replace
	// InFlight and the methods' rates when the proxy starts.
	InFlightFrom Number
	RatesFrom    map[string]Number
	// Tables are the entities' tables.
	Tables []string
	// Migrations holds the namespace's migrations in the folder In. Nil: there are
	// none.
	Migrations fs.FS
	// Folder is where, unless it is Name: a store that the namespace has moved to has
	// migrations of its own.
	Folder string
	// Releases has the number of the last migration of each release, from release 1
	// to the proxy's own.
	Releases []int

	Backend string
	// Embedded says that the store keeps its files in the data directory.
	Embedded bool
	// Open returns the store, ready and verified, and the services bound to
	// it.
	Open func(ctx context.Context, env *Env) (Store, error)
	// Migrate does what run says and returns the migrations that it applied or
	// undid, in order; if one fails, those before it. Nil: there is nothing to
	// apply.
	Migrate func(ctx context.Context, env *Env, run migration.Run) ([]migration.File, error)
	// Status lists the migrations and their state. Nil: the store has none.
	Status func(ctx context.Context, env *Env) ([]migration.State, error)
	// Verify reads every record and compares it with its checksum. It reports each
	// damaged record as it finds it, by table and version, and returns the counts
	// of each table. Nil: records have no checksums.
	Verify func(ctx context.Context, env *Env, damaged func(table string, version int64)) ([]Verified, error)
	// BumpVersions raises versions above all that callers may have seen. Nil:
	// every start issues new versions anyway.
	BumpVersions func(ctx context.Context, env *Env) error

	resolve func(env *Env) (Namespace, error) // binds the store with its references resolved
	rates   map[string]int                    // the resolved RatesFrom
}

// In returns the folder of Migrations.
func (n *Namespace) In() string { return cmp.Or(n.Folder, n.Name) }

// Release returns the release that the proxy is of; 1 if Releases does not say.
func (n *Namespace) Release() int { return max(1, len(n.Releases)) }

// Resolve returns n with its references resolved, or all faults at once. It
// contacts no store. No other function of n may be called before it.
func (n Namespace) Resolve(env *Env) (Namespace, error) {
	var faults []error
	if n.resolve != nil {
		bound, err := n.resolve(env)
		if n = bound; err != nil {
			faults = append(faults, err)
		}
	}
	var err error
	if n.InFlight, err = n.InFlightFrom.Resolve(env, "limits in_flight of namespace "+n.Name, n.InFlight); err != nil {
		faults = append(faults, err)
	}
	n.rates = map[string]int{}
	for _, method := range slices.Sorted(maps.Keys(n.RatesFrom)) {
		if n.rates[method], err = n.RatesFrom[method].Resolve(env, "limits rates "+method+" of namespace "+n.Name, 0); err != nil {
			faults = append(faults, err)
		}
	}
	return n, errors.Join(faults...)
}

// Store is an open store with the services bound to it.
type Store struct {
	io.Closer // Close waits for what the store is doing
	Services  []Service
	// Ping only asks whether the store can be reached. Nil: it is part of the
	// process.
	Ping func(ctx context.Context) error
}

// Verified counts the records of a table that were read, those of them without
// a checksum, and those that do not match theirs.
type Verified struct {
	Table                       string
	Records, Unchecked, Damaged int64
}

// Backend is the run-time half of a store. DB is an open store, and Config what
// the compiler decided about a namespace's store. Its functions are those of
// Namespace, which says what a nil one means; Open is never nil. They may be
// called for several namespaces at once.
type Backend[DB io.Closer, Config any] struct {
	Name     string // as in prism.yaml
	Embedded bool   // as in Namespace
	// Resolve returns Config with its references resolved, or all faults at once.
	// It contacts nothing. Nil: there are no references.
	Resolve func(*Env, Namespace, Config) (Config, error)
	// Ping is Store.Ping.
	Ping         func(context.Context, DB) error
	Open         func(context.Context, *Env, Namespace, Config) (DB, error)
	Migrate      func(context.Context, *Env, Namespace, Config, migration.Run) ([]migration.File, error)
	Status       func(context.Context, *Env, Namespace, Config) ([]migration.State, error)
	Verify       func(ctx context.Context, env *Env, n Namespace, c Config, damaged func(table string, version int64)) ([]Verified, error)
	BumpVersions func(context.Context, *Env, Namespace, Config) error
}

// Bind returns n with the store that c describes. The services are bound to the
// store when it is opened.
func (b Backend[DB, Config]) Bind(n Namespace, c Config, services ...func(DB) Service) Namespace {
	bound := b.bind(n, c, services)
	if b.Resolve != nil {
		bound.resolve = func(env *Env) (Namespace, error) {
			resolved, err := b.Resolve(env, n, c)
			return b.bind(n, resolved, services), err
		}
	}
	return bound
}

func (b Backend[DB, Config]) bind(n Namespace, c Config, services []func(DB) Service) Namespace {
	bound := n
	bound.Backend, bound.Embedded = b.Name, b.Embedded
	bound.Open = func(ctx context.Context, env *Env) (Store, error) {
		db, err := b.Open(ctx, env, n, c)
		if err != nil {
			return Store{}, err
		}
		store := Store{Closer: db}
		for _, bind := range services {
			store.Services = append(store.Services, bind(db))
		}
		if b.Ping != nil {
			store.Ping = func(ctx context.Context) error { return b.Ping(ctx, db) }
		}
		return store, nil
	}
	if b.Migrate != nil {
		bound.Migrate = func(ctx context.Context, env *Env, run migration.Run) ([]migration.File, error) {
			return b.Migrate(ctx, env, n, c, run)
		}
	}
	if b.Status != nil {
		bound.Status = func(ctx context.Context, env *Env) ([]migration.State, error) { return b.Status(ctx, env, n, c) }
	}
	if b.Verify != nil {
		bound.Verify = func(ctx context.Context, env *Env, damaged func(string, int64)) ([]Verified, error) {
			return b.Verify(ctx, env, n, c, damaged)
		}
	}
	if b.BumpVersions != nil {
		bound.BumpVersions = func(ctx context.Context, env *Env) error { return b.BumpVersions(ctx, env, n, c) }
	}
	return bound
}
