package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/backends/sqlite"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

const initSQL = `
CREATE TABLE "prism_meta" ("name" TEXT NOT NULL, "value" TEXT NOT NULL, PRIMARY KEY ("name")) STRICT;
INSERT INTO "prism_meta" VALUES ('deployment', 'test'), ('page_key_1', lower(hex(randomblob(32))));
CREATE TABLE "prism_migrations" ("namespace" TEXT NOT NULL, "number" INTEGER NOT NULL, "name" TEXT NOT NULL,
  "sha256" TEXT, "state" TEXT NOT NULL, "applied_at" TEXT NOT NULL, PRIMARY KEY ("namespace", "number")) STRICT;
CREATE TABLE "prism_versions" ("table" TEXT NOT NULL, "last" INTEGER NOT NULL, PRIMARY KEY ("table")) STRICT;
INSERT INTO "prism_versions" VALUES ('things', 0);
CREATE TABLE "things" ("id" TEXT NOT NULL, PRIMARY KEY ("id")) STRICT;
INSERT INTO "prism_migrations" VALUES ('ns', 1, '0001_init_expand', NULL, 'applied', '');
`

const addSQL = `
CREATE TABLE "more" ("id" TEXT NOT NULL, PRIMARY KEY ("id")) STRICT;
INSERT INTO "prism_migrations" VALUES ('ns', 2, '0002_more_expand', NULL, 'applied', '');
`

// setup is a namespace and its store.
type setup struct {
	runtime.Namespace
	sqlite.Config
}

func (s setup) Open(ctx context.Context, env *runtime.Env) (*sqlite.DB, error) {
	return sqlite.Open(ctx, env, s.Namespace, s.Config)
}

func (s setup) Migrate(ctx context.Context, env *runtime.Env) ([]migration.File, error) {
	return sqlite.Migrate(ctx, env, s.Namespace, s.Config, migration.Run{})
}

func (s setup) Status(ctx context.Context, env *runtime.Env) ([]migration.State, error) {
	return sqlite.Status(ctx, env, s.Namespace, s.Config)
}

// config returns a setup with the given migrations, 0001 first.
func config(migrations ...string) setup {
	fsys := fstest.MapFS{}
	for i, sql := range migrations {
		name := []string{"ns/0001_init_expand.up.sql", "ns/0002_more_expand.up.sql"}[i]
		fsys[name] = &fstest.MapFile{Data: []byte(sql)}
	}
	return setup{runtime.Namespace{Name: "ns", Migrations: fsys}, sqlite.Config{Synchronous: "FULL", Readers: 2}}
}

func environment(t *testing.T) *runtime.Env {
	t.Helper()
	return runtime.NewEnv("test", t.TempDir())
}

