package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime/migration"
)

// migrator is a file as a run has it: its only connection, and what was applied
// when the run began.
type migrator struct {
	conn      *sqlite3.Conn
	namespace string
	rows      []migration.Applied
	fills     []*Fill
	leaveOut  bool
	now       func() time.Time
}

// Applied is migration.Store's.
func (m *migrator) Applied(context.Context) ([]migration.Applied, error) { return m.rows, nil }

// Others is migration.Store's: a file has one proxy.
func (m *migrator) Others(context.Context, int) ([]string, error) { return nil, nil }

// Apply is migration.Store's.
func (m *migrator) Apply(ctx context.Context, s migration.Step) error {
	err := m.apply(s)
	if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
		for _, statement := range s.Statements {
			if u, ok := migration.UniqueOf(statement); ok {
				return m.doubled(u)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%w; nothing of it was applied", err)
	}
	return nil
}

// apply runs the statements in one transaction with the row that records them, so
// that a crash leaves no part of them.
func (m *migrator) apply(s migration.Step) (err error) {
	tx, err := m.conn.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	if err := m.conn.Exec(strings.Join(s.Statements, ";\n")); err != nil {
		return err
	}
	return m.record(s)
}

// record fills in the checksum that the file's own last statement, run here or by
// hand, left out. It makes sure that the file has recorded itself, or that what
// undid it has removed the row.
func (m *migrator) record(s migration.Step) error {
	stmt, _, err := m.conn.Prepare(`UPDATE "prism_migrations" SET "sha256" = coalesce("sha256", ?1) WHERE "namespace" = ?2 AND "number" = ?3`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	err = errors.Join(stmt.BindText(1, s.SHA256), stmt.BindText(2, m.namespace), stmt.BindInt(3, s.Number))
	if err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return err
	}
	if recorded := m.conn.Changes() == 1; recorded == s.Undo {
		return errors.New("the file does not record itself in prism_migrations, or its removal (its last statement must)")
	}
	return nil
}

// doubled returns what keeps the index from being unique.
func (m *migrator) doubled(u migration.Unique) error {
	values, err := m.texts(u.Values())
	if err != nil {
		return err
	}
	columns, err := m.texts(fmt.Sprintf(`SELECT "name" FROM pragma_table_info('%s') WHERE "pk" > 0 ORDER BY "pk"`, u.Table))
	if err != nil {
		return err
	}
	var key []string
	for _, column := range columns {
		key = append(key, column...)
	}
	keys, err := m.texts(u.Keys(key))
	if err != nil {
		return err
	}
	var n int64
	if _, err := fmt.Sscan(values[0][0], &n); err != nil {
		return err
	}
	return u.Error(n, keys)
}

// texts returns the rows of query as text.
func (m *migrator) texts(query string) (rows [][]string, err error) {
	stmt, _, err := m.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	for stmt.Step() {
		var row []string
		for i := range stmt.ColumnCount() {
			row = append(row, stmt.ColumnText(i))
		}
		rows = append(rows, row)
	}
	return rows, stmt.Err()
}

// Fill is migration.Store's.
func (m *migrator) Fill(ctx context.Context, table string, progress func(done, all int64)) error {
	i := slices.IndexFunc(m.fills, func(f *Fill) bool { return f.Table == table })
	if i < 0 {
		return fmt.Errorf("this proxy cannot fill table %s", table)
	}
	return m.fills[i].run(ctx, m.conn, m.now(), m.leaveOut, func(rows int64) { progress(rows, 0) })
}
