package sqlite_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/sqlite"
	prism "github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// A call's cost depends on its answer, not on the size of the table, whatever
// statistics were made (ANALYZE, PRAGMA optimize) and when: every statement is
// a search in the one index for its conditions and order, with both bounds if
// it has two.
func TestStatementsUseTheirIndex(t *testing.T) {
	files, err := filepath.Glob(backendtest.Generated("out/conformancesqlite/proxy/conformance/v1/*/store.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d stores, %v", len(files), err)
	}
	constants := map[string]string{}
	for _, file := range files {
		for name, sql := range statements(t, file) {
			constants[filepath.Base(filepath.Dir(file))+"/"+name] = sql
		}
	}
	filled := func(value values) func(c *sqlite3.Conn, table string) []string {
		return func(c *sqlite3.Conn, table string) []string { return []string{filling(t, c, table, 200, value)} }
	}
	grown := func(few int) func(c *sqlite3.Conn, table string) []string { // after its statistics were made
		return func(c *sqlite3.Conn, table string) []string {
			return []string{filling(t, c, table, few, spread), "ANALYZE " + table, "DELETE FROM " + table, filling(t, c, table, 200, spread)}
		}
	}
	for _, state := range []struct {
		name   string
		tables func(c *sqlite3.Conn, table string) []string
		after  []string
	}{
		{"empty", func(c *sqlite3.Conn, table string) []string { return nil }, nil},
		{"emptied", func(c *sqlite3.Conn, table string) []string {
			return []string{filling(t, c, table, 200, spread), "DELETE FROM " + table}
		}, []string{"VACUUM", "ANALYZE"}},
		{"full", filled(spread), []string{"ANALYZE"}},
		{"skewed", filled(skewed), []string{"ANALYZE"}},
		{"one partition", filled(onePartition), []string{"ANALYZE"}},
		{"absent", filled(absent), []string{"ANALYZE"}},
		{"one record, grown", grown(1), nil},
		{"two records, grown", grown(2), nil},
		{"some records, grown", grown(20), nil},
	} {
		t.Run(state.name, func(t *testing.T) {
			d := backendtest.Deployment("sqlite")
			env := prism.NewEnv(d.Name, t.TempDir())
			checked := 0
			for _, n := range d.Namespaces {
				if _, err := n.Migrate(t.Context(), env, migration.Run{}); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(env.DataDir, n.Name+".db")
				c, err := sqlite3.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, table := range query(t, c, `SELECT "name" FROM "sqlite_schema" WHERE "type" = 'table' AND "name" NOT LIKE 'prism~_%' ESCAPE '~' AND "name" NOT LIKE 'sqlite~_%' ESCAPE '~'`) {
					if err := execAll(c, state.tables(c, quoted(table[0]))); err != nil {
						t.Fatal(err)
					}
				}
				if err := execAll(c, state.after); err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(state.name, "grown") { // statistics are made while the proxy runs
					checked += useTheirIndexes(t, c, constants)
				}
				store, err := sqlite.Connect(env, n.Name)
				if err != nil {
					t.Fatal(err)
				}
				checked += useTheirIndexes(t, store.Conn, constants)
				if err := errors.Join(c.Close(), store.Close()); err != nil {
					t.Fatal(err)
				}
			}
			if want := len(constants) - len(files); checked%want != 0 || checked == 0 { // a put searches by what it inserts
				t.Errorf("%d plans were made, of %d statements", checked, want)
			}
		})
	}
}

// useTheirIndexes is usesItsIndex for all statements that read a table of c. It
// returns their number.
func useTheirIndexes(t *testing.T, c *sqlite3.Conn, constants map[string]string) (n int) {
	t.Helper()
	for name, sql := range constants {
		if len(query(t, c, "PRAGMA table_info("+tableOf(sql)+")")) > 0 && !strings.HasPrefix(sql, "INSERT") {
			usesItsIndex(t, c, name, sql)
			n++
		}
	}
	return n
}

// usesItsIndex fails the test unless sql is a search in the one index on the
// columns of its conditions and its order, in that sequence.
func usesItsIndex(t *testing.T, c *sqlite3.Conn, name, sql string) {
	t.Helper()
	var plan []string
	for _, row := range query(t, c, "EXPLAIN QUERY PLAN "+sql) {
		plan = append(plan, row[3])
	}
	table := tableOf(sql)
	columns, ranged := searched(sql)
	var right []string
	for _, index := range indexes(t, c, table) {
		if has := index.columns; len(has) >= len(columns) && slices.Equal(has[:len(columns)], columns) {
			right = append(right, index.access)
		}
	}
	if len(right) == 0 {
		t.Errorf("%s: no index begins with the columns %s\n%s", name, columns, sql)
		return
	}
	search := regexp.MustCompile(`^SEARCH ` + strings.Trim(table, `"`) + ` USING (?:COVERING )?(?:` + strings.Join(right, "|") + `) \((.*)\)$`)
	found := 0
	for _, line := range plan {
		if m := search.FindStringSubmatch(line); m != nil {
			found++
			from, to := strings.Contains(sql, ">= "), strings.Contains(sql, "< ") || strings.Contains(sql, "<= ")
			if strings.Count(m[1], "=?") != len(columns)-ranged || strings.Contains(m[1], ">") != from || strings.Contains(m[1], "<") != to && ranged > 0 {
				t.Errorf("%s: searched by %s alone\n%s", name, m[1], sql)
			}
		}
		if strings.HasPrefix(line, "SCAN") || strings.Contains(line, "TEMP B-TREE") {
			found = -1
		}
	}
	if found != 1 {
		t.Errorf("%s: not a search with %s:\n%s\n%s", name, right, strings.Join(plan, "\n"), sql)
	}
}

