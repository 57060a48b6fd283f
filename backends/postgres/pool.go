package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is a *pgxpool.Pool. A package compiles against everything that the types
// it uses consist of, and there is a package for each entity: the interface
// keeps the driver's many types out of DB. For the same reason, what has them
// in its signature is a function and not a method of DB.
type pool interface{ Close() }

// openings are the calls that wait for a connection to be opened. The pool
// opens one whenever it has none free, and ignores those that are given back
// meanwhile, though the server or a pooler may not grant the proxy another:
// then the call goes on with the first that comes back. The zero value is ready
// to use.
type openings struct {
	mu      sync.Mutex
	waiting []*opening // the longest waiting first
}

// opening is the context of a call while it waits for a connection.
type opening struct {
	context.Context // ends when a connection comes back
	cancel          context.CancelFunc
	given           bool // a connection came back for it
}

type openingKey struct{}

func (o *opening) Value(key any) any {
	if key == (openingKey{}) {
		return o
	}
	return o.Context.Value(key)
}

// begin records that the call of ctx waits for a connection to be opened. The
// pool calls it with the values of the context in which the connection was
// requested.
func (w *openings) begin(ctx context.Context, _ *pgx.ConnConfig) error {
	if o, ok := ctx.Value(openingKey{}).(*opening); ok {
		w.mu.Lock()
		w.waiting = append(w.waiting, o)
		w.mu.Unlock()
	}
	return nil
}

// end records that o no longer waits. If it got a connection of its own as well
// as one that came back, the latter goes to the next.
func (w *openings) end(o *opening, opened bool) {
	o.cancel()
	w.mu.Lock()
	w.waiting = slices.DeleteFunc(w.waiting, func(other *opening) bool { return other == o })
	given := o.given
	w.mu.Unlock()
	if given && opened {
		w.give()
	}
}

// give makes the longest waiting call look for the connection that came back.
func (w *openings) give() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) > 0 {
		first := w.waiting[0]
		w.waiting = w.waiting[1:]
		first.given = true
		first.cancel()
	}
}

// acquire returns a connection, which release takes back.
func acquire(ctx context.Context, db *DB) (*pgxpool.Conn, error) {
	pool := db.pool.(*pgxpool.Pool)
	for {
		o := &opening{}
		o.Context, o.cancel = context.WithCancel(ctx)
		conn, err := pool.Acquire(o)
		if err != nil && o.Err() == nil && taken(err) {
			switch have := pool.Stat(); {
			case have.IdleConns() > 0:
				o.cancel()
			case have.AcquiredConns() > 0:
				<-o.Done()
			}
		}
		again := err != nil && o.Err() != nil && ctx.Err() == nil
		db.openings.end(o, err == nil)
		if !again {
			return conn, err
		}
	}
}

// release gives a connection back.
func release(db *DB, conn *pgxpool.Conn) {
	conn.Release()
	db.openings.give()
}

// taken reports whether err says that the server or a pooler has no connection
// left, but may have one later.
func taken(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return pgconn.Timeout(err) // a pooler makes its clients wait
	}
	return answer.Code == "53300" || // too_many_connections
		answer.Code == "08P01" && (strings.Contains(answer.Message, "no more connections allowed") || strings.Contains(answer.Message, "query_wait_timeout")) // PgBouncer
}

// Ping checks that the server answers. If calls hold all connections, they find
// out.
func Ping(ctx context.Context, db *DB) error {
	conn, err := acquire(ctx, db)
	if err != nil {
		if all := db.pool.(*pgxpool.Pool).Stat(); ctx.Err() != nil && all.AcquiredConns() == all.MaxConns() {
			return nil
		}
		return Error(ctx, unsent{err})
	}
	defer release(db, conn)
	return Error(ctx, conn.Ping(ctx))
}
