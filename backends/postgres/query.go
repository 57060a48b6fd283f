package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Version runs a statement that answers the version of at most one record, and
// returns it: 0 if there is none.
func (db *DB) Version(ctx context.Context, statement string, values ...any) (version int64, err error) {
	err = db.write(ctx, func(conn *pgxpool.Conn) error {
		err := conn.QueryRow(ctx, statement, values...).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			version, err = 0, nil
		}
		return err
	})
	return version, err
}

// Create runs a statement that answers the version of the record that it
// inserted, or nothing if there is one. That one's version, which versionOf
// answers to key, is then in the error.
func (db *DB) Create(ctx context.Context, statement string, values []any, versionOf string, key []any) (int64, error) {
	for {
		version, err := db.Version(ctx, statement, values...)
		if version != 0 || err != nil {
			return version, err
		}
		current, err := db.Version(ctx, versionOf, key...)
		if err != nil {
			return 0, err
		}
		if current != 0 { // else it was deleted in between
			return 0, runtime.AlreadyExists(current)
		}
	}
}

// Swap runs a statement that answers the version found and the version written,
// each NULL if there is none. It is an error if nothing was written: the record
// is absent or has another version than the expected one.
func (db *DB) Swap(ctx context.Context, statement string, values ...any) (version int64, err error) {
	var found, written pgtype.Int8
	err = db.write(ctx, func(conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, statement, values...).Scan(&found, &written)
	})
	switch {
	case err != nil:
		return 0, err
	case !found.Valid:
		return 0, runtime.Absent()
	case !written.Valid:
		return 0, runtime.Mismatch(found.Int64)
	}
	return written.Int64, nil
}

// Versions is Version for n items of a table, with the values of each: all in
// one transaction and one round trip, in their order: all are applied or none.
// With an error item is the one that failed, if it was one.
func (db *DB) Versions(ctx context.Context, table, statement string, n int, values func(i int) []any) (versions []int64, item int, err error) {
	leave, err := db.turns.take(ctx, table)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	versions = make([]int64, n)
	err = db.write(ctx, func(conn *pgxpool.Conn) error {
		clear(versions)
		var batch pgx.Batch
		batch.Queue(takeTurn, table)
		return pipeline(ctx, conn, &batch, statement, n, values, func(i int, rows pgx.Rows) error {
			item = i
			if rows.Next() {
				return rows.Scan(&versions[i])
			}
			return nil
		})
	})
	if err != nil {
		return nil, item, err
	}
	return versions, 0, nil
}

// Free is Versions for a statement that deletes.
func (db *DB) Free(ctx context.Context, table, statement string, n int, values func(i int) []any) error {
	_, _, err := db.Versions(ctx, table, statement, n, values)
	return err
}

// Again reports whether a write that a unique index refused is to be tried
// again. If not, it returns taken: a record before it in its batch has the
// value, or another one, whose version other answers.
//
// Else what had the value gave it up meanwhile, or is the same record: of two
// that insert it at the same time one fails on the other's values, and finds
// the record when it looks again.
func (db *DB) Again(ctx context.Context, taken error, before bool, other string, values ...any) (bool, error) {
	if before {
		return false, taken
	}
	version, err := db.Version(ctx, other, values...)
	if err == nil && version != 0 {
		err = taken
	}
	return err == nil, err
}

// pipeline sends batch and the statement for n items at once, which makes them
// one transaction, and reads the result of each item.
func pipeline(ctx context.Context, conn *pgxpool.Conn, batch *pgx.Batch, statement string, n int, values func(i int) []any, read func(i int, rows pgx.Rows) error) error {
	for i := range n {
		batch.Queue(statement, values(i)...).Query(func(rows pgx.Rows) error { return read(i, rows) })
	}
	return conn.SendBatch(ctx, batch).Close()
}