func open(t *testing.T, env *runtime.Env, cfg setup) *sqlite.DB {
	t.Helper()
	db, err := cfg.Open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// tables lists the tables of the store as a person would.
func tables(t *testing.T, env *runtime.Env) string {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(env.DataDir, "ns.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stmt, _, err := c.Prepare(`SELECT "name" FROM "sqlite_schema" WHERE "type" = 'table' ORDER BY "name"`)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var names []string
	for stmt.Step() {
		names = append(names, stmt.ColumnText(0))
	}
	return strings.Join(names, " ")
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want an error with %q", err, text)
	}
}

var (
	insertThing = sqlite.NewStatement(`INSERT INTO "things" ("id") VALUES (?1)`)
	countThings = sqlite.NewStatement(`SELECT count(*) FROM "things"`)
	nonsense    = sqlite.NewStatement(`SELECT nonsense FROM "things"`)
)

// add stores one thing in a transaction that ends with the given error.
func add(ctx context.Context, db *sqlite.DB, id string, fail error) (err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	q := c.Query(insertThing)
	q.Text(1, []byte(id))
	q.Exec()
	return fail
}

func count(t *testing.T, db *sqlite.DB) (n int64) {
	t.Helper()
	c, err := db.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := c.Query(countThings)
	q.Next()
	n = q.ColumnInt(0)
	if c.End(&err); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneProcessPerFile(t *testing.T) {
	env := environment(t)
	db := open(t, env, config(initSQL))
	_, err := config(initSQL).Open(t.Context(), env)
	wantError(t, err, "locked by another process")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, env, config(initSQL))
}

func TestAnotherDeploymentIsRefused(t *testing.T) {
	env := environment(t)
	open(t, env, config(initSQL)).Close()
	other := runtime.NewEnv("other", env.DataDir)
	_, err := config(initSQL).Open(t.Context(), other)
	wantError(t, err, `belongs to deployment "test"`)
	_, err = config(initSQL).Status(t.Context(), other)
	wantError(t, err, `belongs to deployment "test"`)
}

// A proxy that was started in another folder begins an empty store there; its
// log says so.
func TestMigrationIsLogged(t *testing.T) {
	env := environment(t)
	var log strings.Builder
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	open(t, env, config(initSQL)).Close()
	want := fmt.Sprintf(`level=INFO msg="migration applied" namespace=ns migration=0001_init_expand file=%s`, filepath.Join(env.DataDir, "ns.db"))
	if got := log.String(); !strings.Contains(got, want) {
		t.Errorf("the log of a new store is %q, want %q", got, want)
	}
	log.Reset()
	open(t, env, config(initSQL)).Close()
	if got := log.String(); got != "" {
		t.Errorf("the log of a store that is up to date is %q", got)
	}
}

func TestChangedMigrationIsRefused(t *testing.T) {
	env := environment(t)
	open(t, env, config(initSQL)).Close()
	open(t, env, config("-- a comment is no change\n"+initSQL)).Close()
	_, err := config(initSQL+`CREATE TABLE "late" ("id" TEXT) STRICT;`).Open(t.Context(), env)
	wantError(t, err, "was changed after it was applied")
	if got := tables(t, env); strings.Contains(got, "late") {
		t.Errorf("the changed file was run: %s", got)
	}
}

// A migration that fails leaves no trace, and the previous release goes on
// serving.
func TestFailedMigrationLeavesThePreviousSchema(t *testing.T) {
	env := environment(t)
	db := open(t, env, config(initSQL))
	if err := add(t.Context(), db, "kept", nil); err != nil {
		t.Fatal(err)
	}
	db.Close()
	before := tables(t, env)
	_, err := config(initSQL, addSQL+"CREATE TABLE nonsense;").Open(t.Context(), env)
	wantError(t, err, "0002_more_expand")
	if got := tables(t, env); got != before {
		t.Errorf("tables %s, want %s", got, before)
	}
	if got := count(t, open(t, env, config(initSQL))); got != 1 {
		t.Errorf("%d records are left, want 1", got)
	}
}

func TestMigrateAndStatus(t *testing.T) {
	env := environment(t)
	status := func(want string) {
		t.Helper()
		states, err := config(initSQL, addSQL).Status(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range states {
			got = append(got, s.State)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("states %s, want %s", got, want)
		}
	}
	status("pending pending")
	if _, err := os.Stat(filepath.Join(env.DataDir, "ns.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error("asking for the status made the file")
	}
	if applied, err := config(initSQL).Migrate(t.Context(), env); err != nil || len(applied) != 1 {
		t.Fatalf("applied %v, %v", applied, err)
	}
	status("applied pending")
	open(t, env, config(initSQL, addSQL)).Close()
	status("applied applied")
	if applied, err := config(initSQL, addSQL).Migrate(t.Context(), env); err != nil || len(applied) != 0 {
		t.Errorf("applied again: %v, %v", applied, err)
	}
	// The previous release serves a store that is ahead.
	open(t, env, config(initSQL)).Close()
}

func TestTransactionsAreWholeOrNothing(t *testing.T) {
	db := open(t, environment(t), config(initSQL))
	failure := runtime.Absent()
	if err := add(t.Context(), db, "a", failure); err != failure {
		t.Errorf("got %v, want the caller's own error", err)
	}
	if err := add(t.Context(), db, "b", nil); err != nil {
		t.Fatal(err)
	}
	if got := count(t, db); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
}

// The client gets the failed query's error, whatever the caller made of the
// missing row, and the transaction is rolled back.
func TestFailedQueryWins(t *testing.T) {
	db := open(t, environment(t), config(initSQL))
	c, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := c.Query(nonsense)
	if q.Next() {
		t.Error("a row from nowhere")
	}
	err = runtime.Absent()
	c.End(&err)
	var e *runtime.Error
	if !errors.As(err, &e) || e.Reason != runtime.Internal {
		t.Errorf("got %v, want INTERNAL", err)
	}
	if err := add(t.Context(), db, "a", nil); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
}

func TestEndedContext(t *testing.T) {
	db := open(t, environment(t), config(initSQL))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for ctx, want := range map[context.Context]runtime.Reason{cancelled: runtime.Cancelled, past: runtime.DeadlineExceeded} {
		err := add(ctx, db, "never", nil)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Reason != want || e.Metadata["outcome"] != "none" {
			t.Errorf("got %v, want %s with outcome none", err, want)
		}
	}
	if err := add(t.Context(), db, "canary", nil); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
	if got := count(t, db); got != 1 {
		t.Errorf("%d records, want the canary alone", got)
	}
}

// Waiting for the writing connection ends with the caller's context.
func TestWaitForWriterEnds(t *testing.T) {
	db := open(t, environment(t), config(initSQL))
	c, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.End(&err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var e *runtime.Error
	if err := add(ctx, db, "a", nil); !errors.As(err, &e) || e.Reason != runtime.DeadlineExceeded {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestVersionsAreNotIssuedTwice(t *testing.T) {
	env := environment(t)
	next := func(db *sqlite.DB, n int) (first int64) {
		c, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first = c.Versions("things", n)
		if c.End(&err); err != nil {
			t.Fatal(err)
		}
		return first
	}
	db := open(t, env, config(initSQL))
	if a, b := next(db, 3), next(db, 1); a != 1 || b != 4 {
		t.Errorf("issued %d and %d, want 1 and 4", a, b)
	}
	db.Close()
	if got := next(open(t, env, config(initSQL)), 1); got != 5 {
		t.Errorf("after a restart %d is issued, want 5", got)
	}
}

func TestErrorTable(t *testing.T) {
	tests := []struct {
		err     error
		reason  runtime.Reason
		outcome string
	}{
		{sqlite3.BUSY, runtime.BackendUnavailable, "none"},
		{sqlite3.LOCKED, runtime.BackendUnavailable, "none"},
		{sqlite3.FULL, runtime.BackendReadOnly, "none"},
		{sqlite3.READONLY, runtime.BackendReadOnly, "none"},
		{sqlite3.IOERR, runtime.BackendUnavailable, "unknown"},
		{sqlite3.IOERR_FSYNC, runtime.BackendUnavailable, "unknown"},
		{sqlite3.IOERR_WRITE, runtime.BackendReadOnly, "none"},
		{sqlite3.CANTOPEN, runtime.BackendUnavailable, "none"},
		{sqlite3.CORRUPT, runtime.ValueCorrupt, "none"},
		{sqlite3.NOTADB, runtime.ValueCorrupt, "none"},
		{sqlite3.NOMEM, runtime.BackendUnavailable, "none"},
		{sqlite3.MISUSE, runtime.Internal, "none"},
		{errors.New("what nobody knows"), runtime.Internal, "none"},
	}
	for _, test := range tests {
		var e *runtime.Error
		if !errors.As(sqlite.Error(t.Context(), test.err), &e) || e.Reason != test.reason || e.Metadata["outcome"] != test.outcome {
			t.Errorf("%v becomes %v with outcome %q, want %s and %q", test.err, e.Reason, e.Metadata["outcome"], test.reason, test.outcome)
		}
	}
	if err := sqlite.Error(t.Context(), nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// A store whose file is damaged is refused with the reason.
func TestDamagedFile(t *testing.T) {
	env := environment(t)
	if err := os.WriteFile(filepath.Join(env.DataDir, "ns.db"), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config(initSQL).Open(t.Context(), env)
	wantError(t, err, "not a database")
}

// The first statement that fails ends the operation: a later one with the same
// text must not hide it, run, or be committed.
func TestFirstErrorEndsTheOperation(t *testing.T) {
	for _, abort := range []string{"ABORT", "ROLLBACK"} { // SQLite itself rolls back when the disk is full
		t.Run(abort, func(t *testing.T) {
			db := open(t, environment(t), config(initSQL+
				`CREATE TRIGGER "refuse" BEFORE INSERT ON "things" WHEN new."id" = 'bad' BEGIN SELECT RAISE(`+abort+`, 'no'); END;`))
			addAll := func() (err error) {
				c, err := db.Begin(t.Context())
				if err != nil {
					return err
				}
				defer c.End(&err)
				c.Versions("things", 4)
				for _, id := range []string{"a", "bad", "b", "c"} {
					q := c.Query(insertThing)
					q.Text(1, []byte(id))
					q.Exec()
				}
				return nil
			}
			var e *runtime.Error
			if err := addAll(); !errors.As(err, &e) || e.Reason != runtime.Internal {
				t.Errorf("got %v, want INTERNAL", err)
			}
			if got := count(t, db); got != 0 {
				t.Errorf("%d records of the batch are there", got)
			}
			if err := add(t.Context(), db, "canary", nil); err != nil {
				t.Errorf("the next call fails: %v", err)
			}
		})
	}
}

// A panic in a transaction rolls it back, and the connection stays usable.
func TestPanicRollsBack(t *testing.T) {
	db := open(t, environment(t), config(initSQL))
	func() {
		defer func() {
			if recover() != "planted" {
				t.Error("the panic was lost")
			}
		}()
		c, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.End(&err)
		q := c.Query(insertThing)
		q.Text(1, []byte("a"))
		q.Exec()
		panic("planted")
	}()
	if got := count(t, db); got != 0 {
		t.Errorf("%d records of the call that panicked are there", got)
	}
	if err := add(t.Context(), db, "canary", nil); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
}

// A commit that failed to reach the disk may have reached it all the same; the
// context's end does not make that certain.
func TestFailedCommitIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *runtime.Error
	if err := sqlite.Error(ctx, sqlite3.IOERR); !errors.As(err, &e) || e.Metadata["outcome"] != "unknown" {
		t.Errorf("got %v with %v, want outcome unknown", err, e.Metadata)
	}
}

// Only the owner can read records, whatever the data directory's mode.
func TestFilesArePrivate(t *testing.T) {
	env := environment(t)
	if err := os.Chmod(env.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	db := open(t, env, config(initSQL))
	if err := add(t.Context(), db, "a", nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(env.DataDir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(name), mode)
		}
	}
}

// A migration that fails does not hide those before it, which stay applied.
func TestMigrateTellsWhatItApplied(t *testing.T) {
	env := environment(t)
	applied, err := config(initSQL, addSQL+"CREATE TABLE nonsense;").Migrate(t.Context(), env)
	wantError(t, err, "0002_more_expand")
	if len(applied) != 1 || applied[0].Name != "0001_init_expand" {
		t.Errorf("applied %v, want 0001_init_expand", applied)
	}
}