var (
	tablePattern  = regexp.MustCompile(`(?:FROM|INTO) ("\w+")`)
	equalPattern  = regexp.MustCompile(`"(\w+)" = \?`)
	rangePattern  = regexp.MustCompile(`\(?((?:"\w+"(?:, )?)+)\)? (?:>=|<=) \(?\?`)
	columnPattern = regexp.MustCompile(`\w+`)
)

func tableOf(sql string) string { return tablePattern.FindStringSubmatch(sql)[1] }

// searched returns the columns by which sql can be answered from an index:
// first those that equal a value, then the ranged ones.
func searched(sql string) (columns []string, ranged int) {
	_, where, _ := strings.Cut(sql, "WHERE")
	where, _, _ = strings.Cut(where, " AND NOT ")
	for _, m := range equalPattern.FindAllStringSubmatch(where, -1) {
		columns = append(columns, m[1])
	}
	if strings.Contains(sql, "DELETE") && len(columns) > 0 {
		return columns, 0
	}
	if m := rangePattern.FindStringSubmatch(where); m != nil {
		list := columnPattern.FindAllString(m[1], -1)
		return append(columns, list...), len(list)
	}
	return columns, 0
}

type index struct {
	access  string // in plans
	columns []string
}

func indexes(t *testing.T, c *sqlite3.Conn, table string) []index {
	t.Helper()
	var list []index
	primary := false
	for _, row := range query(t, c, "PRAGMA index_list("+table+")") {
		x := index{access: "INDEX " + row[1]}
		primary = primary || row[3] == "pk"
		for _, column := range query(t, c, "PRAGMA index_info("+quoted(row[1])+")") {
			x.columns = append(x.columns, column[2])
		}
		list = append(list, x)
	}
	if !primary { // the key is the rowid
		x := index{access: "INTEGER PRIMARY KEY"}
		for _, column := range query(t, c, "PRAGMA table_info("+table+")") {
			if column[5] == "1" {
				x.columns = append(x.columns, column[1])
			}
		}
		list = append(list, x)
	}
	return list
}

// values returns the SQL for a column of row i; key is the column's position in
// the key, or 0.
type values func(column, kind string, key int) string

// spread has many values.
func spread(column, kind string, key int) string { return valueOf(kind, "i * 7919 % 2003") }

// skewed has one value for almost all.
func skewed(column, kind string, key int) string {
	if key > 0 {
		return valueOf(kind, "i")
	}
	return "CASE WHEN i % 1000 = 0 THEN " + valueOf(kind, "i") + " ELSE NULL END"
}

// onePartition has one value for the first part of the key, and few elsewhere.
func onePartition(column, kind string, key int) string {
	switch {
	case key == 1:
		return "CASE WHEN parts > 1 THEN " + valueOf(kind, "1") + " ELSE " + valueOf(kind, "i") + " END"
	case key > 0:
		return valueOf(kind, "i")
	}
	return valueOf(kind, "i % few")
}

// absent has nothing but keys.
func absent(column, kind string, key int) string {
	if key > 0 {
		return valueOf(kind, "i")
	}
	return "NULL"
}

func valueOf(kind, number string) string {
	switch kind {
	case "TEXT":
		return "printf('%08d', " + number + ")"
	case "BLOB":
		return "CAST(printf('%08d', " + number + ") AS BLOB)"
	}
	return number
}

// filling is the statement that fills a table. Unique columns never repeat a
// value.
func filling(t *testing.T, c *sqlite3.Conn, table string, rows int, value values) string {
	t.Helper()
	unique := map[string]bool{}
	for _, row := range query(t, c, "PRAGMA index_list("+table+")") {
		if info := query(t, c, "PRAGMA index_info("+quoted(row[1])+")"); row[2] == "1" && row[3] != "pk" {
			for _, column := range info {
				unique[column[2]] = true
			}
		}
	}
	info := query(t, c, "PRAGMA table_info("+table+")")
	parts := 0
	for _, column := range info {
		if column[5] != "0" {
			parts++
		}
	}
	var names, values []string
	for _, column := range info {
		key, _ := strconv.Atoi(column[5])
		v := value(column[1], column[2], key)
		if unique[column[1]] {
			v = strings.ReplaceAll(v, "i % few", "i")
		}
		if key == 0 && column[3] == "1" { // prism_record and its like
			v = valueOf(column[2], "i")
		}
		names, values = append(names, quoted(column[1])), append(values, v)
	}
	return fmt.Sprintf("WITH RECURSIVE n(i, few, parts) AS (SELECT 1, 3, %d UNION ALL SELECT i + 1, few, parts FROM n WHERE i < %d)\nINSERT INTO %s (%s) SELECT %s FROM n",
		parts, rows, table, strings.Join(names, ", "), strings.Join(values, ", "))
}

func quoted(name string) string { return `"` + name + `"` }

func execAll(c *sqlite3.Conn, statements []string) error {
	for _, s := range statements {
		if err := c.Exec(s); err != nil {
			return fmt.Errorf("%w: %s", err, s)
		}
	}
	return nil
}

func query(t *testing.T, c *sqlite3.Conn, sql string) [][]string {
	t.Helper()
	stmt, _, err := c.Prepare(sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer stmt.Close()
	var list [][]string
	for stmt.Step() {
		var row []string
		for i := range stmt.ColumnCount() {
			row = append(row, stmt.ColumnText(i))
		}
		list = append(list, row)
	}
	if err := stmt.Err(); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return list
}

// statements returns the SQL of a store by the names of its variables.
func statements(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		spec := g.Specs[0].(*ast.ValueSpec)
		call, ok := spec.Values[0].(*ast.CallExpr)
		if !ok {
			continue
		}
		sql, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found[spec.Names[0].Name] = sql
	}
	return found
}
