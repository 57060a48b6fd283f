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
	// URL is a connection string of libpq; it is empty where the parts of one are
	// given, of which empty ones have libpq's defaults. Resolve follows the
	// references in all of them.
	URL                                         string
	Host, Database, Username, Password, SSLMode string
	Port                                        int
	PortFrom                                    runtime.Number

	Connections     int // at most, at least 1; the part of them that may write is writersOf
	ConnectionsFrom runtime.Number
	Statements      int // so many a connection keeps prepared; the one used longest ago goes first
	// Durability is what the server's settings must promise: POWER_SAFE,
	// CRASH_SAFE or LOST_ON_RESTART, which needs nothing.
	Durability string
}

// DB is an open store. It is safe for concurrent use.
type DB struct {
	// Tokens seals the page tokens of the namespace.
	Tokens *page.Tokens

	now      func() time.Time
	pool     pool
	writers  chan struct{} // holds a value for each that writes
	turns    turns
	openings openings
	sweeps   sweeps
	sizes    sizes
	close    sync.Once
}

// Open connects to the store and verifies it: the server and its settings, the
// deployment that owns it, and its migrations, of which none may be missing. It
// changes nothing and needs no right to. Whoever calls it closes the store.
func Open(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*DB, error) {
	db := &DB{now: env.Now, writers: make(chan struct{}, writersOf(cfg.Connections))}
	pool, err := connect(ctx, env, n, cfg, onePlan, &db.openings)
	if err != nil {
		return nil, err
	}
	db.pool = pool
	if err := db.verify(ctx, env, n, cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connectTimeout bounds the time that one new connection takes, and pingTimeout
// that in which one that was idle answers; else the call is given another.
const (
	connectTimeout = 5 * time.Second
	pingTimeout    = time.Second
)

// dialer notices a server that is gone, as the server's sessions do a proxy: see
// pinned.
var dialer = net.Dialer{
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	Control:         endUnacknowledged,
}

// onePlan leaves the planner one plan for every statement, whatever its values
// and the statistics: a search by key, or a range of an index in its order. Else
// what it chose for a table when that was empty would be used until the table is
// analyzed. The statements ask for rows in the order of one index, and nothing
// here can sort; those that cannot ask for an order are joined in it, and nothing
// here can join but by merging. What the plans are made of is on, whatever the
// role has. Nothing runs long enough to be compiled, or for several processes.
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

// readShare is the part of the connections that is for reads, one in so many: it
// is not more where writes wait for each other's locks.
const readShare = 4

// writersOf returns how many of the connections may write at a time.
func writersOf(connections int) int {
	return max(connections-(connections+readShare-1)/readShare, 1)
}

// connect returns the pool of the namespace, with settings of its sessions
// beside pinned. No error of it holds more of the URL than host and port.
func connect(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, session map[string]string, openings *openings) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, noConnectionString(n)
	}
	c.MaxConns = int32(cfg.Connections)
	c.MinConns, c.MinIdleConns = 0, 0
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	c.ConnConfig.StatementCacheCapacity = cfg.Statements
	c.PingTimeout = pingTimeout
	c.ConnConfig.ConnectTimeout = connectTimeout
	c.ConnConfig.DialFunc = dialer.DialContext
	c.ConnConfig.BuildContextWatcherHandler = watch
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = env.Deployment + "-proxy"
	}
	c.ConnConfig.AfterConnect = begin(sessionOf(session, ""))
	schema, pooled, err := survey(ctx, c.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("the server at %s does not let the proxy in: %w", servers(c.ConnConfig), err)
	}
	c.ConnConfig.AfterConnect = begin(sessionOf(session, schema))
	c.BeforeConnect = openings.begin
	if pooled {
		c.ConnConfig.BuildContextWatcherHandler = watchPooled
		c.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
			return errors.Join(openings.begin(ctx, c), neverCancel(ctx, c))
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, noConnectionString(n)
	}
	return pool, nil
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

// required are the settings of the server that every store needs, and by class
// those that acknowledged writes need besides a commit that is waited for, which
// sessionOf sees to.
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

// reset is what to do about a setting of pinned that the role may not set.
const reset = "reset it for the proxy's role and database: only a superuser may"

// setting is a parameter of the server, the values that serve, and what to do
// about others.
type setting struct {
	name   string
	serves func(value string) bool
	fix    string
}

func is(want string) func(string) bool { return func(v string) bool { return v == want } }

// verifySettings compares the live settings with those that durability
// needs, and the search path with one that leads somewhere.
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

// text returns the one value that query answers.
func text(ctx context.Context, conn *pgx.Conn, query string, values ...any) (value string, err error) {
	err = conn.QueryRow(ctx, query, values...).Scan(&value)
	return value, Error(ctx, err)
}

// Close waits for the calls under way and closes the connections. It is
// idempotent and returns nil.
func (db *DB) Close() error {
	db.close.Do(db.pool.Close)
	return nil
}
