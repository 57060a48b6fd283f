package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/prism-proxy/prism/backends/chaintest"
	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
	"github.com/prism-proxy/prism/runtime/wire"
)

// TestChains leads a store through random chains of releases. With PRISM_CHAINS there
// are so many, and with PRISM_SEED the one that failed.
func TestChains(t *testing.T) {
	url := postgrestest.Start(t)
	for _, seed := range chaintest.Seeds(100, "PRISM_CHAINS") {
		stores := 0
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chaintest.Run(t, seed, func(t testing.TB) chaintest.Store {
				stores++
				return openChain(t, url, fmt.Sprintf("chain_%d_%d", seed, stores))
			})
		})
	}
}

// chain is an empty schema of a database.
type chain struct {
	ctx  context.Context
	conn *pgx.Conn
}

func openChain(t testing.TB, url, schema string) chaintest.Store {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	s := chain{t.Context(), conn}
	t.Cleanup(func() {
		s.ctx = context.WithoutCancel(s.ctx)
		if err := errors.Join(s.Apply("SET client_min_messages = warning; DROP SCHEMA "+schema+" CASCADE;", true), conn.Close(s.ctx)); err != nil {
			t.Error(err)
		}
	})
	if err := s.Apply("CREATE SCHEMA "+schema+"; SET search_path = "+schema+"; SET synchronous_commit = off;", true); err != nil {
		t.Fatal(err)
	}
	return s
}

func (chain) Backend() *emit.Backend { return gen.Backend() }
func (chain) Config() string         { return `, config: {url: "${env:STORE}"}` }

func (chain) Fenced() func(error) bool {
	return func(err error) bool {
		var e *pgconn.PgError
		return errors.As(err, &e) && e.Code == "23514" && strings.Contains(e.ConstraintName, "_fence_")
	}
}

