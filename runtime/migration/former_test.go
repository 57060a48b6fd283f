package migration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/sqltext"
)

const present = `
CREATE TABLE "things" (
  "id"             text COLLATE "C" NOT NULL, -- field 1, key
  "prism_record"   bytea NOT NULL,
  "prism_checksum" bigint,
  PRIMARY KEY ("id")
);
CREATE TABLE "more" (
  "id" text,
  "prism_checksum" bigint,
  PRIMARY KEY ("id")
);
`

// before is the variable present as it was before records had checksums.
const before = `
CREATE TABLE "things" (
  "id"           text COLLATE "C" NOT NULL, -- field 1, key
  "prism_record" bytea NOT NULL,
  PRIMARY KEY ("id")
);
CREATE TABLE "more" (
  "id" text,
  PRIMARY KEY ("id")
);
`

const upgrade = `ALTER TABLE "things" ADD COLUMN "prism_checksum" bigint;
ALTER TABLE "more" ADD COLUMN "prism_checksum" bigint;
UPDATE "prism_migrations" SET "sha256" = NULL WHERE "namespace" = 'ns' AND "number" = 1;
`

// A database that applied a file as it was before records had checksums is
// brought to its present form; one that applied any other text is refused.
func TestPendingBringsTheFormerForm(t *testing.T) {
	files, err := migration.Read(folder(map[string]string{"ns/0001_init_expand.up.sql": present}), "ns")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, sha256 string
		want         string // the statements to run
		state        string
		refused      bool
	}{
		{"the present form", sqltext.Checksum(present), "", "applied", false},
		{"the former form", sqltext.Checksum(before), upgrade, "pending", false},
		{"the former form edited", sqltext.Checksum(before + "SELECT 1;"), "", "changed", true},
		{"one of the columns", sqltext.Checksum(strings.Replace(present, "  \"prism_checksum\" bigint,\n", "", 1)), "", "changed", true},
		{"nothing of it", sqltext.Checksum(""), "", "changed", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := []migration.Applied{{1, "0001_init_expand", test.sha256}}
			pending, err := migration.Pending(files, rows)
			if (err != nil) != test.refused {
				t.Fatalf("error %v, want one %t", err, test.refused)
			}
			got := ""
			for _, f := range pending {
				got += f.SQL
				if f.SHA256 != sqltext.Checksum(present) {
					t.Errorf("checksum %s, want that of the present form", f.SHA256)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
			if got := migration.States(files, rows)[0].State; got != test.state {
				t.Errorf("state %s, want %s", got, test.state)
			}
		})
	}
}

// What was run by hand has no checksum; its tables tell which form it was.
func TestByHand(t *testing.T) {
	files, err := migration.Read(folder(map[string]string{"ns/0001_init_expand.up.sql": present}), "ns")
	if err != nil {
		t.Fatal(err)
	}
	for _, has := range []bool{false, true} {
		rows := []migration.Applied{{1, "0001_init_expand", ""}}
		err := migration.ByHand(files, rows, func(table, column string) (bool, error) {
			if table != "things" || column != "prism_checksum" {
				t.Errorf("asked for %s of %s", column, table)
			}
			return has, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		pending, err := migration.Pending(files, rows)
		if err != nil || len(pending) == 1 == has {
			t.Errorf("column there %t: %d pending, %v", has, len(pending), err)
		}
	}
	failure := errors.New("no")
	if err := migration.ByHand(files, []migration.Applied{{1, "0001_init_expand", ""}}, func(string, string) (bool, error) { return false, failure }); err != failure {
		t.Errorf("got %v, want the store's own error", err)
	}
}
