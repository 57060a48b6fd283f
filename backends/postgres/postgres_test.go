package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

const initSQL = `
CREATE TABLE "prism_meta" ("name" text NOT NULL, "value" text NOT NULL, PRIMARY KEY ("name"));
INSERT INTO "prism_meta" VALUES ('deployment', 'test'), ('page_key_1', repeat('5a', 32));
CREATE TABLE "prism_migrations" ("namespace" text NOT NULL, "number" integer NOT NULL, "name" text NOT NULL,
  "sha256" text, "state" text NOT NULL, "applied_at" timestamptz NOT NULL, PRIMARY KEY ("namespace", "number"));
CREATE TABLE "things" ("id" text NOT NULL, "label" text, "prism_version" bigint NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "things_label" ON "things" ("label");
INSERT INTO "prism_migrations" VALUES ('ns', 1, '0001_init_expand', NULL, 'applied', now());
`

const addSQL = `
CREATE TABLE "more" ("id" text NOT NULL, PRIMARY KEY ("id"));
INSERT INTO "prism_migrations" VALUES ('ns', 2, '0002_more_expand', NULL, 'applied', now());
`

const insertThing = `INSERT INTO "things" VALUES ($1, $2, 7) RETURNING "prism_version"`

var things = postgres.Table{
	Name: "things", Key: 1,
	Unique: []postgres.Unique{{
		Name: "label", Index: "things_label", Columns: []int{1},
		Taken: `SELECT "prism_version" FROM "things" WHERE "label" = $1 AND NOT ("id" = $2)`,
	}},
}

// setup is a namespace and its store.
type setup struct {
	runtime.Namespace
	postgres.Config
}

func (s setup) Open(ctx context.Context, env *runtime.Env) (*postgres.DB, error) {
	cfg, err := postgres.Resolve(env, s.Namespace, s.Config)
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, env, s.Namespace, cfg)
}

func (s setup) Migrate(ctx context.Context, env *runtime.Env) ([]migration.File, error) {
	cfg, err := postgres.Resolve(env, s.Namespace, s.Config)
	if err != nil {
		return nil, err
	}
	return postgres.Migrate(ctx, env, s.Namespace, cfg, migration.Run{})
}

func (s setup) Status(ctx context.Context, env *runtime.Env) ([]migration.State, error) {
	cfg, err := postgres.Resolve(env, s.Namespace, s.Config)
	if err != nil {
		return nil, err
	}
	return postgres.Status(ctx, env, s.Namespace, cfg)
}

func (s setup) connect(ctx context.Context, env *runtime.Env) (*pgxpool.Pool, error) {
	cfg, err := postgres.Resolve(env, s.Namespace, s.Config)
	if err != nil {
		return nil, err
	}
	return postgres.Connect(ctx, env, s.Namespace, cfg)
}

// config returns a setup with the given migrations, 0001 first.
func config(migrations ...string) setup {
	fsys := fstest.MapFS{}
	for i, sql := range migrations {
		name := []string{"ns/0001_init_expand.up.sql", "ns/0002_more_expand.up.sql"}[i]
		fsys[name] = &fstest.MapFile{Data: []byte(sql)}
	}
	return setup{
		runtime.Namespace{Name: "ns", Migrations: fsys},
		postgres.Config{URL: "${env:STORE}", Connections: 4, Statements: 100, Durability: "POWER_SAFE"},
	}
}

// environment returns an environment in which STORE is url.
func environment(url string) *runtime.Env {
	return &runtime.Env{
		Deployment: "test", Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Getenv: func(string) string { return url },
	}
}

