package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

// formerItems makes the file of the namespace items as it was before records
// had checksums, and then runs the statements more; applied is the checksum
// that it records.
func formerItems(t *testing.T, dir, applied, more string) {
	t.Helper()
	text, err := os.ReadFile("testdata/former/items.sql")
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite3.Open(filepath.Join(dir, "items.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Exec(string(text) + more + `;
INSERT INTO "items" ("item_id", "prism_record", "prism_version", "prism_release") VALUES
  ('a', x'0a0161', 1, 1), ('b', x'0a0162', 2, 1), ('c', x'0a0163', 3, 1);
UPDATE "prism_versions" SET "last" = 3 WHERE "table" = 'items';
UPDATE "prism_migrations" SET "sha256" = ` + strings.ReplaceAll(applied, "FORMER", "'"+sqltext.Checksum(string(text))+"'"))
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoreWithoutChecksums(t *testing.T) {
	for name, applied := range map[string]string{"by the proxy": "FORMER", "by hand": "NULL"} {
		t.Run(name, func(t *testing.T) {
			p := backendtest.Open(t, conformance)
			columns := func() [][]string {
				return rows(t, filepath.Join(p.DataDir, "items.db"), `SELECT "cid", "name", "type", "notnull" FROM pragma_table_info('items')`)
			}
			fresh := columns()
			p.Stop(t)
			for _, suffix := range []string{"", "-wal", "-shm"} {
				os.Remove(filepath.Join(p.DataDir, "items.db"+suffix))
			}
			formerItems(t, p.DataDir, applied, "")
			p.Start(t)
			backendtest.Former(t, p)
			if diff := cmp.Diff(fresh, columns()); diff != "" {
				t.Errorf("columns of a fresh store, and of one that was brought to its form (-want +got):\n%s", diff)
			}
		})
	}
}

// Any other form is refused, and nothing is changed.
func TestOtherFormsAreRefused(t *testing.T) {
	env := runtime.NewEnv(backendtest.Deployment("sqlite").Name, t.TempDir())
	formerItems(t, env.DataDir, "'"+strings.Repeat("0", 64)+"'", "")
	for _, n := range backendtest.Namespaces(t, "sqlite", env) {
		if n.Name == "items" {
			_, err := n.Migrate(t.Context(), env, migration.Run{})
			wantError(t, err, "was changed after it was applied")
		}
	}
	if got := rows(t, filepath.Join(env.DataDir, "items.db"), `SELECT count(*) FROM pragma_table_info('items') WHERE "name" = 'prism_checksum'`); got[0][0] != "0" {
		t.Error("the column was added")
	}
}

// A failure in the middle leaves the former form intact.
func TestFormerFormIsBroughtWholeOrNot(t *testing.T) {
	env := runtime.NewEnv(backendtest.Deployment("sqlite").Name, t.TempDir())
	formerItems(t, env.DataDir, "FORMER", `;ALTER TABLE "badges" ADD COLUMN "prism_checksum" TEXT`) // so that the second ALTER would add it twice
	for _, n := range backendtest.Namespaces(t, "sqlite", env) {
		if n.Name == "items" {
			_, err := n.Migrate(t.Context(), env, migration.Run{})
			wantError(t, err, "migration 0001_init_expand: ")
		}
	}
	if got := rows(t, filepath.Join(env.DataDir, "items.db"), `SELECT count(*) FROM pragma_table_info('items') WHERE "name" = 'prism_checksum'`); got[0][0] != "0" {
		t.Error("a part of the form was brought")
	}
}
