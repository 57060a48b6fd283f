package runtime

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/prism-proxy/prism/runtime/migration"
)

// Namespace is what the compiler decided about a namespace, and with a backend
// bound to it a store and the entities in it.
type Namespace struct {
	Name string
	// InFlight is how many calls are served at the same time, at most. 0: no
	// limit.
	InFlight int
	// InFlightOf says how InFlight came about, for the log.
	InFlightOf string
	// InFlightFrom and RatesFrom, by method, lead to numbers that take the place of
	// InFlight and of the methods' rates when the proxy starts.
	InFlightFrom Number
	RatesFrom    map[string]Number
	// Tables are those of the entities.
	Tables []string
	// Migrations hold those of the namespace in the folder Name. Nil: there are
	// none.
	Migrations fs.FS

	Backend string
	// Embedded says that the store has its files in the data directory.
	Embedded bool
	// Open returns the store, ready and verified, and the services bound to
	// it.
	Open func(ctx context.Context, env *Env) (Store, error)
	// Migrate brings the store to the namespace's present form and returns what it
	// applied, in order. Nil: there is nothing to apply.
	Migrate func(ctx context.Context, env *Env) ([]migration.File, error)
	// Status lists the migrations and their state. Nil: the store has none.
	Status func(ctx context.Context, env *Env) ([]migration.State, error)
	// Verify reads every record and compares it with its checksum. It tells the
	// damaged ones as it finds them, by their version in a table, and returns what
	// it read of each table. Nil: records have no checksums.
	Verify func(ctx context.Context, env *Env, damaged func(table string, version int64)) ([]Verified, error)
	// BumpVersions makes versions leap above all that callers may have seen. Nil:
	// those of every start are others anyway.
	BumpVersions func(ctx context.Context, env *Env) error

	resolve func(env *Env) (Namespace, error) // binds the store's settings without references
	rates   map[string]int                    // those of RatesFrom
}

// Resolve returns n with what its references lead to, before which no other of
// its functions may be called, and all faults at once. It asks no store.
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

// Store is an open store, and the services bound to it.
type Store struct {
	io.Closer // which waits for what the store is doing
	Services  []Service
	// Ping asks the store whether it is there, and nothing else. Nil: it is part of
	// the process.
	Ping func(ctx context.Context) error
}

// Verified is how many records of a table were read, how many of them have no
// checksum, and how many do not match theirs.
type Verified struct {
	Table                       string
	Records, Unchecked, Damaged int64
}

// Backend is the run-time half of a store. DB is an open store, and Config what
// the compiler decided about the store of a namespace. Its functions are those of
// Namespace, of which each says what a nil one means; Open is never nil. They may
// be called for several namespaces at once.
type Backend[DB io.Closer, Config any] struct {
	Name     string // as prism.yaml has it
	Embedded bool   // that of Namespace
	// Resolve returns Config with what its references lead to, and all faults at
	// once. It asks nobody. Nil: there are no references.
	Resolve func(*Env, Namespace, Config) (Config, error)
	// Ping is that of Store.
	Ping         func(context.Context, DB) error
	Open         func(context.Context, *Env, Namespace, Config) (DB, error)
	Migrate      func(context.Context, *Env, Namespace, Config) ([]migration.File, error)
	Status       func(context.Context, *Env, Namespace, Config) ([]migration.State, error)
	Verify       func(ctx context.Context, env *Env, n Namespace, c Config, damaged func(table string, version int64)) ([]Verified, error)
	BumpVersions func(context.Context, *Env, Namespace, Config) error
}

// Bind returns n with its store as c describes it, and with the services that
// are bound to the store when it is opened.
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
		bound.Migrate = func(ctx context.Context, env *Env) ([]migration.File, error) { return b.Migrate(ctx, env, n, c) }
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
