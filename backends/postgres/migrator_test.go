package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

// second are the files of a release that makes "label" unique anew, adds a column
// with an index, and drops the index of before; the first release's is initSQL.
var second = map[string]string{
	"0002_things_expand.up":         `SET LOCAL lock_timeout = '100ms'; ALTER TABLE "things" ADD COLUMN "size" bigint;`,
	"0002_things_expand.down":       `SET LOCAL lock_timeout = '100ms'; ALTER TABLE "things" DROP COLUMN "size";`,
	"0003_things_fence.up":          `SET LOCAL lock_timeout = '100ms'; ALTER TABLE "things" ADD CONSTRAINT "things_fence_2" CHECK ("prism_version" >= 0) NOT VALID;`,
	"0003_things_fence.down":        `SET LOCAL lock_timeout = '100ms'; ALTER TABLE "things" DROP CONSTRAINT "things_fence_2";`,
	"0004_things_fill.up":           `SELECT * FROM "only migrate complete of the proxy does this";`,
	"0004_things_fill.down":         ``,
	"0005_things_size_index.up":     `SET lock_timeout = 0; SET statement_timeout = 0; CREATE UNIQUE INDEX CONCURRENTLY "things_size" ON "things" ("size");`,
	"0005_things_size_index.down":   `SET lock_timeout = 0; SET statement_timeout = 0; DROP INDEX CONCURRENTLY "things_size";`,
	"0006_things_label_contract.up": `SET lock_timeout = 0; SET statement_timeout = 0; DROP INDEX CONCURRENTLY "things_label";`,
}

// recorded adds to the text of a file what the compiler ends it with.
func recorded(name, sql string) string {
	number := strings.TrimLeft(name[:4], "0")
	if strings.HasSuffix(name, ".down") {
		return fmt.Sprintf("%s\nDELETE FROM \"prism_migrations\" WHERE \"namespace\" = 'ns' AND \"number\" = %s;\n", sql, number)
	}
	return fmt.Sprintf("%s\nINSERT INTO \"prism_migrations\" VALUES ('ns', %s, '%s', NULL, 'applied', now());\n", sql, number, strings.TrimSuffix(name, ".up"))
}

// filled fills the table things, and counts its records in calls: each gets its
// version as size. A record is its id and its version here.
func filled(calls *int) []*postgres.Fill {
	const record = `SELECT "prism_version", convert_to("id" || '/' || "prism_version", 'UTF8') FROM "things"`
	return []*postgres.Fill{{
		Table: "things",
		First: record + ` ORDER BY "id" LIMIT 500`,
		Next:  record + ` WHERE "id" > $1 ORDER BY "id" LIMIT 500`,
		Write: `WITH d AS (SELECT v.* FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS v ("id", "size", "version")
JOIN "things" AS t ON t."id" = v."id" AND t."prism_version" = v."version" WHERE t."size" IS DISTINCT FROM v."size"),
w AS (UPDATE "things" AS t SET "size" = d."size" FROM d WHERE t."id" = d."id" RETURNING 1) SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM w)`,
		After: func(cursor []byte) ([]any, error) { return []any{string(cursor)}, nil },
		Columns: func(record []byte) ([]any, []byte, string, error) {
			*calls++
			id, version, _ := strings.Cut(string(record), "/")
			size, err := strconv.ParseInt(version, 10, 64)
			return []any{id, size}, []byte(id), "", err
		},
	}}
}

// releases returns the proxy of release 2, whose files are those of second but for
// what change gives in their place, and that of release 1.
func releases(change map[string]string) (two, one setup) {
	one = config(initSQL)
	one.Releases = []int{1}
	two = config(initSQL)
	two.Releases, two.Fills = []int{1, 6}, filled(new(int))
	files := two.Migrations.(fstest.MapFS)
	for name, sql := range second {
		if changed, ok := change[name]; ok {
			sql = changed
		}
		files["ns/"+name+".sql"] = &fstest.MapFile{Data: []byte(recorded(name, sql))}
	}
	return two, one
}

// do runs a migrator of s and returns the names of what it did.
func do(ctx context.Context, store string, s setup, run migration.Run) (string, error) {
	env := environment(store)
	cfg, err := postgres.Resolve(env, s.Namespace, s.Config)
	if err != nil {
		return "", err
	}
	files, err := postgres.Migrate(ctx, env, s.Namespace, cfg, run)
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return strings.Join(names, " "), err
}

// mustDo is do, which must succeed and do what is wanted.
func mustDo(t *testing.T, store string, s setup, run migration.Run, want string) {
	t.Helper()
	got, err := do(t.Context(), store, s, run)
	if err != nil || got != want {
		t.Errorf("%+v did %q, %v, want %q", run, got, err, want)
	}
}

var (
	up       = migration.Run{Wait: time.Minute}
	complete = migration.Run{Through: migration.Index, Wait: time.Minute}
	contract = migration.Run{Through: migration.Contract, Wait: time.Minute}
	back     = migration.Run{To: 1, Wait: time.Minute}
)

