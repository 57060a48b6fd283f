package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/page"
)

// Backend is the run-time half of postgres.
var Backend = runtime.Backend[*DB, Config]{
	Name: "postgres", Resolve: Resolve, Ping: Ping, Open: Open, Migrate: Migrate, Status: Status, Verify: Verify, BumpVersions: BumpVersions,
}

// Config is what the compiler decided about one namespace's store.
type Config struct {
	// URL is a connection string as for libpq. It is empty if the parts are given
	// instead; empty parts have libpq's defaults. Resolve resolves references in
	// all of them.
	URL                                         string
	Host, Database, Username, Password, SSLMode string
	Port                                        int
	PortFrom                                    runtime.Number

	Connections     int // the most that are open, at least 1; writersOf says how many may write
	ConnectionsFrom runtime.Number
	Statements      int // how many a connection keeps prepared; the least recently used is dropped first
	// Durability is what the server's settings must promise: POWER_SAFE,
	// CRASH_SAFE, or LOST_ON_RESTART, which demands nothing.
	Durability string
	// Fills are those of the tables whose columns a migration fills.
	Fills []*Fill
}

// DB is an open store. It is safe for concurrent use.
type DB struct {
	// Tokens seals the page tokens of the namespace.
	Tokens *page.Tokens

	now      func() time.Time
	pool     pool
	writers  chan struct{} // holds a value for each call that writes
	turns    turns
	openings openings
	fences   fences
	builds   builds
	sweeps   sweeps
	sizes    sizes
	close    sync.Once
}

