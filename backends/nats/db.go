package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/backends/nats/address"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Backend is the run-time half of nats.
var Backend = runtime.Backend[*DB, Config]{
	Name: "nats", Resolve: Resolve, Ping: Ping, Open: Open, Migrate: Migrate, Status: Status, Verify: Verify, BumpVersions: BumpVersions,
}

// Config is what the compiler decided about one namespace's store.
type Config struct {
	// URL and Monitor are addresses, each with commas between several, whose
	// references Resolve resolves.
	URL, Monitor string
	// Durability is what streams and server must promise: POWER_SAFE, which is read
	// from Monitor and needs it, CRASH_SAFE or LOST_ON_RESTART.
	Durability string
	// Prefix begins every subject.
	Prefix string
	// Keys maps what keys begin with, up to their first NUL, to the table and the
	// names of the fields that they consist of. Keys of records begin with the
	// table, those of a unique index with the index.
	Keys map[string][]string
}

var _ bytestore.KeyValue = (*DB)(nil)

// DB is an open store. It is safe for concurrent use and keeps no slice that it
// is given.
type DB struct {
	now    func() time.Time
	log    *slog.Logger
	conn   connection
	tables map[string]*table // by what keys begin with

	// link ends when the connection does, since nothing answers what waits then.
	// The driver reconnects by itself.
	link    atomic.Pointer[link]
	reads   chan struct{} // holds a value for each read of a message
	batches chan struct{} // and for each atomic batch
	turns   *turns
	close   sync.Once
}

// connection is a *driver.Conn. The interface keeps the driver's many types out
// of DB, since every entity's package compiles against it.
type connection interface{ Close() }

type link struct {
	context.Context
	cancel context.CancelCauseFunc
}

// table is the stream of an entity.
type table struct {
	name    string
	stream  stream
	subject string // the start of its subjects, including the last dot
	indexed bool   // it has unique indexes
	leap    int64  // version = sequence + leap
}

// stream is what we need of a jetstream.Stream: the last message of a subject.
// The leader answers, since the stream allows no other server to.
type stream interface {
	GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error)
}

const (
	// atOnce bounds the messages requested at a time: the server closes a
	// connection for which 64 MiB wait, and a message takes up to 4 MiB as sent.
	atOnce = 12
	// batchesAtOnce bounds the atomic batches: the server allows 50 per stream,
	// from all proxies together.
	batchesAtOnce = 8
	// minPayload is the least max_payload of the server: a record and its header.
	minPayload = runtime.MaxRecord + 1<<17

	connectTimeout = 5 * time.Second
	reconnectWait  = 100 * time.Millisecond
	pingInterval   = 10 * time.Second
)

