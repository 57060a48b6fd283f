package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/backends/sqlite"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

// records gives things what a fill reads: a record is its id here.
const records = `ALTER TABLE "things" ADD COLUMN "prism_record" BLOB AS (CAST("id" AS BLOB)) VIRTUAL;
ALTER TABLE "things" ADD COLUMN "prism_version" INTEGER NOT NULL DEFAULT 1; `

// second are the files of a release that adds a column with a unique index, and
// whose contract drops a table of before.
var second = map[string]string{
	"0002_things_expand.up":       `ALTER TABLE "things" ADD COLUMN "size" INTEGER; ` + records + `CREATE TABLE "extra" ("id" TEXT) STRICT;`,
	"0002_things_expand.down":     `DROP TABLE "extra"; ALTER TABLE "things" DROP COLUMN "prism_record"; ALTER TABLE "things" DROP COLUMN "prism_version"; ALTER TABLE "things" DROP COLUMN "size";`,
	"0003_things_fence.up":        ``,
	"0003_things_fence.down":      ``,
	"0004_things_fill.up":         `SELECT * FROM "only migrate complete of the proxy does this";`,
	"0004_things_fill.down":       ``,
	"0005_things_size_index.up":   `CREATE UNIQUE INDEX "things_size" ON "things" ("size");`,
	"0005_things_size_index.down": `DROP INDEX "things_size";`,
	"0006_extra_contract.up":      `DROP TABLE "extra";`,
}

// recorded adds to the text of a file what the compiler ends it with.
func recorded(name, sql string) string {
	number := strings.TrimLeft(name[:4], "0")
	if strings.HasSuffix(name, ".down") {
		return fmt.Sprintf("%s\nDELETE FROM \"prism_migrations\" WHERE \"namespace\" = 'ns' AND \"number\" = %s;\n", sql, number)
	}
	return fmt.Sprintf("%s\nINSERT INTO \"prism_migrations\" VALUES ('ns', %s, '%s', NULL, 'applied', '');\n", sql, number, strings.TrimSuffix(name, ".up"))
}

var sizes = sqlite.NewStatement(`UPDATE "things" SET "size" = ?1 WHERE rowid = ?2`)

// releases returns the proxies of releases 2 and 1.
func releases() (two, one setup) {
	one, two = config(initSQL), config(initSQL)
	one.Releases, two.Releases = []int{1}, []int{1, 6}
	for name, sql := range second {
		two.Migrations.(fstest.MapFS)["ns/"+name+".sql"] = &fstest.MapFile{Data: []byte(recorded(name, sql))}
	}
	two.Fills = []*sqlite.Fill{{Table: "things", Write: sizes, Row: 2, Columns: func(q *sqlite.Query, record []byte) (string, error) {
		q.Int(1, int64(len(record)))
		return "", nil
	}}}
	return two, one
}

// do runs a migrator of s and returns the names of what it did.
func do(ctx context.Context, env *runtime.Env, s setup, run migration.Run) (string, error) {
	files, err := sqlite.Migrate(ctx, env, s.Namespace, s.Config, run)
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return strings.Join(names, " "), err
}

// mustDo is do, which must succeed and do what is wanted.
func mustDo(t *testing.T, env *runtime.Env, s setup, run migration.Run, want string) {
	t.Helper()
	got, err := do(t.Context(), env, s, run)
	if err != nil || got != want {
		t.Errorf("%+v did %q, %v, want %q", run, got, err, want)
	}
}

var (
	complete = migration.Run{Through: migration.Index}
	contract = migration.Run{Through: migration.Contract}
	back     = migration.Run{To: 1}
)

// catalog lists what the tables consist of, and what is recorded. The texts of
// sqlite_schema keep comments, and ALTER edits them.
func catalog(t *testing.T, env *runtime.Env) (all []string) {
	t.Helper()
	for _, row := range rows(t, filepath.Join(env.DataDir, "ns.db"), `SELECT concat_ws(' ', 'column', t."name", c."name", c."type", c."notnull", c."pk")
FROM pragma_table_list AS t, pragma_table_info(t."name") AS c WHERE t."schema" = 'main' AND t."name" NOT LIKE 'sqlite_%'
UNION ALL SELECT concat_ws(' ', 'index', t."name", i."name", i."unique") FROM pragma_table_list AS t, pragma_index_list(t."name") AS i
UNION ALL SELECT concat_ws(' ', 'meta', "name") FROM "prism_meta"
UNION ALL SELECT concat_ws(' ', 'applied', "number", "name", length("sha256")) FROM "prism_migrations" ORDER BY 1`) {
		all = append(all, row[0])
	}
	return all
}