// with returns a connection string with one more parameter.
func with(t *testing.T, store, name, value string) string {
	t.Helper()
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// dropped takes rows and discards them.
func dropped(runtime.Row) bool { return true }

func migrate(t *testing.T, env *runtime.Env, cfg setup) {
	t.Helper()
	if _, err := cfg.Migrate(t.Context(), env); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, env *runtime.Env, cfg setup) *postgres.DB {
	t.Helper()
	db, err := cfg.Open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// query returns the first column of the rows that sql selects.
func query(t *testing.T, store, sql string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func tables(t *testing.T, store string) string {
	t.Helper()
	return strings.Join(query(t, store, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`), " ")
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

// wantReason checks the reason and the outcome that the client gets.
func wantReason(t *testing.T, err error, reason runtime.Reason, outcome string) {
	t.Helper()
	var e *runtime.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want one of package runtime", err)
	}
	if e.Reason != reason || e.Metadata["outcome"] != outcome {
		t.Errorf("got %s, outcome %q (%v), want %s, outcome %q", e.Reason, e.Metadata["outcome"], err, reason, outcome)
	}
}

func TestOpenRefuses(t *testing.T) {
	store := postgrestest.Start(t)
	cfg := config(initSQL)
	_, err := cfg.Open(t.Context(), environment(store))
	wantError(t, err, "migration 0001_init_expand is not applied to the store; run test-proxy migrate up")
	migrate(t, environment(store), cfg)
	open(t, environment(store), cfg)

	for _, c := range []struct {
		name  string
		store string
		cfg   setup
		want  string
	}{
		{"a variable that is not set", "", cfg, "the environment variable STORE is not set"},
		{"no connection string", "postgres://u:hush@h:port/db", cfg, "url of namespace ns: it has a port that is no number from 1 to 65535; write host:port"},
		{"a parameter that does not exist", "postgres://u:hush@h/db?sslmod=require", cfg, `url of namespace ns: it has the parameter "sslmod", which does not exist; write sslmode`},
		{"a value that does not exist", "postgres://u:hush@h/db?sslmode=hush", cfg, "url of namespace ns: it has a value of sslmode that there is not; write sslmode= and one of disable"},
		{"another scheme", "mysql://u:hush@h/db", cfg, "url of namespace ns: it has a scheme that is not Postgres's"},
		{"a file that is missing", "postgres://u:hush@h/db?sslmode=verify-ca&sslrootcert=/nowhere.pem", cfg, "url of namespace ns: it needs a file that cannot be read: open /nowhere.pem: no such file"},
		{"no TLS", with(t, store, "sslmode", "require"), cfg, "does not speak TLS; sslmode says require; set ssl = on"},
		{"no such host", "postgres://u:hush@nowhere.invalid/db", cfg, "the name of the server at nowhere.invalid:5432 is not resolved; correct the host"},
		{"nobody listens", "postgres://u:hush@127.0.0.1:1/db", cfg, "the server at 127.0.0.1:1 is not there: nothing listens (connection refused); start it, or correct host and port"},
		{"no such role", with(t, store, "user", "nobody"), cfg, "refuses the proxy's role (SQLSTATE 28000); correct username"},
		{"no such database", with(t, store, "dbname", "hush"), cfg, "does not have the database (SQLSTATE 3D000); create it, or correct its name"},
		{"no schema", with(t, store, "search_path", "nowhere"), cfg, "search_path of the proxy's role names no schema"},
		{"a changed migration", store, config(initSQL + "SELECT 1;"), "0001_init_expand was applied with other statements"},
		{"a migration to come", store, config(initSQL, addSQL), "migration 0002_more_expand is not applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.cfg.Open(t.Context(), environment(c.store))
			wantError(t, err, c.want)
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v shows what is behind the reference", err)
			}
		})
	}
	other := environment(store)
	other.Deployment = "other"
	_, err = cfg.Open(t.Context(), other)
	wantError(t, err, `the store belongs to deployment "test", and this proxy is "other"`)
	_, err = config(initSQL, addSQL).Migrate(t.Context(), other)
	wantError(t, err, `the store belongs to deployment "test", and this proxy is "other"`)
	_, err = cfg.Status(t.Context(), other)
	wantError(t, err, `the store belongs to deployment "test", and this proxy is "other"`)
}

// A store must be as durable as it is declared to be. Waiting for commits is up
// to the session.
func TestOpenRefusesWeakDurability(t *testing.T) {
	server := postgrestest.StartOwn(t)
	migrate(t, environment(server.URL), config(initSQL))
	for setting, refused := range map[string]string{
		"synchronous_commit": "", "fsync": "any store of Prism", "full_page_writes": "POWER_SAFE",
	} {
		query(t, server.URL, `ALTER SYSTEM SET `+setting+` = off`)
		query(t, server.URL, `SELECT pg_reload_conf()::text`)
		for value := "on"; value != "off"; value = query(t, server.URL, `SHOW `+setting)[0] {
			time.Sleep(time.Millisecond)
		}
		for _, class := range []string{"POWER_SAFE", "CRASH_SAFE", "LOST_ON_RESTART"} {
			cfg := config(initSQL)
			cfg.Durability = class
			db, err := cfg.Open(t.Context(), environment(server.URL))
			if refused != "" && (refused == class || setting == "fsync") {
				wantError(t, err, setting+" = off, which is not enough for "+refused)
				continue
			}
			if err != nil {
				t.Fatalf("%s with %s = off: %v", class, setting, err)
			}
			db.Close()
		}
		query(t, server.URL, `ALTER SYSTEM RESET `+setting)
		query(t, server.URL, `SELECT pg_reload_conf()::text`)
		for value := "off"; value != "on"; value = query(t, server.URL, `SHOW `+setting)[0] {
			time.Sleep(time.Millisecond)
		}
	}
}

// Text is UTF-8, whatever encoding the role's sessions are set to: another one
// would order keys differently and refuse some, and people would read different
// text.
func TestTextIsUTF8(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	query(t, store, `ALTER ROLE CURRENT_USER SET client_encoding = 'WIN1252'`)
	for name, store := range map[string]string{"role": store, "url": with(t, store, "client_encoding", "LATIN1")} {
		t.Run(name, func(t *testing.T) {
			db := open(t, environment(store), config(initSQL))
			if _, err := db.Version(t.Context(), insertThing, []byte("\u00dd"+name), nil); err != nil {
				t.Error(err)
			}
			got := query(t, with(t, store, "client_encoding", "UTF8"), `SELECT "id" FROM "things" WHERE "id" LIKE '%'||'`+name+`'`)
			if want := []string{"\u00dd" + name}; !cmp.Equal(got, want) {
				t.Errorf("the store has %q, want %q", got, want)
			}
		})
	}
}

func TestOpenNeedsNoRightToDDL(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	query(t, store, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	query(t, store, `GRANT SELECT ON "prism_meta", "prism_migrations" TO PUBLIC`)

	// A role that every server has, with no rights.
	db := open(t, environment(with(t, store, "role", "pg_monitor")), config(initSQL))
	_, err := db.Version(t.Context(), insertThing, "a", nil)
	wantReason(t, err, runtime.BackendAuth, "none")
}

func TestMigrate(t *testing.T) {
	store := postgrestest.Start(t)
	env, cfg := environment(store), config(initSQL, addSQL)
	states := func() string {
		t.Helper()
		list, err := cfg.Status(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range list {
			all = append(all, s.Name+" "+s.State)
		}
		return strings.Join(all, ", ")
	}
	if got, want := states(), "0001_init_expand pending, 0002_more_expand pending"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, want := range []int{2, 0} {
		done, err := cfg.Migrate(t.Context(), env)
		if err != nil || len(done) != want {
			t.Errorf("got %d applied, %v, want %d", len(done), err, want)
		}
	}
	if got, want := states(), "0001_init_expand applied, 0002_more_expand applied"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err := config(initSQL+"SELECT 1;", addSQL).Migrate(t.Context(), env)
	wantError(t, err, "0001_init_expand was applied with other statements")
}

func TestMigrateTogether(t *testing.T) {
	store := postgrestest.Start(t)
	type result struct {
		applied int
		err     error
	}
	results := make(chan result)
	for range 4 {
		go func() {
			done, err := config(initSQL, addSQL).Migrate(t.Context(), environment(store))
			results <- result{len(done), err}
		}()
	}
	applied := map[int]int{}
	for range 4 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		applied[r.applied]++
	}
	if diff := cmp.Diff(map[int]int{2: 1, 0: 3}, applied); diff != "" {
		t.Errorf("migrators by how many files they applied (-want +got):\n%s", diff)
	}
}

// A migrator waits for another one as long as it takes, not only as long as
// calls wait for locks.
func TestMigrateWaitsForAnother(t *testing.T) {
	store := postgrestest.Start(t)
	other := connect(t, store)
	other.exec(`SELECT pg_advisory_lock(hashtext('prism_migrations'), 0)`)
	done := make(chan error)
	var said lines
	go func() {
		_, err := do(t.Context(), store, config(initSQL), migration.Run{Progress: said.add})
		done <- err
	}()
	said.wait(t, "waits for another migrator: pid ")
	select {
	case err := <-done:
		t.Fatalf("%v while another migrates", err)
	case <-time.After(2500 * time.Millisecond): // longer than a session's lock_timeout
	}
	other.exec(`SELECT pg_advisory_unlock(hashtext('prism_migrations'), 0)`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMigrateStopsInTheMiddle(t *testing.T) {
	for name, sql := range map[string]string{
		"a statement fails":         `CREATE TABLE "half" ("id" text); SELECT 1/0;`,
		"the session is killed":     `CREATE TABLE "half" ("id" text); SELECT pg_terminate_backend(pg_backend_pid());` + addSQL,
		"it does not record itself": `CREATE TABLE "half" ("id" text);`,
	} {
		t.Run(name, func(t *testing.T) {
			store := postgrestest.Start(t)
			done, err := config(initSQL, sql).Migrate(t.Context(), environment(store))
			wantError(t, err, "migration 0002_more_expand: ")
			if len(done) != 1 {
				t.Errorf("got %d files applied, want the one before", len(done))
			}
			if got, want := tables(t, store), "prism_meta prism_migrations things"; got != want {
				t.Errorf("tables %s, want %s", got, want)
			}
			migrate(t, environment(store), config(initSQL, addSQL))
			open(t, environment(store), config(initSQL, addSQL))
		})
	}
}

func TestMigrateDoesNotWaitForATable(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	reader, err := pgx.Connect(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(t.Context())
	if _, err := reader.Exec(t.Context(), `BEGIN; SELECT * FROM "things"`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = config(initSQL, `ALTER TABLE "things" ADD COLUMN "x" text;`+addSQL).Migrate(ctx, environment(store))
	wantReason(t, err, runtime.BackendContention, "none")
}

// Files may also be run by hand: they record themselves, and the runner fills
// in the checksum.
func TestMigrateByHand(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: no psql on this machine")
	}
	dir := backendtest.Generated("schemas/conformance/postgres/migrations")
	store := postgrestest.Start(t)
	env := environment(store)
	d := backendtest.Deployment("postgres")
	env.Deployment = d.Name
	for _, n := range d.Namespaces {
		file := dir + "/" + n.Name + "/0001_init_expand.up.sql"
		if out, err := exec.CommandContext(t.Context(), psql, store, "-1", "-q", "-v", "ON_ERROR_STOP=1", "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("psql %s: %v\n%s", file, err, out)
		}
	}
	server, err := runtime.Open(t.Context(), d, env)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	for _, n := range backendtest.Namespaces(t, "postgres", env) {
		if done, err := n.Migrate(t.Context(), env, migration.Run{}); len(done) != 0 || err != nil {
			t.Errorf("namespace %s: %d applied, %v, want nothing to do", n.Name, len(done), err)
		}
	}
	if got := query(t, store, `SELECT "namespace" FROM "prism_migrations" WHERE length("sha256") IS DISTINCT FROM 64`); len(got) > 0 {
		t.Errorf("no checksum for %v", got)
	}
	if got := query(t, store, `SELECT "value" FROM "prism_meta" WHERE "name" = 'page_key_1' AND "value" ~ '^[0-9a-f]{64}$'`); len(got) != 1 {
		t.Errorf("got page keys %q, want 32 bytes in hex", got)
	}
}

// A connection keeps as many statements prepared as configured and drops the
// least recently used.
func TestStatementsStayPrepared(t *testing.T) {
	store := postgrestest.Start(t)
	cfg := config(initSQL)
	cfg.Connections, cfg.Statements = 1, 100
	migrate(t, environment(store), cfg)
	db := open(t, environment(store), cfg)
	prepared := func(like string) int64 {
		t.Helper()
		n, err := db.Version(t.Context(), "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1", like)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const often = "SELECT 0::bigint"
	for i := range 300 {
		for _, statement := range []string{often, fmt.Sprintf("SELECT %d::bigint", i+1)} {
			if _, err := db.Version(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if i == 50 && prepared("SELECT _%::bigint") < 50 {
			t.Errorf("%d statements are prepared, want those that were used", prepared("SELECT _%::bigint"))
		}
	}
	if all, kept := prepared("%"), prepared(often); all > 101 || all < 90 || kept != 1 {
		t.Errorf("%d statements are prepared, the one in use %d times, want 100 and it among them", all, kept)
	}
}
