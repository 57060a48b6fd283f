package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
)

// version runs a statement that returns the version of at most one record: 0 if
// there is none.
func (db *DB) version(ctx context.Context, statement string, values ...any) (version int64, err error) {
	err = write(ctx, db, func(conn *pgxpool.Conn) error {
		err := conn.QueryRow(ctx, statement, values...).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			version, err = 0, nil
		}
		return err
	})
	return version, err
}

// swap runs a statement that returns the version found and the version written,
// each NULL if there is none. If nothing was written, it fails: the record is
// absent or does not have the expected version.
func (db *DB) swap(ctx context.Context, statement string, values ...any) (version int64, err error) {
	var found, written pgtype.Int8
	err = write(ctx, db, func(conn *pgxpool.Conn) error {
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

// versions is version for n items of t, in order, in one transaction and one
// round trip: all are applied or none. removed are parameters of t.Remove for
// records to remove first. With an error, item is the one that failed, if any.
func (db *DB) versions(ctx context.Context, t *Table, removed [][]any, statement string, n int, values func(i int) []any) (versions []int64, item int, err error) {
	leave, err := db.turns.take(ctx, t.Name)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	versions = make([]int64, n)
	err = write(ctx, db, func(conn *pgxpool.Conn) error {
		clear(versions)
		var batch pgx.Batch
		batch.Queue(takeTurn, t.Name)
		for _, values := range removed {
			batch.Queue(t.Remove, values...)
		}
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

// pipeline sends batch and the statement for n items at once, which makes them
// one transaction, and reads the result of each item.
func pipeline(ctx context.Context, conn *pgxpool.Conn, batch *pgx.Batch, statement string, n int, values func(i int) []any, read func(i int, rows pgx.Rows) error) error {
	for i := range n {
		batch.Queue(statement, values(i)...).Query(func(rows pgx.Rows) error { return read(i, rows) })
	}
	return conn.SendBatch(ctx, batch).Close()
}

// run lends do a connection and translates its error. It calls do a second time
// if the server did not know its statement.
func run(ctx context.Context, db *DB, do func(*pgxpool.Conn) error) error {
	conn, err := acquire(ctx, db)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer release(db, conn)
	err = do(conn)
	if unprepared(err) {
		if err = conn.Conn().DeallocateAll(ctx); err == nil {
			err = do(conn)
		}
	}
	if ctx.Err() != nil && strayed(conn.Conn()) {
		conn.Conn().Close(context.WithoutCancel(ctx))
	}
	return Error(ctx, err)
}

// attempts is how often a write is tried if Postgres undoes it to resolve a
// deadlock or to keep transactions serializable.
const attempts = 3

// write is run for a transaction that writes. So that writes waiting for locks
// leave connections to reads, it waits, without a connection, while as many
// others write as may.
func write(ctx context.Context, db *DB, do func(*pgxpool.Conn) error) error {
	select {
	case db.writers <- struct{}{}:
		defer func() { <-db.writers }()
	case <-ctx.Done():
		return runtime.ContextError(ctx)
	}
	for attempt := 1; ; attempt++ {
		undone := false
		err := run(ctx, db, func(conn *pgxpool.Conn) error {
			err := do(conn)
			undone = contended(err)
			return err
		})
		if attempt == attempts || ctx.Err() != nil || !undone {
			return err
		}
	}
}