// Apply sends a file of one transaction as it is, and the statements of others one by
// one.
func (s chain) Apply(sql string, transaction bool) error {
	if transaction {
		_, err := s.conn.Exec(s.ctx, "BEGIN;"+sql+"COMMIT;", pgx.QueryExecModeSimpleProtocol)
		return err
	}
	for statement := range strings.SplitSeq(sql, ";\n") {
		if _, err := s.conn.Exec(s.ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

var fillStatement = regexp.MustCompile("(?s)const (fill[A-Z][a-z]+) = `(.*?)`")

func (s chain) Fill(store, table string, columns []storage.Column, release int) error {
	return s.fill(store, table, columns, release, func() {})
}

// fill is Fill that calls read with each record that was read.
func (s chain) fill(store, table string, columns []storage.Column, release int, read func()) error {
	statements := map[string]string{}
	for _, m := range fillStatement.FindAllStringSubmatch(store, -1) {
		statements[m[1]] = m[2]
	}
	given, _, _ := strings.Cut(statements["fillWrite"], "AS (")
	ordered := chaintest.Named(columns, given)
	fill := postgres.Fill{
		Table: table, First: statements["fillFirst"], Next: statements["fillNext"], Write: statements["fillWrite"],
		After: func(cursor []byte) ([]any, error) { return []any{string(cursor)}, nil },
		Columns: func(record []byte) (values []any, cursor []byte, unheld string, err error) {
			read()
			for _, c := range ordered {
				values = append(values, bound(c, chaintest.Value(c, record))...)
			}
			return values, []byte(chaintest.Value(ordered[0], record).(string)), "", nil
		},
	}
	return postgres.RunFill(s.ctx, s.conn, &fill, release)
}

// bound returns the parameters of a value, as the generated code of its type does.
func bound(c storage.Column, v any) []any {
	if c.Kind.Type() != schema.Timestamp {
		return []any{v}
	}
	var t wire.Timestamp
	if v, ok := v.(chaintest.Time); ok {
		t = wire.Timestamp{Seconds: v.Seconds, Nanos: int32(v.Nanos), Set: true}
	}
	return []any{postgres.Time(t), postgres.Nanos(t)}
}

func physical(columns []storage.Column) (names []string) {
	for _, c := range columns {
		names = append(names, fmt.Sprintf("%q", c.Name))
		if c.Kind.Type() == schema.Timestamp {
			names = append(names, fmt.Sprintf("%q", c.Nanos()))
		}
	}
	return names
}

func parameters(first, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("$%d", first+i))
	}
	return list
}

func (s chain) Expires(table string) (never, ever int, err error) {
	err = s.conn.QueryRow(s.ctx, fmt.Sprintf(`SELECT count(*) FILTER (WHERE "prism_expires" = '9999-12-31 23:59:59Z'), count(*) FILTER (WHERE "prism_expires" < '9999-12-31 23:59:59Z') FROM %q`, table)).Scan(&never, &ever)
	return never, ever, err
}

func (s chain) Put(e *storage.Entity, columns []storage.Column, values []any, record []byte) error {
	table := e.Table
	names := append(physical(columns), `"prism_record"`)
	given := parameters(1, len(names))
	version := fmt.Sprintf("nextval('%q')", table+"_version")
	names, given = append(names, `"prism_version"`, `"prism_release"`), append(given, version, fmt.Sprint(e.Release))
	if e.Expires != nil {
		expires := map[storage.State]string{storage.Live: "2100-01-01Z", storage.Kept: "9999-12-31 23:59:59Z"}
		names, given = append(names, `"prism_expires"`), append(given, "'"+expires[e.Expires.State]+"'")
	}
	var sets []string
	for _, name := range names[1:] {
		sets = append(sets, name+" = excluded."+name)
	}
	var all []any
	for i, c := range columns {
		all = append(all, bound(c, values[i])...)
	}
	_, err := s.conn.Exec(s.ctx, fmt.Sprintf(`INSERT INTO %q (%s) VALUES (%s) ON CONFLICT ("id") DO UPDATE SET %s`, table,
		strings.Join(names, ", "), strings.Join(given, ", "), strings.Join(sets, ", ")), append(all, record)...)
	return err
}

func (s chain) Differs(table string, columns []storage.Column, rows [][]any) (there, differ int, err error) {
	err = s.conn.QueryRow(s.ctx, fmt.Sprintf("SELECT count(*) FROM %q", table)).Scan(&there)
	names := physical(columns)
	for _, row := range rows {
		var all []any
		for i, c := range columns {
			all = append(all, bound(c, row[i])...)
		}
		var n int
		if err == nil {
			err = s.conn.QueryRow(s.ctx, fmt.Sprintf(`SELECT count(*) FROM %q WHERE "id" = $1 AND ROW(%s) IS DISTINCT FROM ROW(%s)`, table,
				strings.Join(names, ", "), strings.Join(parameters(1, len(names)), ", ")), all...).Scan(&n)
		}
		differ += n
	}
	return there, differ, err
}

func (s chain) Records(table string) (map[string][]byte, error) {
	all := map[string][]byte{}
	rows, err := s.conn.Query(s.ctx, fmt.Sprintf(`SELECT "id", "prism_record" FROM %q`, table))
	if err != nil {
		return nil, err
	}
	var key string
	var record []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &record}, func() error {
		all[key] = slices.Clone(record)
		return nil
	})
	return all, err
}

const catalog = `
SELECT format('%s column %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT format('index %s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = current_schema()::regnamespace
UNION ALL SELECT format('%s constraint %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT format('sequence %s', relname) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
ORDER BY 1`

// chainSchema is what differs between two stores.
var chainSchema = regexp.MustCompile(`chain_[0-9]+_[0-9]+\.`)

func (s chain) Catalog() ([]string, error) {
	rows, err := s.conn.Query(s.ctx, catalog)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for i := range lines {
		lines[i] = chainSchema.ReplaceAllString(lines[i], "")
	}
	return lines, err
}
