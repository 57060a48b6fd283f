package postgres_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/out/conformancepostgres/proxy/server"
)

// A page costs what it holds and not what the table holds: every statement is a
// search by key or a range of an index read in its order, with both ends where
// there are two.
func TestStatementsAreIndexScans(t *testing.T) {
	store := postgrestest.Start(t)
	d := server.Deployment()
	env := environment(store)
	env.Deployment = d.Name
	for _, n := range d.Namespaces {
		if _, err := n.Migrate(t.Context(), env); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := postgres.Connect(t.Context(), env, config())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	lent, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lent.Release()
	conn := lent.Conn()
	files, err := filepath.Glob("../../out/conformancepostgres/proxy/conformance/v1/*/store.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d stores, %v", len(files), err)
	}
	for _, file := range files {
		for name, sql := range statements(t, file) {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+name, func(t *testing.T) {
				plan := explain(t, conn, sql)
				if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") || !strings.Contains(plan, "Index Cond") {
					t.Errorf("not a search in an index:\n%s", plan)
				}
				_, condition, _ := strings.Cut(plan, "Index Cond")
				condition, _, _ = strings.Cut(condition, "\n")
				if strings.HasSuffix(name, "To") && (!strings.Contains(condition, " >= ") || !strings.Contains(condition, " < ")) {
					t.Errorf("the index is not searched between both ends:\n%s", plan)
				}
			})
		}
	}
}

// statements returns the SQL constants of a file by name: those written as one
// literal, which all that read are.
func statements(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		spec := g.Specs[0].(*ast.ValueSpec)
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		sql, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name := spec.Names[0].Name; name != "insert" && name != "replace" { // parts of put and create
			found[name] = sql
		}
	}
	return found
}

// explain returns the plan of sql for whatever values.
func explain(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	prepared, err := conn.Prepare(t.Context(), "explained", sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer conn.Deallocate(t.Context(), "explained")
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(prepared.ParamOIDs)), ", ")
	rows, err := conn.Query(t.Context(), fmt.Sprintf("EXPLAIN EXECUTE explained(%s)", nulls), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