// Open connects to the server and verifies its version, its settings, and the
// streams, which Migrate creates. It changes nothing.
func Open(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*DB, error) {
	db, err := connect(ctx, env, n, cfg)
	if err != nil {
		return nil, err
	}
	if err := db.open(ctx, env, n, cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	for _, want := range streams(env, n, cfg) {
		s, err := find(ctx, db, want)
		if err != nil {
			return err
		}
		if s == nil {
			return fmt.Errorf("stream %s does not exist; run %s-proxy migrate up", want.Name, env.Deployment)
		}
		if err := compare(s.CachedInfo(), want); err != nil {
			return err
		}
		leap, err := leapOf(s.CachedInfo())
		if err != nil {
			return err
		}
		t := &table{name: want.Metadata[metaTable], stream: s, subject: strings.TrimSuffix(want.Subjects[0], ">"), leap: leap}
		for begin, of := range cfg.Keys {
			if of[0] == t.name {
				db.tables[begin] = t
				t.indexed = t.indexed || begin != t.name
			}
		}
	}
	return nil
}

// Resolve returns cfg with its references resolved. No error contains what they
// resolve to.
func Resolve(env *runtime.Env, n runtime.Namespace, cfg Config) (Config, error) {
	list, err := env.ResolveURL("url of namespace "+n.Name, cfg.URL)
	monitor, other := env.ResolveURL("monitor of namespace "+n.Name, cfg.Monitor)
	if err == nil {
		if what, fix := address.Check(list); what != "" {
			err = fmt.Errorf("url of namespace %s: it %s; %s", n.Name, what, fix)
		}
	}
	cfg.URL, cfg.Monitor = list, monitor
	return cfg, errors.Join(err, other)
}

// Ping checks that the server answers.
func Ping(ctx context.Context, db *DB) error {
	return Error(ctx, db.conn.(*driver.Conn).FlushWithContext(ctx))
}

// connect returns a DB without tables. Its errors contain no more of the URL
// than host and port.
func connect(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*DB, error) {
	db := &DB{
		now: env.Now, log: env.Log, tables: map[string]*table{},
		reads: make(chan struct{}, atOnce), batches: make(chan struct{}, batchesAtOnce), turns: newTurns(),
	}
	db.connected()
	conn, err := driver.Connect(cfg.URL,
		driver.Name(env.Deployment+"-proxy, namespace "+n.Name),
		driver.Timeout(connectTimeout),
		driver.MaxReconnects(-1), driver.ReconnectWait(reconnectWait), driver.ReconnectJitter(reconnectWait, reconnectWait),
		driver.PingInterval(pingInterval),
		driver.ReconnectBufSize(-1), // what cannot be sent fails at once
		driver.DisconnectErrHandler(func(*driver.Conn, error) { db.connected().cancel(errDisconnected) }),
		driver.ErrorHandler(func(_ *driver.Conn, _ *driver.Subscription, err error) { db.report(err) }))
	if err != nil {
		return nil, refusal(ctx, "the server at "+hosts(cfg.URL), err)
	}
	db.conn = conn
	if err := verifyServer(ctx, env, n, cfg, conn); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// hosts returns host and port of each address.
func hosts(addresses string) string {
	var all []string
	for one := range strings.SplitSeq(addresses, ",") {
		if u, err := address.Parse(one); err == nil {
			all = append(all, u.Host)
		}
	}
	return strings.Join(all, ", ")
}

// connected begins a new link and returns the previous one.
func (db *DB) connected() *link {
	ctx, cancel := context.WithCancelCause(context.Background())
	return db.link.Swap(&link{ctx, cancel})
}

// report logs what the server reports outside of answers, without its text,
// which contains subjects and so keys.
func (db *DB) report(err error) {
	what := fmt.Sprintf("%T", err)
	if errors.Is(err, driver.ErrPermissionViolation) {
		what = "the server refuses a subject to the proxy's user"
	}
	db.log.Warn("nats", "what", what)
}

// Close closes the connection.
func (db *DB) Close() error {
	db.close.Do(func() {
		db.conn.Close()
		db.connected().cancel(errDisconnected)
	})
	return nil
}

// place is where something is stored: a subject of a table.
type place struct {
	*table
	subject string
}

// maxSubject is the longest subject that the server can read: its lines have
// 4,096 bytes, which also contain the subject of the answer.
const maxSubject = 3 << 10

// place returns where the key is stored. Subjects are r.<key> for a record and
// u.<index>.<key> for its entry in a unique index.
func (db *DB) place(k tuple.Key) (place, error) {
	begin, key, _ := strings.Cut(string(k), "\x00")
	t := db.tables[begin]
	if t == nil {
		return place{}, runtime.NotApplied(runtime.Internal, "the store has no such table (one of the schema)", nil)
	}
	p := place{t, "r." + encode(key)}
	if begin != t.name {
		p.subject = "u." + begin + "." + encode(key)
	}
	if len(t.subject)+len(p.subject) > maxSubject {
		return place{}, runtime.TooLong("the key, or the values of a unique index,", len(key), (maxSubject-len(t.subject))/4*3)
	}
	return p, nil
}

// clock returns the time by which an operation expires records, truncated to
// microseconds.
func (db *DB) clock() wire.Timestamp { return wire.NewTimestamp(db.now().Truncate(time.Microsecond)) }

// enter waits until gate has room; leave makes room again.
func enter(ctx context.Context, gate chan struct{}) error {
	select {
	case gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return runtime.ContextError(ctx)
	}
}

func leave(gate chan struct{}) { <-gate }

// during returns a context that also ends when the connection does.
func (db *DB) during(ctx context.Context) (context.Context, context.CancelFunc) {
	l := db.link.Load()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l, func() { cancel(context.Cause(l)) })
	return ctx, func() { stop(); cancel(nil) }
}
