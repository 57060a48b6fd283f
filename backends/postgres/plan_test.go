package postgres_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime/migration"
)

// The cost of a page depends on its size, not on the table's, and a record
// costs one search: each statement searches its own index, with both bounds if
// it has two, whatever Postgres assumes about the table when it makes the plan,
// which it may use for ever.
func TestStatementsAreIndexScans(t *testing.T) {
	conn := deployed(t)
	all := statements(t)
	for _, state := range []struct {
		name string
		make func(t *testing.T)
	}{
		{"empty", func(*testing.T) {}},
		{"a few rows", func(t *testing.T) { fill(t, conn, 3, distinct) }},
		{"full", func(t *testing.T) { fill(t, conn, many(), distinct) }},
		{"emptied", func(t *testing.T) { empty(t, conn) }},
		{"a few values", func(t *testing.T) { fill(t, conn, 3*many(), few) }},
		{"one value everywhere", func(t *testing.T) { fill(t, conn, many(), one) }},
	} {
		t.Run(state.name, func(t *testing.T) {
			state.make(t)
			for _, s := range all {
				plan := s.explain(t, conn, "EXPLAIN", func(int, uint32) string { return "NULL" })
				if fault := s.fault(t, conn, plan); fault != "" {
					t.Errorf("%s: %s:\n%s\n%s", s.name, fault, s.sql, plan)
				}
			}
		})
	}
}