// Record runs a statement that selects at most one record, and returns it as a
// reply.
func (db *DB) Record(ctx context.Context, statement string, values ...any) (reply []byte, err error) {
	err = db.run(ctx, func(conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, statement, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		if !rows.Next() {
			return rows.Err()
		}
		w, record, err := scan(rows)
		if err != nil {
			return err
		}
		reply = keyvalue.AppendRecord(nil, w, record)
		rows.Close()
		return rows.Err()
	})
	if err == nil && reply == nil {
		err = runtime.Absent()
	}
	return reply, err
}

// atOnce is how many records are asked for in one round trip: results may be
// full long before all keys are looked up.
const atOnce = 100

// Records is Record for n items, with the values of each. It adds them to
// results, in their order, until one does not fit.
func (db *DB) Records(ctx context.Context, results *keyvalue.Results, statement string, n int, values func(i int) []any) error {
	full := false
	for first := 0; first < n && !full; first += atOnce {
		count := min(atOnce, n-first)
		err := db.run(ctx, func(conn *pgxpool.Conn) error {
			values := func(i int) []any { return values(first + i) }
			err := pipeline(ctx, conn, new(pgx.Batch), statement, count, values, func(i int, rows pgx.Rows) error {
				if full {
					return nil
				}
				if !rows.Next() {
					results.AddAbsent()
					return rows.Err()
				}
				w, record, err := scan(rows)
				full = err == nil && !results.Add(w, record)
				if full && count-i > tooMany*(i+1) {
					conn.Conn().Close(context.WithoutCancel(ctx))
				}
				return err
			})
			if full { // what comes behind is of no matter
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Page runs a statement that selects the records of a page and one more, and
// adds them until the page is full.
func (db *DB) Page(ctx context.Context, page *keyvalue.Page, statement string, values ...any) error {
	return db.run(ctx, func(conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, statement, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for read := int64(1); rows.Next(); read++ {
			w, record, err := scan(rows)
			if err != nil {
				return err
			}
			if page.Add(w, record) {
				continue
			}
			if page.Limit()-read > tooMany*read {
				// The page is whole; that the server does not hear the end of
				// it well is of no matter.
				conn.Conn().Close(context.WithoutCancel(ctx))
				return nil
			}
			break
		}
		rows.Close()
		return rows.Err()
	})
}

// tooMany is how many times the rows of an answer that is full by its bytes may
// be on their way behind it, and be read in vain. Beyond that, some 30 MB, a new
// connection is cheaper.
const tooMany = 8

// scan reads a row: a record's version, its bytes, which are valid until the
// next row, and with a ttl when it expires.
func scan(rows pgx.Rows) (w keyvalue.Written, record pgtype.DriverBytes, err error) {
	if len(rows.FieldDescriptions()) == 2 {
		err = rows.Scan(&w.Version, &record)
		return w, record, err
	}
	var expires time.Time
	err = rows.Scan(&w.Version, &record, &expires)
	w.Expires = wire.NewTimestamp(expires)
	return w, record, err
}

// Sweep runs a statement that deletes, and returns how many records it deleted.
func (db *DB) Sweep(ctx context.Context, statement string, values ...any) (deleted int, err error) {
	err = db.write(ctx, func(conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, statement, values...)
		deleted = int(tag.RowsAffected())
		return err
	})
	return deleted, err
}

// run lends do a connection, and translates its error.
func (db *DB) run(ctx context.Context, do func(*pgxpool.Conn) error) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer conn.Release()
	return Error(ctx, do(conn))
}

// attempts is how often a write is tried that Postgres undoes to resolve a
// deadlock or to keep transactions serializable.
const attempts = 3

// write is run for one transaction that writes.
func (db *DB) write(ctx context.Context, do func(*pgxpool.Conn) error) error {
	for attempt := 1; ; attempt++ {
		err := db.run(ctx, do)
		if attempt == attempts || ctx.Err() != nil || !contended(err) {
			return err
		}
	}
}
