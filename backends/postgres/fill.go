package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/prism-proxy/prism/runtime/migration"
)

// Fill is how the columns of a table are computed from its records. It is checked
// repair: a row whose columns are what its record gives is not written.
type Fill struct {
	Table string
	// First selects versions and records in the order of their keys, one batch of
	// them, and Next goes on behind the key in its parameters.
	First, Next string
	// Write writes the columns that differ, of rows that have the versions given and
	// that nobody has locked. Its parameters are arrays: of each column, and of the
	// versions. It returns how many differ, and how many it wrote.
	Write string
	// After returns the parameters of Next behind the record at cursor.
	After func(cursor []byte) ([]any, error)
	// Columns returns what the table holds of a record: its columns, the key first, and
	// its cursor. unheld is the first field of which an index cannot hold the value; the
	// column of it is NULL.
	Columns func(record []byte) (columns []any, cursor []byte, unheld string, err error)
}

// pending is how many batches with locked rows may wait for the end.
const pending = 16

// filler is one pass of a Fill.
type filler struct {
	*Fill
	conn   *pgx.Conn
	pace   float64
	report func(rows int64)
	rows   int64
	again  [][]any // parameters of Write that met locked rows
	unheld migration.Unheld
}

// run passes through the table once, from where a run before it was killed. It
// changes neither versions nor expiries, and waits pace times as long as each batch
// took. A row that somebody has locked comes again at the end. report is told the
// rows that were read.
func (f *Fill) run(ctx context.Context, conn *pgx.Conn, release int, leaveOut bool, pace float64, report func(rows int64)) error {
	p := filler{Fill: f, conn: conn, pace: pace, report: report, unheld: migration.Unheld{Table: f.Table}}
	// Fills can be repeated, so their commits need not wait for the disk.
	if _, err := conn.Exec(ctx, "SET synchronous_commit = off; SET statement_timeout = 0", pgx.QueryExecModeSimpleProtocol); err != nil {
		return Error(ctx, err)
	}
	cursor, err := p.resume(ctx, release)
	if err != nil {
		return err
	}
	for more := true; more; {
		if cursor, more, err = p.batch(ctx, release, cursor); err != nil {
			return fmt.Errorf("fill of table %s, after %d rows: %w", f.Table, p.rows, err)
		}
	}
	for len(p.again) > 0 {
		if err := p.retry(ctx); err != nil {
			return err
		}
	}
	if err := p.unheld.Err(); err != nil && !leaveOut {
		return err
	}
	_, err = conn.Exec(ctx, `DELETE FROM "prism_meta" WHERE "name" = $1`, p.cursorName())
	return Error(ctx, err)
}

func (p *filler) cursorName() string { return "fill:" + p.Table }

// resume returns the cursor of a fill for the release that was killed, or nil.
func (p *filler) resume(ctx context.Context, release int) ([]byte, error) {
	var text string
	err := p.conn.QueryRow(ctx, `SELECT "value" FROM "prism_meta" WHERE "name" = $1`, p.cursorName()).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, Error(ctx, err)
	}
	of, at, _ := strings.Cut(text, " ")
	if of != fmt.Sprint(release) {
		return nil, nil
	}
	cursor, err := hex.DecodeString(at)
	if err != nil {
		return nil, nil // not ours: begin anew
	}
	return cursor, nil
}

// batch fills the batch behind cursor, which is nil at the beginning, and returns
// the next cursor, and whether there was one.
func (p *filler) batch(ctx context.Context, release int, cursor []byte) (next []byte, more bool, err error) {
	started := time.Now()
	statement, parameters := p.First, []any(nil)
	if cursor != nil {
		statement = p.Next
		if parameters, err = p.After(cursor); err != nil {
			return nil, false, err
		}
	}
	arrays, n, next, err := p.read(ctx, statement, parameters)
	if err != nil || n == 0 {
		return nil, false, err
	}
	if err := p.write(ctx, arrays, fmt.Sprintf("%d %x", release, next)); err != nil {
		return nil, false, err
	}
	p.rows += int64(n)
	p.report(p.rows)
	return next, true, pause(ctx, time.Duration(float64(time.Since(started))*p.pace))
}

// read returns the parameters of Write for the records that statement selects, how
// many they are, and the cursor of the last.
func (p *filler) read(ctx context.Context, statement string, parameters []any) (arrays []any, n int, cursor []byte, err error) {
	rows, err := p.conn.Query(ctx, statement, parameters...)
	if err != nil {
		return nil, 0, nil, Error(ctx, err)
	}
	defer rows.Close()
	var columns []pgtype.FlatArray[any]
	var versions []int64
	for rows.Next() {
		var version int64
		var record []byte
		if err := rows.Scan(&version, &record); err != nil {
			return nil, 0, nil, Error(ctx, err)
		}
		values, at, unheld, err := p.Columns(record)
		if err != nil {
			return nil, 0, nil, fmt.Errorf("the record with prism_version %d cannot be read; migrate verify lists the damaged ones", version)
		}
		if columns == nil {
			columns = make([]pgtype.FlatArray[any], len(values))
		}
		for i, v := range values {
			columns[i] = append(columns[i], v)
		}
		if unheld != "" {
			p.unheld.Add(unheld, version)
		}
		versions = append(versions, version)
		cursor = at
	}
	for _, c := range columns {
		arrays = append(arrays, c)
	}
	return append(arrays, versions), len(versions), cursor, Error(ctx, rows.Err())
}

// write writes a batch and, in the same transaction, how far the fill has come.
func (p *filler) write(ctx context.Context, arrays []any, cursor string) error {
	var batch pgx.Batch
	var differ, written int64
	batch.Queue(p.Write, arrays...).QueryRow(func(row pgx.Row) error { return row.Scan(&differ, &written) })
	batch.Queue(`INSERT INTO "prism_meta" ("name", "value") VALUES ($1, $2) ON CONFLICT ("name") DO UPDATE SET "value" = excluded."value"`, p.cursorName(), cursor)
	if err := p.conn.SendBatch(ctx, &batch).Close(); err != nil {
		return Error(ctx, err)
	}
	if written == differ {
		return nil
	}
	p.again = append(p.again, arrays)
	if len(p.again) < pending {
		return nil
	}
	return p.retry(ctx)
}

// retry writes the batches again that met locked rows. Who had locked a row may have
// written it, of the release that fills or a later one: then it has another version,
// and its columns are right.
func (p *filler) retry(ctx context.Context) error {
	left := p.again
	p.again = nil
	for _, arrays := range left {
		var differ, written int64
		if err := p.conn.QueryRow(ctx, p.Write, arrays...).Scan(&differ, &written); err != nil {
			return Error(ctx, err)
		}
		if written < differ {
			p.again = append(p.again, arrays)
		}
	}
	if len(p.again) == len(left) {
		return pause(ctx, 100*time.Millisecond)
	}
	return nil
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
