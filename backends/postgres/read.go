package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Record runs a statement that selects at most one record of t and adds that
// record. It fails with NOT_FOUND if there is none.
func (db *DB) Record(ctx context.Context, t *Table, add runtime.Rows, statement string, values ...any) error {
	values, found := db.alive(t, values), false
	err := run(ctx, db, func(conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, statement, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		if !rows.Next() {
			return rows.Err()
		}
		row, err := scan(rows, t)
		if err != nil {
			return err
		}
		found = true
		add(row)
		rows.Close()
		return rows.Err()
	})
	if err == nil && !found {
		err = runtime.Absent()
	}
	return err
}

// atOnce is how many records at most are requested in one round trip: the
// answer may be full long before all keys are looked up.
const atOnce = 100

// Records is Record for n items. It adds a row for each, in order, until add
// takes no more.
func (db *DB) Records(ctx context.Context, t *Table, add runtime.Rows, statement string, n int, values func(i int) []any) error {
	full := false
	for first := 0; first < n && !full; {
		count := min(max(runtime.MaxAnswer/db.sizes.of(t), 1), atOnce, n-first)
		var read tally
		err := run(ctx, db, func(conn *pgxpool.Conn) error {
			values := func(i int) []any { return db.alive(t, values(first+i)) }
			err := pipeline(ctx, conn, new(pgx.Batch), statement, count, values, func(i int, rows pgx.Rows) error {
				if full {
					return nil
				}
				var row runtime.Row
				var err error
				if !rows.Next() {
					err = rows.Err()
				} else {
					row, err = scan(rows, t)
					read.add(row.Record)
				}
				if damaged := (*runtime.Error)(nil); errors.As(err, &damaged) {
					err = runtime.InItem("keys", first+i, err)
				}
				full = err == nil && !add(row)
				if full && count-i > tooMany*(i+1) {
					conn.Conn().Close(context.WithoutCancel(ctx))
				}
				return err
			})
			if full { // the rest does not matter
				return nil
			}
			return err
		})
		db.sizes.note(t, read)
		if err != nil {
			return err
		}
		first += count
	}
	return nil
}

// Page runs the statement of a list of t for the direction of page and adds the
// records to it until it is full. The first parameters are how many to select
// and, with a ttl, the time; the others are values.
func (db *DB) Page(ctx context.Context, t *Table, page *page.Page, forward, reverse string, values ...any) error {
	statement := forward
	if page.Reverse() {
		statement = reverse
	}
	if int64(db.sizes.of(t))*page.Limit() > runtime.MaxAnswer {
		statement = untilFull(statement)
	}
	values = append(db.alive(t, []any{page.Limit()}), values...)
	return run(ctx, db, func(conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, statement, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var read tally
		defer func() { db.sizes.note(t, read) }()
		for rows.Next() {
			row, err := scan(rows, t)
			if err != nil {
				return err
			}
			read.add(row.Record)
			if page.Add(row) {
				continue
			}
			if statement == forward || statement == reverse {
				if count := int64(read.records); page.Limit()-count > tooMany*count {
					// The page is complete; an error of closing does not matter.
					conn.Conn().Close(context.WithoutCancel(ctx))
					return nil
				}
			}
			break
		}
		rows.Close()
		return rows.Err()
	})
}

// tooMany is how much unread result, in multiples of a full answer, is drained
// before closing the connection becomes cheaper: some 30 MB. That happens if
// records are much larger than those read from the table before.
const tooMany = 8

// untilFull is the statement of a list limited to the rows before which a page
// still has room, so at most one is sent in vain. Postgres does not read the
// bytes of rows that it does not send. For a page of small records it costs
// half as much again.
func untilFull(statement string) string {
	return fmt.Sprintf(`SELECT * FROM (
SELECT *, sum(octet_length("prism_record")) OVER (ROWS UNBOUNDED PRECEDING) - octet_length("prism_record") AS "prism_before" FROM (
%s
) AS "prism_list") AS "prism_page" WHERE "prism_before" <= %d`, statement, runtime.MaxAnswer)
}

// scan reads a row of t, whose bytes are valid until the next row. It ignores
// further columns, and fails with VALUE_CORRUPT if the bytes do not match their
// checksum.
func scan(rows pgx.Rows, t *Table) (row runtime.Row, err error) {
	var checksum pgtype.Int8
	var expires time.Time
	into := make([]any, len(rows.FieldDescriptions()))
	into[0], into[1], into[2] = &row.Version, (*pgtype.DriverBytes)(&row.Record), &checksum
	if t.TTL > 0 {
		into[3] = &expires
	}
	if err = rows.Scan(into...); err != nil {
		return row, err
	}
	if t.TTL > 0 {
		row.Expires = wire.NewTimestamp(expires)
	}
	_, err = keyvalue.Check(row.Record, row.Version, checksum.Int64)
	return row, err
}

// tally counts records read and their bytes.
type tally struct{ records, bytes int }

func (n *tally) add(record []byte) {
	n.records++
	n.bytes += len(record)
}

// sizes are the estimated sizes of tables' records, from those read so far. The
// zero value is ready to use.
type sizes struct {
	mu     sync.Mutex
	tables map[string]int // bytes, at least 1
}

// unknownSize is the assumed size of records of which none was read: so large
// that few are requested.
const unknownSize = 1 << 20

func (s *sizes) of(t *Table) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.tables[t.Name], unknownSize)
}

// note sets the size to the mean of what was read if that is larger than
// before; otherwise it moves an eighth of the way there.
func (s *sizes) note(t *Table, read tally) {
	if read.records == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables == nil {
		s.tables = map[string]int{}
	}
	mean := max(read.bytes/read.records, 1)
	if before := s.tables[t.Name]; before > mean {
		mean = before - (before-mean+7)/8
	}
	s.tables[t.Name] = mean
}
