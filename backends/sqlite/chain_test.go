package sqlite_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/backends/chaintest"
	"github.com/prism-proxy/prism/backends/sqlite"
	"github.com/prism-proxy/prism/backends/sqlite/gen"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/storage"
	"github.com/prism-proxy/prism/runtime/wire"
)

// TestChains leads a store through random chains of releases. With PRISM_CHAINS there
// are so many, and with PRISM_SEED the one that failed.
func TestChains(t *testing.T) {
	for _, seed := range chaintest.Seeds(100, "PRISM_CHAINS") {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { chaintest.Run(t, seed, openChain) })
	}
}

// chain is an empty store in memory.
type chain struct{ c *sqlite3.Conn }

func openChain(t testing.TB) chaintest.Store {
	c, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return chain{c}
}

func (chain) Backend() *emit.Backend   { return gen.Backend() }
func (chain) Config() string           { return "" }
func (chain) Fenced() func(error) bool { return nil }
func (s chain) Apply(sql string, _ bool) (err error) {
	tx, err := s.c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	return s.c.Exec(sql)
}

var fillStatement = regexp.MustCompile("(?s)var fillWrite = sqlite.NewStatement\\(`(UPDATE [^\n]* SET (.*?)\n.*?)`\\)")

func (s chain) Fill(store, table string, columns []storage.Column, _ int) error {
	m := fillStatement.FindStringSubmatch(store)
	if m == nil {
		return fmt.Errorf("store.go of %s has no fill", table)
	}
	rest := chaintest.Named(columns, m[2])
	fill := sqlite.Fill{Table: table, TTL: time.Hour, Write: sqlite.NewStatement(m[1]), Row: len(rest) + 1, Columns: func(q *sqlite.Query, record []byte) (string, error) {
		for i, c := range rest {
			bind(q, i+1, chaintest.Value(c, record))
		}
		return "", nil
	}}
	if strings.Contains(store, fmt.Sprintf("Expires: %d", len(rest)+2)) {
		fill.Expires = len(rest) + 2
	}
	return sqlite.RunFill(context.Background(), s.c, &fill)
}

// bind binds a value as the generated code of its type does.
func bind(q *sqlite.Query, i int, v any) {
	switch v := v.(type) {
	case nil:
		q.Null(i)
	case string:
		q.Text(i, []byte(v))
	case []byte:
		q.Blob(i, v)
	case bool:
		q.Bool(i, v)
	case int64:
		q.Int(i, v)
	case uint64:
		q.Uint(i, v)
	case float64:
		q.Float(i, v)
	case chaintest.Time:
		q.Time(i, wire.Timestamp{Seconds: v.Seconds, Nanos: int32(v.Nanos), Set: true})
	}
}

func quotedNames(columns []storage.Column) (names []string) {
	for _, c := range columns {
		names = append(names, fmt.Sprintf("%q", c.Name))
	}
	return names
}

func marks(first, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("?%d", first+i))
	}
	return list
}

const never = "9999-12-31T23:59:59.999999999Z"

func (s chain) Expires(table string) (never_, ever int, err error) {
	err = s.rows(fmt.Sprintf(`SELECT count(*) FILTER (WHERE "prism_expires" = '%s'), count(*) FILTER (WHERE "prism_expires" < '%[1]s') FROM %q`, never, table), func(row *sqlite3.Stmt) {
		never_, ever = row.ColumnInt(0), row.ColumnInt(1)
	})
	return never_, ever, err
}

func (s chain) Put(e *storage.Entity, columns []storage.Column, values []any, record []byte) error {
	table := e.Table
	names := append(quotedNames(columns), `"prism_record"`, `"prism_version"`, `"prism_release"`)
	expires := map[storage.State]string{storage.Live: "2100-01-01T00:00:00.000000000Z", storage.Kept: never}
	if e.Expires != nil {
		names = append(names, `"prism_expires"`)
	}
	var sets []string
	for _, name := range names[1:] {
		sets = append(sets, name+" = excluded."+name)
	}
	given := append(marks(1, len(columns)+1), fmt.Sprintf(`(SELECT coalesce(max("prism_version"), 0) + 1 FROM %q)`, table), fmt.Sprint(e.Release))
	if e.Expires != nil {
		given = append(given, "'"+expires[e.Expires.State]+"'")
	}
	return sqlite.Query1(s.c, fmt.Sprintf(`INSERT INTO %q (%s) VALUES (%s) ON CONFLICT ("id") DO UPDATE SET %s`, table,
		strings.Join(names, ", "), strings.Join(given, ", "), strings.Join(sets, ", ")), func(q *sqlite.Query) {
		for i, v := range values {
			bind(q, i+1, v)
		}
		q.Blob(len(values)+1, record)
	}, nil)
}

func (s chain) Differs(table string, columns []storage.Column, rows [][]any) (there, differ int, err error) {
	count := func(to *int) func(*sqlite.Query) { return func(q *sqlite.Query) { *to += int(q.ColumnInt(0)) } }
	err = sqlite.Query1(s.c, fmt.Sprintf("SELECT count(*) FROM %q", table), nil, count(&there))
	for _, row := range rows {
		if err == nil {
			err = sqlite.Query1(s.c, fmt.Sprintf(`SELECT count(*) FROM %q WHERE "id" = ?1 AND (%s) IS NOT (%s)`, table,
				strings.Join(quotedNames(columns), ", "), strings.Join(marks(1, len(row)), ", ")), func(q *sqlite.Query) {
				for i, v := range row {
					bind(q, i+1, v)
				}
			}, count(&differ))
		}
	}
	return there, differ, err
}

func (s chain) Records(table string) (map[string][]byte, error) {
	all := map[string][]byte{}
	return all, s.rows(fmt.Sprintf(`SELECT "id", "prism_record" FROM %q`, table), func(row *sqlite3.Stmt) {
		all[row.ColumnText(0)] = row.ColumnBlob(1, nil)
	})
}

func (s chain) rows(sql string, row func(*sqlite3.Stmt)) error {
	stmt, _, err := s.c.Prepare(sql)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for stmt.Step() {
		row(stmt)
	}
	return stmt.Err()
}

// Catalog reads pragmas and not the text of statements, which keeps comments.
func (s chain) Catalog() (all []string, err error) {
	var tables []string
	err = s.rows(`SELECT "name" FROM "sqlite_schema" WHERE "type" = 'table' AND "name" NOT LIKE 'sqlite_%'`, func(row *sqlite3.Stmt) { tables = append(tables, row.ColumnText(0)) })
	for _, table := range tables {
		for _, sql := range []string{
			`SELECT 'column', "name", "type", "notnull", "pk", coalesce("dflt_value", '') FROM pragma_table_xinfo('%s')`,
			`SELECT 'index', i."name", i."unique", group_concat(x."name") FROM pragma_index_list('%s') AS i, pragma_index_info(i."name") AS x GROUP BY i."name"`,
		} {
			if err == nil {
				err = s.rows(fmt.Sprintf(sql, table), func(row *sqlite3.Stmt) {
					line := table
					for i := range row.ColumnCount() {
						line += " " + row.ColumnText(i)
					}
					all = append(all, line)
				})
			}
		}
	}
	slices.Sort(all)
	return all, err
}