// holds lists what a namespace's tables consist of, and what is recorded.
func holds(t *testing.T, store string) []string {
	t.Helper()
	return query(t, store, `SELECT concat_ws(' ', 'column', attrelid::regclass, attname, atttypid::regtype, attnotnull)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped AND relkind = 'r'
UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws(' ', 'meta', "name") FROM "prism_meta"
UNION ALL SELECT concat_ws(' ', 'applied', "number", "name", length("sha256")) FROM "prism_migrations" ORDER BY 1`)
}

func TestPhases(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	first := holds(t, store)
	calls := 0
	two.Fills = filled(&calls)
	query(t, store, `INSERT INTO "things" VALUES ('a', 'x', 7), ('b', 'y', 8)`)

	mustDo(t, store, two, migration.Run{DryRun: true, Through: migration.Contract},
		"0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index 0006_things_label_contract")
	if diff := cmp.Diff(first, holds(t, store)); diff != "" {
		t.Errorf("a dry run changed the catalog (-want +got):\n%s", diff)
	}
	mustDo(t, store, two, up, "0002_things_expand")
	open(t, environment(store), one).Close()
	open(t, environment(store), two).Close()
	mustDo(t, store, two, complete, "0003_things_fence 0004_things_fill 0005_things_size_index")
	if got := query(t, store, `SELECT "size"::text FROM "things" ORDER BY 1`); calls != 2 || !slices.Equal(got, []string{"7", "8"}) {
		t.Errorf("filled %d records, with %v", calls, got)
	}
	_, err := one.Open(t.Context(), environment(store))
	wantError(t, err, "migration 0003_things_fence of a later release is applied")
	_, err = do(t.Context(), store, one, up)
	wantError(t, err, "migration 0003_things_fence of a later release is applied")
	open(t, environment(store), two).Close()
	completed := holds(t, store)

	mustDo(t, store, two, back, "0005_things_size_index 0004_things_fill 0003_things_fence 0002_things_expand")
	if diff := cmp.Diff(first, holds(t, store)); diff != "" {
		t.Errorf("catalog of release 1, and behind up and down (-want +got):\n%s", diff)
	}
	open(t, environment(store), one).Close()
	mustDo(t, store, two, complete, "0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index")
	if diff := cmp.Diff(completed, holds(t, store)); diff != "" {
		t.Errorf("catalog of release 2, and behind down and up (-want +got):\n%s", diff)
	}
	mustDo(t, store, two, contract, "0006_things_label_contract")
	_, err = do(t.Context(), store, two, back)
	wantError(t, err, "0006_things_label_contract is applied, and there is no way back")
	mustDo(t, store, two, contract, "")

	fresh := postgrestest.Start(t)
	mustDo(t, fresh, two, up, "0001_init_expand 0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index 0006_things_label_contract")
	if diff := cmp.Diff(holds(t, fresh), holds(t, store)); diff != "" {
		t.Errorf("catalog of a new database, and of one that went through the releases (-want +got):\n%s", diff)
	}
}

