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

// Record runs a statement that selects at most one record of t, and returns it
// as a reply. It fails with NOT_FOUND if there is none.
func (db *DB) Record(ctx context.Context, t *Table, statement string, values ...any) (reply []byte, err error) {
	values = db.alive(t, values)
	err = run(ctx, db, func(conn *pgxpool.Conn) error {
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
func (db *DB) Records(ctx context.Context, t *Table, results *keyvalue.Results, statement string, n int, values func(i int) []any) error {
	full := false
	for first := 0; first < n && !full; first += atOnce {
		count := min(atOnce, n-first)
		err := run(ctx, db, func(conn *pgxpool.Conn) error {
			values := func(i int) []any { return db.alive(t, values(first+i)) }
			err := pipeline(ctx, conn, new(pgx.Batch), statement, count, values, func(i int, rows pgx.Rows) error {
				if full {
					return nil
				}
				if !rows.Next() {
					results.AddAbsent()
					return rows.Err()
				}
				w, record, err := scan(rows)
				if damaged := (*runtime.Error)(nil); errors.As(err, &damaged) {
					err = runtime.InItem("keys", first+i, err)
				}
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

// Page runs the statement of a list of t for the direction of page and adds the
// records to it until it is full. The first parameters are how many to select
// and, with a ttl, the time; the others are values.
func (db *DB) Page(ctx context.Context, t *Table, page *keyvalue.Page, forward, reverse string, values ...any) error {
	statement := forward
	if page.Reverse() {
		statement = reverse
	}
	values = append(db.alive(t, []any{page.Limit()}), values...)
	return run(ctx, db, func(conn *pgxpool.Conn) error {
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
// next row, and with a ttl when it expires. It fails with VALUE_CORRUPT if the
// bytes do not match their checksum.
func scan(rows pgx.Rows) (w keyvalue.Written, record pgtype.DriverBytes, err error) {
	var checksum pgtype.Int8
	if len(rows.FieldDescriptions()) == 3 {
		err = rows.Scan(&w.Version, &record, &checksum)
	} else {
		var expires time.Time
		err = rows.Scan(&w.Version, &record, &checksum, &expires)
		w.Expires = wire.NewTimestamp(expires)
	}
	if err == nil {
		_, err = keyvalue.Check(record, w.Version, checksum.Int64)
	}
	return w, record, err
}
