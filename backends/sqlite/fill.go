package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Fill is how the columns of a table are computed from its records. It is checked
// repair: a row whose columns are what its record gives is not written.
type Fill struct {
	Table string
	// Write writes the columns that differ, of the row whose rowid is parameter Row.
	Write *Statement
	Row   int
	// Expires is the parameter for the time when a record expires that was written
	// without a ttl, TTL from now. 0: there is none.
	Expires int
	TTL     time.Duration
	// Columns binds the columns of a record. unheld is the first field of which an index
	// cannot hold the value; its column is NULL.
	Columns func(q *Query, record []byte) (unheld string, err error)
}

// filled is how many rows are read, and written, in one transaction.
const filled = 500

// run passes through the table once, before the store is served. Its transactions
// are small, so that the log stays short. report is told the rows that were read.
func (f *Fill) run(ctx context.Context, c *sqlite3.Conn, now time.Time, leaveOut bool, report func(rows int64)) error {
	unheld := migration.Unheld{Table: f.Table}
	page, _, err := c.Prepare(fmt.Sprintf(`SELECT rowid, "prism_version", "prism_record" FROM %q WHERE rowid > ?1 ORDER BY rowid LIMIT %d`, f.Table, filled))
	if err != nil {
		return Error(ctx, err)
	}
	defer page.Close()
	conn := &Conn{conn: driver{c}, queries: map[*Statement]*Query{}, ctx: ctx}
	write := conn.Query(f.Write)
	if write.err != nil {
		return Error(ctx, write.err)
	}
	defer write.stmt.Close()
	rows := int64(0)
	for last, read := int64(-1<<63), filled; read == filled; report(rows) {
		if last, read, err = f.batch(c, page, write, now, last, &unheld); err != nil {
			return fmt.Errorf("fill of table %s, after %d rows: %w", f.Table, rows, Error(ctx, err))
		}
		rows += int64(read)
	}
	if leaveOut {
		return nil
	}
	return unheld.Err()
}

// batch fills the rows behind one, and returns the last of them and how many they
// are.
func (f *Fill) batch(c *sqlite3.Conn, page *sqlite3.Stmt, write *Query, now time.Time, after int64, unheld *migration.Unheld) (last int64, read int, err error) {
	tx, err := c.BeginImmediate()
	if err != nil {
		return 0, 0, err
	}
	defer tx.End(&err)
	if err := page.BindInt64(1, after); err != nil {
		return 0, 0, err
	}
	defer page.Reset()
	for last = after; page.Step(); read++ {
		last = page.ColumnInt64(0)
		version := page.ColumnInt64(1)
		field, err := f.Columns(write, page.ColumnRawBlob(2))
		if err != nil {
			return 0, 0, fmt.Errorf("the record with prism_version %d cannot be read; migrate verify lists the damaged ones", version)
		}
		if field != "" {
			unheld.Add(field, version)
		}
		write.Int(f.Row, last)
		if f.Expires > 0 {
			write.Time(f.Expires, wire.NewTimestamp(now.Add(f.TTL).Truncate(time.Microsecond)))
		}
		write.Exec()
		if write.err != nil {
			return 0, 0, write.err
		}
		write.reset()
	}
	return last, read, page.Err()
}
