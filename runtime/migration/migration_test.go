package migration_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestRead(t *testing.T) {
	files, err := migration.Read(folder(map[string]string{
		"a/0002_add_expand.up.sql": "-- b\r\nB\r\n", "a/0002_add_expand.down.sql": "D\r\n", "a/0001_init_expand.up.sql": "A", "b/0001_init_expand.up.sql": "other",
		"a/0003_order_index_fill.up.sql": "C",
	}), "a")
	if err != nil {
		t.Fatal(err)
	}
	want := []migration.File{
		{Number: 1, Name: "0001_init_expand", What: "init", SQL: "A", SHA256: sqltext.Checksum("A")},
		{Number: 2, Name: "0002_add_expand", What: "add", SQL: "-- b\nB\n", Down: "D\n", SHA256: sqltext.Checksum("B")},
		{Number: 3, Name: "0003_order_index_fill", Phase: migration.Fill, What: "order_index", SQL: "C", SHA256: sqltext.Checksum("C")},
	}
	if diff := cmp.Diff(want, files, cmpopts.IgnoreUnexported(migration.File{})); diff != "" {
		t.Errorf("files of namespace a (-want +got):\n%s", diff)
	}
}

func TestReadRefusesWhatNoCompilerWrote(t *testing.T) {
	for name, want := range map[string]string{
		"a/init.sql":                  "the name is not",
		"a/0002_init_expand.up.sql":   "expected number 0001",
		"a/0001_init_expand.down.sql": "the name is not",
		"a/0001_init_later.up.sql":    "the name is not",
	} {
		if _, err := migration.Read(folder(map[string]string{name: ""}), "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
}

func TestPending(t *testing.T) {
	files := []migration.File{{Number: 1, Name: "0001_init_expand", SHA256: "1"}, {Number: 2, Name: "0002_add_expand", SHA256: "2"}}
	tests := []struct {
		name    string
		applied []migration.Applied
		want    []migration.File
		err     string
	}{
		{"a new store", nil, files, ""},
		{"one is missing", []migration.Applied{{1, "0001_init_expand", "1"}}, files[1:], ""},
		{"run by hand, no checksum yet", []migration.Applied{{1, "0001_init_expand", ""}}, files[1:], ""},
		{"a store that is ahead", []migration.Applied{{1, "0001_init_expand", "1"}, {2, "0002_add_expand", "2"}, {3, "0003_more_expand", "3"}}, nil, ""},
		{"changed after it was applied", []migration.Applied{{1, "0001_init_expand", "9"}}, nil, "was changed after it was applied. The data is as it was: deploy the proxy that was built before the change; or let this one begin with an empty database and copy"},
		{"another file of that number", []migration.Applied{{1, "0001_other_expand", "1"}}, nil, "was changed after it was applied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := migration.Pending(files, test.applied)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want an error with %q", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(migration.File{})); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestStates(t *testing.T) {
	files := []migration.File{{Number: 1, Name: "0001_init_expand", SHA256: "1"}, {Number: 2, Name: "0002_b_expand", SHA256: "2"}, {Number: 3, Name: "0003_c_expand", SHA256: "3"}}
	applied := []migration.Applied{{1, "0001_init_expand", "1"}, {2, "0002_b_expand", "9"}, {4, "0004_d_expand", "4"}}
	want := []migration.State{{1, "0001_init_expand", migration.Expand, "applied"}, {2, "0002_b_expand", migration.Expand, "changed"}, {3, "0003_c_expand", migration.Expand, "pending"}, {4, "0004_d_expand", migration.Expand, "unknown"}}
	if diff := cmp.Diff(want, migration.States(files, applied)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// What a proxy serves beside: what it does not know is ahead, unless it could not
// write there, or would read what is gone.
func TestVerify(t *testing.T) {
	files := []migration.File{{Number: 1, Name: "0001_init_expand", SHA256: "1"}, {Number: 2, Name: "0002_b_fence", Phase: migration.Fence, SHA256: "2"}}
	init := migration.Applied{Number: 1, Name: "0001_init_expand", SHA256: "1"}
	for _, test := range []struct {
		name    string
		applied []migration.Applied
		err     string
	}{
		{"nothing", nil, "migration 0001_init_expand is not applied to the store; run shop-proxy migrate up"},
		{"all but what complete does", []migration.Applied{init}, ""},
		{"a fence of its own", []migration.Applied{init, {2, "0002_b_fence", "2"}}, ""},
		{"a fence with other statements", []migration.Applied{init, {2, "0002_b_fence", "9"}}, "0002_b_fence was applied with other statements"},
		{"ahead by an expand, a fill and an index", []migration.Applied{init, {3, "0003_c_expand", "3"}, {4, "0004_c_fill", "4"}, {5, "0005_c_index", "5"}}, ""},
		{"ahead by a fence", []migration.Applied{init, {3, "0003_c_fence", "3"}}, "migration 0003_c_fence of a later release is applied"},
		{"ahead by a contract", []migration.Applied{init, {3, "0003_c_contract", "3"}}, "migration 0003_c_contract of a later release is applied"},
	} {
		err := migration.Verify(files, test.applied, "shop")
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.err)
		}
	}
}

// Keys are told, and of records without a value nothing.
func TestUniqueOf(t *testing.T) {
	for _, statement := range []string{`CREATE INDEX "i" ON "t" ("a")`, `DROP INDEX "i"`, `CREATE UNIQUE INDEX IF NOT EXISTS "i" ON "t" ("a")`} {
		if _, ok := migration.UniqueOf(statement); ok {
			t.Errorf("%s creates no unique index that the compiler writes", statement)
		}
	}
	u, ok := migration.UniqueOf(`CREATE UNIQUE INDEX CONCURRENTLY "i" ON "t" ("a", "b")`)
	if want := `SELECT count(*) FROM (SELECT "a", "b" FROM "t" WHERE "a" IS NOT NULL AND "b" IS NOT NULL GROUP BY "a", "b" HAVING count(*) > 1) AS "d"`; !ok || u.Values() != want {
		t.Errorf("got %s, want %s", u.Values(), want)
	}
}