// The session is killed before each of the statements of each file, of up and of
// down: run again, the result is that of a run without a fault.
func TestKilledAtEveryStatement(t *testing.T) {
	clean, cleanDown := postgrestest.Start(t), postgrestest.Start(t)
	two, one := releases(nil)
	for _, store := range []string{clean, cleanDown} {
		mustDo(t, store, one, up, "0001_init_expand")
	}
	first := holds(t, clean)
	if _, err := do(t.Context(), clean, two, contract); err != nil {
		t.Fatal(err)
	}
	for name, sql := range second {
		undo := strings.HasSuffix(name, ".down")
		statements := sqltext.Statements(recorded(name, sql))
		for i := range statements {
			if strings.Contains(statements[i], "only migrate complete") {
				continue
			}
			t.Run(fmt.Sprintf("%s before statement %d", name, i), func(t *testing.T) {
				store := postgrestest.Start(t)
				mustDo(t, store, one, up, "0001_init_expand")
				killed := slices.Insert(slices.Clone(statements), i, `SELECT pg_terminate_backend(pg_backend_pid())`)
				if strings.Contains(name, "_fill.up") {
					killed = []string{`DO 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END'`}
				}
				broken, _ := releases(nil)
				broken.Migrations.(fstest.MapFS)["ns/"+name+".sql"] = &fstest.MapFile{Data: []byte(strings.Join(killed, ";\n") + ";\n")}
				run, want := contract, holds(t, clean)
				if undo {
					if _, err := do(t.Context(), store, two, complete); err != nil {
						t.Fatal(err)
					}
					run, want = back, first
				}
				if did, err := do(t.Context(), store, broken, run); err == nil {
					t.Fatalf("the session was killed, and the run did %s", did)
				}
				const built = `SELECT indexrelid::text FROM pg_index WHERE indexrelid = to_regclass('things_size') AND indisvalid`
				index := query(t, store, built)
				if _, err := do(t.Context(), store, two, run); err != nil {
					t.Fatal(err)
				}
				if got := query(t, store, built); !undo && len(index) > 0 && !slices.Equal(index, got) {
					t.Error("an index that was there and valid was built again")
				}
				if diff := cmp.Diff(want, holds(t, store)); diff != "" {
					t.Errorf("catalog without a fault, and with one (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// withSnapshot begins a transaction for which the build of an index waits.
const withSnapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM "prism_meta"`

// A killed build leaves an invalid index, which IF NOT EXISTS would skip.
func TestInvalidIndexIsBuiltAgain(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	mustDo(t, store, two, up, "0002_things_expand")
	holder := connect(t, store)
	holder.exec(withSnapshot)
	failed := make(chan error)
	go func() {
		_, err := do(t.Context(), store, two, complete)
		failed <- err
	}()
	var building []string
	for ; len(building) == 0; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-failed:
			t.Fatalf("the run ended before it was killed: %v", err)
		default:
		}
		building = query(t, store, `SELECT pid::text FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'`)
	}
	query(t, store, `SELECT pg_terminate_backend(`+building[0]+`)::text`)
	if err := <-failed; err == nil {
		t.Fatal("the session was killed, and the run went on")
	}
	holder.exec(`ROLLBACK`)
	invalid := query(t, store, `SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid`)
	if !slices.Equal(invalid, []string{"things_size"}) {
		t.Fatalf("invalid are %v, want things_size: the test tests nothing", invalid)
	}
	mustDo(t, store, two, complete, "0005_things_size_index")
	if invalid := query(t, store, `SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid`); len(invalid) > 0 {
		t.Errorf("invalid are %v", invalid)
	}
}

// Values that are not unique are told by keys, and the index that refuses writes
// meanwhile goes at once.
func TestFailedUniqueBuild(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	query(t, store, `INSERT INTO "things" SELECT 'key ' || to_char(n, 'FM00'), 'secret ' || n, 700000 + n / 2 FROM generate_series(2, 61) AS n`)
	_, err := do(t.Context(), store, two, complete)
	wantError(t, err, `migration 0005_things_size_index: index things_size cannot be unique: several records of table things have the same value (such values: 30); change or delete records, among them those with the keys ("key 02"), ("key 03"), `)
	if keys := strings.Count(fmt.Sprint(err), "key "); keys != 20 || strings.Contains(fmt.Sprint(err), "7000") || strings.Contains(fmt.Sprint(err), "secret") {
		t.Errorf("%d keys, want 20 and no value: %v", keys, err)
	}
	if left := query(t, store, `SELECT indexrelid::regclass::text FROM pg_index WHERE indexrelid = to_regclass('things_size')`); len(left) > 0 {
		t.Errorf("the index is still there, and refuses writes")
	}
	query(t, store, `UPDATE "things" SET "prism_version" = substr("id", 5)::bigint, "size" = substr("id", 5)::bigint`)
	mustDo(t, store, two, complete, "0005_things_size_index")
}

// A fill that fails is tried again, and nothing behind it is applied before.
func TestFillGoesOn(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	query(t, store, `INSERT INTO "things" SELECT to_char(n, 'FM0000'), NULL, n FROM generate_series(1, 700) AS n`)
	good := two.Fills
	half := *good[0]
	half.Columns = func(record []byte) ([]any, []byte, string, error) {
		if string(record) == "0600/600" {
			return nil, nil, "", errors.New("half way")
		}
		return good[0].Columns(record)
	}
	two.Fills = []*postgres.Fill{&half}
	did, err := do(t.Context(), store, two, complete)
	wantError(t, err, "migration 0004_things_fill: fill of table things, after 500 rows: ")
	if did != "0002_things_expand 0003_things_fence" {
		t.Errorf("did %s", did)
	}
	two.Fills = nil
	_, err = do(t.Context(), store, two, complete)
	wantError(t, err, "this proxy cannot fill table things")
	calls := 0
	two.Fills = filled(&calls)
	mustDo(t, store, two, complete, "0004_things_fill 0005_things_size_index")
	if left := query(t, store, `SELECT "name" FROM "prism_meta" WHERE "name" LIKE 'fill:%'`); calls != 200 || len(left) > 0 {
		t.Errorf("%d records were read, want the 200 behind the first batch; %v is left", calls, left)
	}
}

// psql runs the files of a release one by one; that of a fill fails by hand.
func TestFilesByHand(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: no psql on this machine")
	}
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	hand := func(name string, flags ...string) error {
		cmd := exec.CommandContext(t.Context(), psql, append([]string{store, "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"}, flags...)...)
		cmd.Stdin = strings.NewReader(recorded(name, second[name]))
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	for _, err := range []error{hand("0002_things_expand.up", "-1"), hand("0003_things_fence.up", "-1")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, hand("0004_things_fill.up"), "only migrate complete of the proxy does this")
	mustDo(t, store, two, complete, "0004_things_fill 0005_things_size_index")
	if err := hand("0006_things_label_contract.up"); err != nil {
		t.Fatal(err)
	}
	mustDo(t, store, two, contract, "")
	if got := query(t, store, `SELECT "name" FROM "prism_migrations" WHERE length("sha256") IS DISTINCT FROM 64`); len(got) > 0 {
		t.Errorf("no checksum for %v", got)
	}
}
