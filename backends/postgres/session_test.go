package postgres_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// worst are values of settings that would break statements, change what they
// mean, or keep their locks too long.
var worst = map[string]string{
	"default_transaction_isolation":       "serializable",
	"default_transaction_read_only":       "on",
	"default_transaction_deferrable":      "on",
	"statement_timeout":                   "500",
	"lock_timeout":                        "1",
	"idle_in_transaction_session_timeout": "1",
	"idle_session_timeout":                "3000",
	"tcp_keepalives_idle":                 "7200",
	"tcp_keepalives_interval":             "75",
	"tcp_keepalives_count":                "9",
	"tcp_user_timeout":                    "86400000",
	"session_replication_role":            "replica",
	"zero_damaged_pages":                  "on",
	"ignore_checksum_failure":             "on",
	"row_security":                        "on",
	"exit_on_error":                       "on",
	"client_encoding":                     "LATIN1",
	"standard_conforming_strings":         "off",
	"backslash_quote":                     "off",
	"transform_null_equals":               "on",
	"array_nulls":                         "off",
	"bytea_output":                        "escape",
	"DateStyle":                           "SQL, DMY",
	"IntervalStyle":                       "sql_standard",
	"TimeZone":                            "Pacific/Kiritimati",
	"extra_float_digits":                  "-15",
	"xmloption":                           "document",
	"log_parameter_max_length_on_error":   "-1",
	"debug_print_parse":                   "on",
	"debug_print_rewritten":               "on",
	"debug_print_plan":                    "on",
	"client_min_messages":                 "debug5",
	"enable_indexscan":                    "off",
	"enable_indexonlyscan":                "off",
	"enable_tidscan":                      "off",
	"enable_nestloop":                     "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"enable_hashagg":                      "off",
	"enable_material":                     "off",
	"max_parallel_workers_per_gather":     "8",
	"force_parallel_mode":                 "on",
	"plan_cache_mode":                     "force_custom_plan",
	"synchronous_commit":                  "off",
	"work_mem":                            "64",
}

// strange makes objects that hide those of pg_catalog: the role's search path
// leads first to the proxy's tables, then to these, and to pg_catalog last.
const strange = `
CREATE SCHEMA "strange";
CREATE FUNCTION "strange"."nextval"(text) RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint';
CREATE FUNCTION "strange"."nextval"(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint';
CREATE FUNCTION "strange"."hashtext"(text) RETURNS integer LANGUAGE sql AS 'SELECT 1/0';
CREATE FUNCTION "strange"."never"(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR "strange".= (LEFTARG = text, RIGHTARG = text, FUNCTION = "strange"."never");
CREATE OPERATOR "strange".<> (LEFTARG = text, RIGHTARG = text, FUNCTION = "strange"."never")`

// spoiled returns a database with the objects of strange, whose role has the
// given settings.
func spoiled(t testing.TB, settings map[string]string) string {
	t.Helper()
	store := postgrestest.Start(t)
	for _, statement := range strings.Split(strange, ";\n") {
		if err := postgrestest.Exec(store, statement); err != nil {
			t.Fatal(err)
		}
	}
	var own strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&own, "EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %%I SET %s = %s', current_database());\n", name, quoted(name, settings[name]))
	}
	if err := postgrestest.Exec(store, "DO $$ BEGIN\n"+own.String()+"END $$"); err != nil {
		t.Fatal(err)
	}
	return store
}

// quoted quotes a value, but not a search path, which must not be quoted as a
// whole.
func quoted(name, value string) string {
	if name == "search_path" {
		return value
	}
	return "''" + value + "''"
}

// onWorst is the conformance deployment on a role with the worst of all
// settings except those named.
func onWorst(without ...string) backendtest.Backend {
	all := maps.Clone(worst)
	all["search_path"] = "public, strange, pg_catalog"
	for _, name := range without {
		delete(all, name)
	}
	b := conformance
	b.Getenv = func(t testing.TB) func(string) string {
		store := spoiled(t, all)
		return func(string) string { return store }
	}
	return b
}

