package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// cost is what a statement does to a table: the strongest lock that it takes, whether
// it rewrites the table, how often it scans it, and how long the lock is held.
type cost struct {
	lock    string
	rewrite bool
	scans   int
	took    time.Duration
}

// work returns what a comment says of the cost.
func (c cost) work() string {
	switch {
	case c.rewrite:
		return "rewrite: the table"
	case c.scans == 2:
		return "scan: the table, twice"
	case c.scans > 0:
		return "scan: the table"
	}
	return "rewrite or scan: none"
}

// meter measures statements on a database of its own.
type meter struct {
	*testing.T
	conn, other *pgx.Conn // other holds up what runs without a transaction
}

func newMeter(t *testing.T) *meter {
	url := postgrestest.Start(t)
	m := &meter{T: t}
	for _, conn := range []**pgx.Conn{&m.conn, &m.other} {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
		*conn = c
	}
	m.exec(m.conn, "SET max_parallel_maintenance_workers = 0") // each of which would count as a scan
	return m
}

func (m *meter) exec(conn *pgx.Conn, sql string) {
	m.Helper()
	if _, err := conn.Exec(m.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		m.Fatalf("%s: %v", sql, err)
	}
}

func ask[T any](m *meter, conn *pgx.Conn, sql string, args ...any) (v T) {
	m.Helper()
	if err := conn.QueryRow(m.Context(), sql, args...).Scan(&v); err != nil {
		m.Fatalf("%s: %v", sql, err)
	}
	return v
}

// modes are those of locks on tables, the strongest first.
var modes = []string{"AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock", "ShareUpdateExclusiveLock", "RowExclusiveLock", "RowShareLock", "AccessShareLock"}

// words are what SQL calls the modes.
var words = regexp.MustCompile("[A-Z][a-z]+")

// strongest returns the strongest lock on the table that the process has.
func (m *meter) strongest(conn *pgx.Conn, pid, table uint32) string {
	m.Helper()
	held := ask[[]string](m, conn, "SELECT coalesce(array_agg(mode), '{}') FROM pg_locks WHERE pid = $1 AND relation = $2 AND granted", pid, table)
	for _, mode := range modes {
		if slices.Contains(held, mode) {
			return strings.ToUpper(strings.Join(words.FindAllString(strings.TrimSuffix(mode, "Lock"), -1), " "))
		}
	}
	return "none"
}

// of measures a statement on the table.
func (m *meter) of(table, statement string) (c cost) {
	m.Helper()
	id := ask[uint32](m, m.conn, "SELECT $1::regclass::oid", table)
	const node = "SELECT coalesce(pg_relation_filenode($1::oid), 0)"
	before := ask[uint32](m, m.conn, node, id)
	pid, earlier := m.conn.PgConn().PID(), m.scans(id)
	if strings.Contains(statement, "CONCURRENTLY") {
		m.exec(m.other, "BEGIN; LOCK TABLE "+table+" IN ROW EXCLUSIVE MODE")
		done := make(chan error, 1)
		began := time.Now()
		go func() {
			_, err := m.conn.Exec(m.Context(), statement, pgx.QueryExecModeSimpleProtocol)
			done <- err
		}()
		for !ask[bool](m, m.other, "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)", pid) {
			time.Sleep(time.Millisecond)
		}
		c.lock = m.strongest(m.other, pid, id)
		m.exec(m.other, "COMMIT")
		if err := <-done; err != nil {
			m.Fatalf("%s: %v", statement, err)
		}
		c.took = time.Since(began)
		c.scans = m.scans(id) - earlier
	} else {
		m.exec(m.conn, "BEGIN")
		began := time.Now()
		m.exec(m.conn, statement)
		c.took = time.Since(began)
		c.lock = m.strongest(m.conn, pid, id)
		c.scans = ask[int](m, m.conn, "SELECT pg_stat_get_xact_numscans($1::oid)", id)
		m.exec(m.conn, "COMMIT")
	}
	after := ask[uint32](m, m.conn, node, id)
	c.rewrite = after != 0 && after != before
	return c
}