// Looking for what is absent or rare costs next to nothing, in either
// direction.
func TestStatementsReadLittle(t *testing.T) {
	conn := deployed(t)
	fill(t, conn, many(), few)
	const most = 20 // pages: the ways down two indexes, and the record
	read := regexp.MustCompile(`(?m)^\s+Buffers: shared (.*)`)
	buffers := func(t *testing.T, s statement, value func(i int, oid uint32) string) (plan string, n int) {
		t.Helper()
		plan = s.explain(t, conn, "EXPLAIN (ANALYZE, BUFFERS)", value)
		for _, part := range strings.Fields(read.FindString(plan)) {
			for _, kind := range []string{"hit=", "read="} {
				if count, ok := strings.CutPrefix(part, kind); ok {
					more, _ := strconv.Atoi(count)
					n += more
				}
			}
		}
		return plan, n
	}
	for _, s := range statements(t) {
		if s.writes() {
			continue
		}
		if plan, n := buffers(t, s, absent); n > most {
			t.Errorf("%s: looked for what is absent in %d pages, want at most %d:\n%s", s.name, n, most, plan)
		}
		if !strings.HasPrefix(s.base(), "findBy") {
			continue
		}
		if plan, n := buffers(t, s, rare); n > most {
			t.Errorf("%s: looked for what is rare in %d pages, want at most %d:\n%s", s.name, n, most, plan)
		}
	}
	// All events have the same position except for the sequence, and no severity:
	// what is absent has thousands of entries right after it.
	for _, sql := range []string{
		`UPDATE "events" SET "tenant" = 'a', "shard" = 1, "at" = '2001-01-01', "at_nanos" = 0, "name" = 'a',
  "region" = 'a', "open" = false, "kind" = 1, "severity" = NULL`, `VACUUM FULL ANALYZE "events"`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := map[string]string{
		"get":             `'a', 1, '2001-01-01', 0, 'a', -1`,
		"remove":          `'a', 1, '2001-01-01', 0, 'a', -1`,
		"scanPartitionTo": `100, 'a', 1, '2000-01-01', 0, '', 0, '2000-01-02', 0, '', 0`,
		"findByPlace":     `100, 'a', true, '', 0, '2000-01-01', 0, '', 0`,
		"toByKind":        `100, 1, '2000-01-01', 0, '', 0, '', 0, '2000-01-02', 0, '', 0, '', 0`,
		"findByUrgent":    `100, 'a', 1, 0, '', 0, '2000-01-01', 0, '', 0`,
		"toByUrgent":      `100, 'a', 1, 0, '', 0, '2000-01-01', 0, '', 0, 5, '', 0, '2000-01-01', 0, '', 0`,
	}
	before["reverseByPlace"], before["reverseByUrgent"] = before["findByPlace"], before["findByUrgent"]
	before["scanPartitionReverseTo"], before["reverseToByUrgent"] = before["scanPartitionTo"], before["toByUrgent"]
	for _, s := range statements(t) {
		list := strings.Split(before[strings.TrimPrefix(s.name, "event/")], ", ")
		if s.entity != "event" || len(list) == 1 {
			continue
		}
		if plan, n := buffers(t, s, func(i int, _ uint32) string { return list[i] }); n > most {
			t.Errorf("%s: looked for what stands before much else in %d pages, want at most %d:\n%s", s.name, n, most, plan)
		}
	}
}

// many is enough rows for a plan with the wrong index to be noticed.
func many() int {
	if os.Getenv("PRISM_LONG") != "" {
		return 300_000
	}
	return 5_000
}

// deployed returns a connection with the proxy's settings to a store with the
// tables of the conformance deployment.
func deployed(t *testing.T) *pgx.Conn {
	t.Helper()
	d := backendtest.Deployment("postgres")
	env := environment(postgrestest.Start(t))
	env.Deployment = d.Name
	for _, n := range backendtest.Namespaces(t, "postgres", env) {
		if _, err := n.Migrate(t.Context(), env, migration.Run{}); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := config().connect(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	lent, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lent.Release)
	return lent.Conn()
}

// The number from which row i takes its values, where the key and unique
// indexes leave a choice.
const (
	distinct = "i"
	few      = "CASE WHEN i = 7 THEN 7::bigint ELSE i % 5 END"     // one is rare
	one      = "CASE WHEN i = 7 THEN 7::bigint ELSE 1::bigint END" // except for one row
)

// fill gives every entity's table n rows, fewer if it has many indexes, and
// analyzes it.
func fill(t *testing.T, conn *pgx.Conn, n int, value string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
SELECT c.table_name::text, $2 * 3 / greatest(3, (SELECT count(*) FROM pg_index WHERE indrelid = quote_ident(c.table_name)::regclass)), string_agg(quote_ident(c.column_name), ', ' ORDER BY c.ordinal_position), string_agg(
  CASE WHEN c.column_name = 'prism_record' THEN 'convert_to(repeat(''x'', 100), ''UTF8'')'
  WHEN c.column_name = 'prism_expires' THEN 'now() + interval ''1 hour'''
  ELSE format(CASE c.data_type
    WHEN 'bigint' THEN '%1$s' WHEN 'integer' THEN '1' WHEN 'numeric' THEN '%1$s' WHEN 'smallint' THEN '%1$s %% 1000'
    WHEN 'text' THEN '''v'' || %1$s' WHEN 'bytea' THEN 'int8send(%1$s)' WHEN 'double precision' THEN '%1$s'
    WHEN 'timestamp with time zone' THEN 'timestamptz ''2001-01-01'' + %1$s * interval ''1 second'''
    WHEN 'boolean' THEN CASE WHEN u.is AND c.is_nullable = 'YES' THEN 'CASE WHEN i <= 2 THEN i = 1 END' ELSE '%1$s %% 4 = 3' END
  END, CASE WHEN u.is IS NULL THEN $1 ELSE 'i' END) END,
  ', ' ORDER BY c.ordinal_position)
FROM information_schema.columns c
LEFT JOIN LATERAL (
  SELECT true AS is FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
  WHERE x.indrelid = quote_ident(c.table_name)::regclass AND x.indisunique AND a.attname = c.column_name
    AND (NOT x.indisprimary OR a.attnum = x.indkey[x.indnatts - 1]) LIMIT 1
) u ON true
WHERE c.table_schema = 'public'
GROUP BY c.table_name HAVING bool_or(c.column_name = 'prism_record')`, value, n)
	if err != nil {
		t.Fatal(err)
	}
	var table, columns, values string
	var count int
	var fills []string
	if _, err := pgx.ForEachRow(rows, []any{&table, &count, &columns, &values}, func() error {
		fills = append(fills, fmt.Sprintf("TRUNCATE %q", table),
			fmt.Sprintf("INSERT INTO %q (%s) SELECT %s FROM generate_series(1::bigint, %d) i ON CONFLICT DO NOTHING", table, columns, values, count),
			fmt.Sprintf("VACUUM ANALYZE %q", table))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(fills) == 0 {
		t.Fatal("no tables")
	}
	for _, sql := range fills {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
	}
}

// empty deletes what fill inserted; the pages of the indexes remain.
func empty(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `SELECT table_name::text FROM information_schema.columns WHERE column_name = 'prism_record'`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, sql := range []string{"DELETE FROM %q", "VACUUM ANALYZE %q"} {
			if _, err := conn.Exec(t.Context(), fmt.Sprintf(sql, table)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// absent and rare return a type's value that no row has, and one that fill
// gives to one row.
func absent(_ int, oid uint32) string {
	return map[uint32]string{
		pgtype.TextOID: "'zzz'", pgtype.Int8OID: "99999999", pgtype.Int2OID: "0", pgtype.NumericOID: "99999999", pgtype.Float8OID: "0", pgtype.Int4OID: "0",
		pgtype.BoolOID: "true", pgtype.ByteaOID: `'\xff'`, pgtype.TimestamptzOID: "'2999-01-01'",
	}[oid]
}

func rare(_ int, oid uint32) string {
	return map[uint32]string{
		pgtype.TextOID: "'v7'", pgtype.Int8OID: "7", pgtype.Int2OID: "7", pgtype.NumericOID: "7", pgtype.Float8OID: "7",
		pgtype.BoolOID: "true", pgtype.ByteaOID: `'\x0000000000000007'`, pgtype.TimestamptzOID: "'2001-01-01 00:00:07+00'",
	}[oid]
}

// statement is a statement of an entity.
type statement struct{ entity, name, sql string }

// base is the name without the direction, the end and the purpose.
func (s statement) base() string {
	base := s.name[strings.Index(s.name, "/")+1:]
	if purpose, index, ok := strings.Cut(base, "By"); ok && slices.Contains([]string{"to", "reverse", "reverseTo", "taken", "free"}, purpose) {
		return "findBy" + index
	}
	for _, suffix := range []string{"To", "Reverse"} {
		base = strings.TrimSuffix(base, suffix)
	}
	return base
}

// writes reports whether s writes although the record is absent.
func (s statement) writes() bool {
	return slices.Contains([]string{"put", "create", "sweep"}, s.base())
}

var (
	tableOf   = regexp.MustCompile(`(?:FROM|INTO) "(\w+)"`)
	indexUsed = regexp.MustCompile(`using (\w+) on|Conflict Arbiter Indexes: (.*)`)
	searched  = regexp.MustCompile(`Index Cond: (.*)`)
)

// fault says what is wrong with a plan of s, "" if nothing is.
func (s statement) fault(t *testing.T, conn *pgx.Conn, plan string) string {
	t.Helper()
	for _, bad := range []string{"Seq Scan", "Sort", "Gather", "Bitmap"} {
		if strings.Contains(plan, bad) {
			return bad
		}
	}
	table := tableOf.FindStringSubmatch(s.sql)[1]
	want := []string{table + "_pkey"}
	if what, ok := strings.CutPrefix(s.base(), "findBy"); ok {
		want = indexes(t, conn, table, what)
	} else if s.base() == "sweep" {
		want[0] = table + "_expires"
	}
	used := indexUsed.FindAllStringSubmatch(plan, -1)
	for _, u := range used {
		if got := u[1] + u[2]; !slices.Contains(want, got) {
			return fmt.Sprintf("through %s, want %s", got, want)
		}
	}
	if len(used) == 0 {
		return fmt.Sprintf("through no index, want %s", want)
	}
	conditions := searched.FindAllStringSubmatch(plan, -1)
	if scans := strings.Count(plan, " using "); len(conditions) != scans {
		return fmt.Sprintf("%d scans of an index have %d conditions", scans, len(conditions))
	}
	for _, c := range conditions {
		if strings.Contains(s.sql, " < ") != strings.Contains(c[1], " < ") || strings.Contains(s.sql, " >= ") != strings.Contains(c[1], " >= ") {
			return "the index is not searched between both ends"
		}
	}
	return ""
}

// indexes returns the index of a table that the Find with what in its Go name
// searches, and those on the same columns.
func indexes(t *testing.T, conn *pgx.Conn, table, what string) []string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `SELECT other.indexrelid::regclass::text FROM pg_index x JOIN pg_index other USING (indrelid, indkey)
WHERE x.indrelid = quote_ident($1)::regclass AND replace(x.indexrelid::regclass::text, '_', '') = replace($1, '_', '') || lower($2)`, table, what)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		t.Fatalf("the indexes of %s by %s: %q, %v", table, what, names, err)
	}
	return names
}

// explain returns the generic plan of s, which Postgres is made to use. value
// returns a literal of a parameter's type.
func (s statement) explain(t *testing.T, conn *pgx.Conn, how string, value func(i int, oid uint32) string) string {
	t.Helper()
	prepared, err := conn.Prepare(t.Context(), "explained", s.sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.sql)
	}
	defer conn.Deallocate(t.Context(), "explained")
	values := make([]string, len(prepared.ParamOIDs))
	for i, oid := range prepared.ParamOIDs {
		values[i] = value(i, oid)
	}
	sql := how + " EXECUTE explained"
	if len(values) > 0 {
		sql += "(" + strings.Join(values, ", ") + ")"
	}
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return strings.Join(lines, "\n")
}

// statements returns the statements of the conformance deployment, by entity
// and name.
func statements(t *testing.T) (all []statement) {
	t.Helper()
	files, err := filepath.Glob(backendtest.Generated("out/conformancepostgres/proxy/conformance/v1/*/store.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d stores, %v", len(files), err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		entity, constants := filepath.Base(filepath.Dir(file)), map[string]string{}
		for _, decl := range f.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.CONST {
				spec := g.Specs[0].(*ast.ValueSpec)
				constants[spec.Names[0].Name] = text(t, spec.Values[0], constants)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(constants)) {
			if !slices.Contains(parts, name) {
				all = append(all, statement{entity, entity + "/" + name, constants[name]})
			}
		}
	}
	return all
}

// parts are the constants from which writing statements are composed.
var parts = []string{"insert", "given", "conflict", "replace"}

// text returns the value of a constant string expression.
func text(t *testing.T, e ast.Expr, constants map[string]string) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return value
	case *ast.Ident:
		return constants[e.Name]
	case *ast.BinaryExpr:
		return text(t, e.X, constants) + text(t, e.Y, constants)
	}
	t.Fatalf("a constant is a %T", e)
	return ""
}