// The only proxy of a file does all but the contract when it starts, and tells its
// log.
func TestServeMigrates(t *testing.T) {
	env := environment(t)
	two, one := releases()
	db := open(t, env, one)
	if err := add(t.Context(), db, "abc", nil); err != nil {
		t.Fatal(err)
	}
	db.Close()
	first := catalog(t, env)
	mustDo(t, env, two, migration.Run{DryRun: true, Through: migration.Contract},
		"0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index 0006_extra_contract")
	if diff := cmp.Diff(first, catalog(t, env)); diff != "" {
		t.Errorf("a dry run changed the catalog (-want +got):\n%s", diff)
	}

	var log strings.Builder
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	db = open(t, env, two)
	for _, want := range []string{"migration=0004_things_fill", "migration=0005_things_size_index", `progress="1 file is left to migrate complete --contract"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, &log)
		}
	}
	if err := add(t.Context(), db, "later", nil); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if got := rows(t, filepath.Join(env.DataDir, "ns.db"), `SELECT coalesce("size", '-') FROM "things" ORDER BY "id"`); got[0][0] != "3" || got[1][0] != "-" {
		t.Errorf("sizes %v, want 3 of the one that was there", got)
	}
	_, err := one.Open(t.Context(), env)
	wantError(t, err, "migration 0003_things_fence of a later release is applied")
	completed := catalog(t, env)
	mustDo(t, env, two, back, "0005_things_size_index 0004_things_fill 0003_things_fence 0002_things_expand")
	if diff := cmp.Diff(first, catalog(t, env)); diff != "" {
		t.Errorf("catalog of release 1, and behind up and down (-want +got):\n%s", diff)
	}
	open(t, env, one).Close()
	open(t, env, two).Close()
	if diff := cmp.Diff(completed, catalog(t, env)); diff != "" {
		t.Errorf("catalog of release 2, and behind down and up (-want +got):\n%s", diff)
	}
	mustDo(t, env, two, contract, "0006_extra_contract")
	_, err = do(t.Context(), env, two, back)
	wantError(t, err, "0006_extra_contract is applied, and there is no way back")

	fresh := environment(t)
	open(t, fresh, two).Close()
	if diff := cmp.Diff(catalog(t, fresh), catalog(t, env)); diff != "" {
		t.Errorf("catalog of a new file, and of one that went through the releases (-want +got):\n%s", diff)
	}
}

// A dry run for a file that does not exist does not make it.
func TestDryRunMakesNoFile(t *testing.T) {
	env := environment(t)
	two, _ := releases()
	mustDo(t, env, two, migration.Run{DryRun: true},
		"0001_init_expand 0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index 0006_extra_contract")
	if _, err := os.Stat(filepath.Join(env.DataDir, "ns.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the file was made")
	}
}

// A run that stops before any of the statements, run again, gives what one without a
// fault gives.
func TestStoppedAtEveryStatement(t *testing.T) {
	two, one := releases()
	clean := environment(t)
	mustDo(t, clean, one, migration.Run{}, "0001_init_expand")
	first := catalog(t, clean)
	if _, err := do(t.Context(), clean, two, contract); err != nil {
		t.Fatal(err)
	}
	want := catalog(t, clean)
	for name, sql := range second {
		statements := sqltext.Statements(recorded(name, sql))
		for i := range statements {
			if strings.Contains(statements[i], "only migrate complete") {
				continue
			}
			t.Run(fmt.Sprintf("%s before statement %d", name, i), func(t *testing.T) {
				env := environment(t)
				mustDo(t, env, one, migration.Run{}, "0001_init_expand")
				stopped := slices.Insert(slices.Clone(statements), i, `SELECT * FROM "nowhere"`)
				if strings.Contains(name, "_fill.up") {
					stopped = stopped[:i+1]
				}
				broken, _ := releases()
				broken.Migrations.(fstest.MapFS)["ns/"+name+".sql"] = &fstest.MapFile{Data: []byte(strings.Join(stopped, ";\n"))}
				run, want := contract, want
				if strings.HasSuffix(name, ".down") {
					if _, err := do(t.Context(), env, two, complete); err != nil {
						t.Fatal(err)
					}
					run, want = back, first
				}
				_, err := do(t.Context(), env, broken, run)
				wantError(t, err, "nowhere")
				if _, err := do(t.Context(), env, two, run); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, catalog(t, env)); diff != "" {
					t.Errorf("catalog without a fault, and with one (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Values that are not unique are told by the keys of their records.
func TestFailedUniqueBuild(t *testing.T) {
	env := environment(t)
	two, one := releases()
	db := open(t, env, one)
	for _, id := range []string{"one", "two", "four"} {
		if err := add(t.Context(), db, id, nil); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	_, err := two.Open(t.Context(), env)
	wantError(t, err, `migration 0005_things_size_index: index things_size cannot be unique: several records of table things have the same value (such values: 1); change or delete records, among them those with the keys ("one"), ("two")`)
	c, err := sqlite3.Open(filepath.Join(env.DataDir, "ns.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Exec(`DELETE FROM "things" WHERE "id" = 'two'`), c.Close()); err != nil {
		t.Fatal(err)
	}
	open(t, env, two).Close()
}

// Expand files of all releases come before the fences of any.
func TestOrderIsByPhase(t *testing.T) {
	env := environment(t)
	three, one := releases()
	three.Releases = []int{1, 6, 8}
	for name, sql := range map[string]string{
		"0007_more_expand.up": `CREATE TABLE "more" ("id" TEXT) STRICT;`, "0007_more_expand.down": `DROP TABLE "more";`,
		"0008_more_fence.up": "", "0008_more_fence.down": "",
	} {
		three.Migrations.(fstest.MapFS)["ns/"+name+".sql"] = &fstest.MapFile{Data: []byte(recorded(name, sql))}
	}
	mustDo(t, env, one, migration.Run{}, "0001_init_expand")
	mustDo(t, env, three, migration.Run{}, "0002_things_expand 0007_more_expand")
	mustDo(t, env, three, complete, "0003_things_fence 0008_more_fence 0004_things_fill 0005_things_size_index")
	mustDo(t, env, three, migration.Run{To: 2}, "0008_more_fence 0007_more_expand")
	two, _ := releases()
	open(t, env, two).Close()
	_, err := do(t.Context(), env, two, migration.Run{To: 3})
	wantError(t, err, "there is no release 3; this proxy is of release 2")
	mustDo(t, env, three, migration.Run{}, "0007_more_expand")
	_, err = do(t.Context(), env, two, back)
	wantError(t, err, "migration 0007_more_expand of a later release is applied; go back with the proxy of that release first")
}