// scans returns how often the table has been scanned, in all transactions of before.
func (m *meter) scans(table uint32) int {
	m.Helper()
	m.exec(m.conn, "SELECT pg_stat_force_next_flush()")
	return ask[int](m, m.conn, "SELECT pg_stat_get_numscans($1::oid)", table)
}

// measured are the statements of docs/migrations.md: those that migrations have, and
// those that they do not have, with what others would cost.
var measured = []struct{ what, prepare, sql, cleanup string }{
	{"`ADD COLUMN`, nullable", "", `ALTER TABLE records ADD COLUMN a text`, ""},
	{"`ADD COLUMN … DEFAULT` a constant", "", `ALTER TABLE records ADD COLUMN b bigint DEFAULT 0`, ""},
	{"`ADD COLUMN \"prism_expires\" … NOT NULL DEFAULT` a constant", "", `ALTER TABLE records ADD COLUMN prism_expires timestamptz NOT NULL DEFAULT '9999-12-31 23:59:59Z'`, ""},
	{"`ADD CONSTRAINT … CHECK … NOT VALID`, a fence", "", `ALTER TABLE records ADD CONSTRAINT fence CHECK (prism_release >= 1) NOT VALID`, ""},
	{"`DROP CONSTRAINT`", "", `ALTER TABLE records DROP CONSTRAINT fence`, ""},
	{"`UPDATE` of 500 rows, a batch of a fill", "", `UPDATE records SET b = 1 WHERE id >= '00001000' AND id < '00001500'`, ""},
	{"`CREATE INDEX CONCURRENTLY`", "", `CREATE INDEX CONCURRENTLY records_b ON records (b, id)`, ""},
	{"`CREATE UNIQUE INDEX CONCURRENTLY`", "", `CREATE UNIQUE INDEX CONCURRENTLY records_u ON records (s)`, ""},
	{"`DROP INDEX CONCURRENTLY`", "", `DROP INDEX CONCURRENTLY records_u`, ""},
	{"`DROP COLUMN`", "", `ALTER TABLE records DROP COLUMN b`, ""},
	{"`ADD COLUMN … DEFAULT` what is volatile", "", `ALTER TABLE records ADD COLUMN v uuid DEFAULT gen_random_uuid()`, ""},
	{"`ADD CONSTRAINT … CHECK`, validated", "", `ALTER TABLE records ADD CONSTRAINT c CHECK (n >= 0)`, `ALTER TABLE records DROP CONSTRAINT c`},
	{"`VALIDATE CONSTRAINT`", `ALTER TABLE records ADD CONSTRAINT c CHECK (n >= 0) NOT VALID`, `ALTER TABLE records VALIDATE CONSTRAINT c`, `ALTER TABLE records DROP CONSTRAINT c`},
	{"`SET NOT NULL`", "", `ALTER TABLE records ALTER COLUMN n SET NOT NULL`, ""},
	{"`RENAME COLUMN`", "", `ALTER TABLE records RENAME COLUMN n TO m`, `ALTER TABLE records RENAME COLUMN m TO n`},
	{"`ALTER COLUMN … TYPE bigint` of an integer", "", `ALTER TABLE records ALTER COLUMN n TYPE bigint`, ""},
	{"`CREATE INDEX` without CONCURRENTLY", "", `CREATE INDEX records_n ON records (n, id)`, ""},
	{"`CREATE UNIQUE INDEX` without CONCURRENTLY", "", `CREATE UNIQUE INDEX records_s ON records (s)`, ""},
	{"`DROP INDEX` without CONCURRENTLY", "", `DROP INDEX records_s`, ""},
	{"`DROP TABLE`", "", `DROP TABLE records`, ""},
}