// Open connects to the store and verifies the server, its settings, the
// deployment that owns the store, and that no migration is missing. It changes
// nothing and needs no right to. The caller must close the store.
func Open(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*DB, error) {
	db, err := newDB(ctx, env, n, cfg, fmt.Sprintf("r%d", n.Release()))
	if err != nil {
		return nil, err
	}
	if err := db.verify(ctx, env, n, cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// newDB returns a store that is not verified. role is as connect takes it.
func newDB(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, role string) (*DB, error) {
	db := &DB{now: env.Now, writers: make(chan struct{}, writersOf(cfg.Connections))}
	pool, err := connect(ctx, env, n, cfg, role, onePlan, &db.openings)
	if err != nil {
		return nil, err
	}
	db.pool = pool
	return db, nil
}

// connectTimeout bounds the time to open a connection, and pingTimeout the time
// in which an idle one must answer; otherwise the call gets another.
const (
	connectTimeout = 5 * time.Second
	pingTimeout    = time.Second
)

// dialer detects a server that is gone, as the server's sessions detect a lost
// proxy: see pinned.
var dialer = net.Dialer{
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	Control:         endUnacknowledged,
}

// onePlan leaves the planner one plan for each statement, whatever its values
// and the statistics: a search by key, or a range of an index in its order.
// Otherwise the plan chosen while a table was empty would be used until the
// table is analyzed. Statements ask for rows in the order of one index, and a
// session cannot sort; those that cannot ask for an order are joined in it, and
// a session can only merge-join. What these plans need is on, whatever the
// role's settings. Nothing runs long enough for JIT or parallel workers.
var onePlan = map[string]string{
	"plan_cache_mode":                 "force_generic_plan",
	"enable_seqscan":                  "off",
	"enable_bitmapscan":               "off",
	"enable_sort":                     "off",
	"enable_incremental_sort":         "off",
	"enable_nestloop":                 "off",
	"enable_hashjoin":                 "off",
	"enable_indexscan":                "on",
	"enable_indexonlyscan":            "on",
	"enable_tidscan":                  "on",
	"enable_mergejoin":                "on",
	"max_parallel_workers_per_gather": "0",
	"jit":                             "off",
}

// readShare reserves one in so many connections for reads, even while writes
// wait for each other's locks.
const readShare = 4

// writersOf returns how many of the connections may write at a time.
func writersOf(connections int) int {
	return max(connections-(connections+readShare-1)/readShare, 1)
}

// connect returns the pool of the namespace. role is what the server's list of
// connections says behind the deployment: the proxy's release, as r2, or migrating.
// session has settings besides pinned. Its errors contain no more of the URL than host
// and port.
func connect(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, role string, session map[string]string, openings *openings) (*pgxpool.Pool, error) {
	c, err := parse(n, cfg)
	if err != nil {
		return nil, err
	}
	c.MaxConns = int32(cfg.Connections)
	c.MinConns, c.MinIdleConns = 0, 0
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	c.ConnConfig.StatementCacheCapacity = cfg.Statements
	c.PingTimeout = pingTimeout
	c.ConnConfig.ConnectTimeout = connectTimeout
	c.ConnConfig.DialFunc = dialer.DialContext
	c.ConnConfig.BuildContextWatcherHandler = watch
	parameters := c.ConnConfig.RuntimeParams
	parameters["application_name"] = applicationName(parameters["application_name"], env.Deployment, role)
	c.ConnConfig.AfterConnect = begin(sessionOf(session, ""))
	schema, pooled, err := survey(ctx, c.ConnConfig)
	if err != nil {
		return nil, refusal(ctx, c.ConnConfig, err)
	}
	c.ConnConfig.AfterConnect = begin(sessionOf(session, schema))
	c.BeforeConnect = openings.begin
	if pooled {
		c.ConnConfig.BuildContextWatcherHandler = watchPooled
		c.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
			return errors.Join(openings.begin(ctx, c), neverCancel(ctx, c))
		}
	}
	return pgxpool.NewWithConfig(ctx, c) // which fails only for settings that are all set above
}

func (db *DB) verify(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	conn, err := acquire(ctx, db)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer release(db, conn)
	if err := verifySettings(ctx, conn.Conn(), cfg.Durability); err != nil {
		return err
	}
	if err := verifyOwner(ctx, conn.Conn(), env.Deployment); err != nil {
		return err
	}
	if err := verifyMigrations(ctx, conn.Conn(), env, n, cfg); err != nil {
		return err
	}
	if err := db.builds.begin(ctx, conn.Conn(), n); err != nil {
		return err
	}
	if err := verifyVersions(ctx, conn.Conn(), env, n, cfg, ""); err != nil {
		return err
	}
	key, err := text(ctx, conn.Conn(), `SELECT "value" FROM "prism_meta" WHERE "name" = 'page_key_1'`)
	if err != nil {
		return err
	}
	db.Tokens, err = page.NewTokens(key, env.Now)
	return err
}

// required are the server settings that every store needs, and by class those
// that acknowledged writes need. sessionOf makes sure that commits are waited
// for.
var required = map[string][]setting{
	"": {
		{"server_encoding", is("UTF8"), "create the database with ENCODING 'UTF8'"},
		{"session_replication_role", is("origin"), reset},
		{"zero_damaged_pages", is("off"), reset},
		{"ignore_checksum_failure", is("off"), reset},
		{"fsync", is("on"), "set fsync to on: without it a power cut takes versions back that were answered"},
	},
	"POWER_SAFE": {
		{"full_page_writes", is("on"), "set full_page_writes to on"},
	},
}

// reset says what to do about a setting of pinned that the role may not set.
const reset = "reset it for the proxy's role and database: only a superuser may"

// setting is a server parameter, the values that are accepted, and what to do
// about others.
type setting struct {
	name   string
	serves func(value string) bool
	fix    string
}

func is(want string) func(string) bool { return func(v string) bool { return v == want } }

// verifySettings checks that the live settings are as durability needs, and
// that the search path leads to a schema.
func verifySettings(ctx context.Context, conn *pgx.Conn, durability string) error {
	for _, class := range []string{"", durability} {
		for _, s := range required[class] {
			got, err := text(ctx, conn, "SHOW "+s.name)
			if err != nil {
				return err
			}
			if !s.serves(got) {
				return fmt.Errorf("the server has %s = %s, which is not enough for %s; %s", s.name, got, cmp.Or(class, "any store of Prism"), s.fix)
			}
		}
	}
	schema, err := text(ctx, conn, `SELECT coalesce(current_schema(), '')`)
	if err == nil && schema == "" {
		err = errors.New("search_path of the proxy's role names no schema that it may use; create one, or set search_path")
	}
	return err
}

// text returns the single value that query selects.
func text(ctx context.Context, conn *pgx.Conn, query string, values ...any) (value string, err error) {
	err = conn.QueryRow(ctx, query, values...).Scan(&value)
	return value, Error(ctx, err)
}

// Close waits for calls in progress and closes the connections. It is
// idempotent and returns nil.
func (db *DB) Close() error {
	db.close.Do(db.pool.Close)
	return nil
}