// Settings of a role, a database or the server change nothing: the session sets
// what matters. TestPoolerWithSessions runs the suite on such a role.
func TestRoleWithTheWorstSettings(t *testing.T) {
	for name := range postgres.Pinned {
		if _, ok := worst[name]; !ok && name != "transaction_timeout" && name != "debug_parallel_query" { // of newer servers
			t.Errorf("%s is pinned, and no worst value of it is tried", name)
		}
	}
	p := backendtest.Open(t, onWorst())
	if _, err := p.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: "a"}}); err != nil {
		t.Fatal(err)
	}
	pool, err := config().connect(t.Context(), environment(p.Getenv("")))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	want := maps.Clone(postgres.Pinned)
	maps.Copy(want, postgres.OnePlan)
	want["synchronous_commit"], want["search_path"] = "on", "public, pg_temp"
	for name, want := range want {
		var got *string
		if err := pool.QueryRow(t.Context(), `SELECT max(setting) FROM pg_settings WHERE name = $1`, name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != nil && *got != want {
			t.Errorf("a session has %s = %s, want %s", name, *got, want)
		}
	}
	if os.Getenv("PRISM_LONG") == "1" {
		t.Run("suite", func(t *testing.T) { backendtest.Run(t, onWorst()) })
	}
}

// A setting that only a superuser may undo is refused, and named.
func TestRoleThatMayNotUndoASetting(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	for _, name := range []string{"session_replication_role", "zero_damaged_pages", "ignore_checksum_failure"} {
		t.Run(name, func(t *testing.T) {
			role := "weak_" + name
			query(t, store, `GRANT SELECT ON "prism_meta", "prism_migrations" TO PUBLIC`)
			query(t, store, `CREATE ROLE `+role+` LOGIN`)
			t.Cleanup(func() { postgrestest.Exec(store, `DROP ROLE `+role) })
			query(t, store, `ALTER ROLE `+role+` SET `+name+` = `+worst[name])
			_, err := config(initSQL).Open(t.Context(), environment(with(t, store, "user", role)))
			wantError(t, err, "the server has "+name+" = ")
		})
	}
}

// The schema is the one that the search path led to when the store was opened,
// whatever happens to the path later.
func TestSchemaIsPinned(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	query(t, store, `CREATE SCHEMA "other"`)
	migrate(t, environment(with(t, store, "search_path", "other")), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	db := open(t, environment(store), cfg)
	name := query(t, store, `SELECT current_database()::text`)[0]
	query(t, store, `ALTER ROLE CURRENT_USER IN DATABASE "`+name+`" SET search_path = other, public`)
	if err := db.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`); err == nil {
		t.Fatal("the session was not ended")
	}
	if _, err := db.Version(t.Context(), insertThing, "a", nil); err != nil {
		t.Fatal(err)
	}
	if got := query(t, store, `SELECT "id" FROM public."things"`); len(got) != 1 {
		t.Errorf("the record is not where those of before are: %v", got)
	}
}

// A version that was answered is not issued again for another write, even if
// the server does not wait for commits and is killed: otherwise a swap could
// succeed that expects a record which is gone.
func TestKilledServerIssuesNoVersionTwice(t *testing.T) {
	server := postgrestest.StartOwn(t)
	query(t, server.URL, `ALTER SYSTEM SET synchronous_commit = off`)
	query(t, server.URL, `ALTER SYSTEM SET wal_writer_delay = '10s'`)
	server.Kill(t)
	server.Restart(t)
	cfg := config(initSQL)
	cfg.Durability = "LOST_ON_RESTART"
	migrate(t, environment(server.URL), cfg)
	query(t, server.URL, `CREATE SEQUENCE "versions"`)
	query(t, server.URL, `CHECKPOINT`)
	const put = `INSERT INTO "things" VALUES ($1, NULL, nextval('"versions"')) RETURNING "prism_version"`
	answered := map[int64]bool{}
	for cycle := range 3 {
		db := open(t, environment(server.URL), cfg)
		for i := range 10 {
			version, err := db.Version(t.Context(), put, fmt.Sprint(cycle, "/", i))
			if err != nil {
				t.Fatal(err)
			}
			if answered[version] {
				t.Errorf("version %d was answered twice", version)
			}
			answered[version] = true
		}
		server.Kill(t)
		server.Restart(t)
	}
	if got := query(t, server.URL, `SELECT "id" FROM "things"`); len(got) != len(answered) {
		t.Errorf("%d of %d acknowledged records are there after kill -9", len(got), len(answered))
	}
}