// The table of locks in docs/migrations.md is what the server does. What it has of
// milliseconds came with PRISM_LONG, on as many rows as it says.
func TestLocksAsDocumented(t *testing.T) {
	rows := 5_000
	if os.Getenv("PRISM_LONG") != "" {
		rows = 300_000
	}
	m := newMeter(t)
	m.exec(m.conn, `CREATE TABLE records (id text COLLATE "C" PRIMARY KEY, n integer, s text COLLATE "C", prism_record bytea NOT NULL, prism_version bigint NOT NULL, prism_release integer NOT NULL)`)
	m.exec(m.conn, fmt.Sprintf(`INSERT INTO records SELECT to_char(i, 'FM00000000'), i %% 1000, md5(i::text), decode(repeat(md5(i::text), 12), 'hex'), i, 1 FROM generate_series(1, %d) AS i`, rows))
	m.exec(m.conn, "VACUUM ANALYZE records")
	page, err := os.ReadFile("../../docs/migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range measured {
		if s.prepare != "" {
			m.exec(m.conn, s.prepare)
		}
		c := m.of("records", s.sql)
		if s.cleanup != "" {
			m.exec(m.conn, s.cleanup)
		}
		row := fmt.Sprintf("| %s | %s | %s |", s.what, c.lock, c.work())
		t.Logf("%s %.1f |", row, float64(c.took.Microseconds())/1000)
		if !strings.Contains(string(page), "\n"+row) {
			t.Errorf("docs/migrations.md has no %s", row)
		}
	}
}

// noted matches a statement with its comment.
var noted = regexp.MustCompile(`(?m)^-- class: \S+ · lock: (.*?)(?:, .*?)? · (.*?) · reversible: .*\n((?:(?:ALTER|CREATE|DROP) .*;\n)+)`)

// onTable matches the table of a statement, or the index that it drops.
var onTable = regexp.MustCompile(`^(?:ALTER|DROP) TABLE ("\w+")|^CREATE .* ON ("\w+")|^DROP INDEX .*("\w+")`)

// What comments say of a statement's lock, and of what it rewrites or scans, is what
// the server does, on the way there and on the way back.
func TestLocksAsCommented(t *testing.T) {
	folders, err := filepath.Glob(storyFolders)
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	statements := 0
	for _, folder := range folders {
		m := newMeter(t)
		h := &hand{T: t, url: m.conn.Config().ConnString(), psql: postgrestest.Program(t, "psql"), conn: m.conn}
		for i, r := range releasesIn(t, folder) {
			if i == 0 {
				h.apply(r.files[0])
				h.fill()
				continue
			}
			for _, name := range r.files {
				statements += m.file(name)
			}
			for _, name := range slices.Backward(r.files) {
				statements += m.file(strings.TrimSuffix(name, "up.sql") + "down.sql")
			}
			h.exec(`DELETE FROM "prism_migrations" WHERE "number" > 1`)
			for _, name := range append(r.files, r.contract...) {
				statements += m.file(name)
			}
		}
	}
	if statements < 50 {
		t.Errorf("only %d statements have a comment", statements)
	}
}

// file measures the statements of a file against their comments, and returns how many
// there were.
func (m *meter) file(name string) (statements int) {
	m.Helper()
	text := read(m.T, name)
	if strings.Contains(text, "CREATE TABLE") {
		m.exec(m.conn, text) // nobody can wait for it
		return 0
	}
	for _, match := range noted.FindAllStringSubmatch(text, -1) {
		for statement := range strings.Lines(match[3]) {
			on := onTable.FindStringSubmatch(statement)
			if on == nil { // a table's sequence
				m.exec(m.conn, statement)
				continue
			}
			statements++
			table := strings.Join(on[1:], "")
			if strings.HasPrefix(statement, "DROP INDEX") {
				table = ask[string](m, m.conn, "SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = $1::regclass", table)
			}
			c := m.of(table, statement)
			if c.lock != match[1] || c.work() != match[2] {
				m.Errorf("%s: %sis said to have lock %s · %s, and has %s · %s", name, statement, match[1], match[2], c.lock, c.work())
			}
		}
	}
	return statements
}
