package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/backends/backendtest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
	"github.com/prism-proxy/prism/sqltext"
)

// formerItems makes the tables of the namespace items as they were before records
// had checksums, and fills them; applied is what the migration records.
func formerItems(t *testing.T, store, applied string) {
	t.Helper()
	text, err := os.ReadFile("testdata/former/items.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range append(strings.Split(string(text), ";\n"), `
INSERT INTO "items" ("item_id", "prism_record", "prism_version", "prism_release") VALUES
  ('a', '\x0a0161', nextval('"items_version"'), 1), ('b', '\x0a0162', nextval('"items_version"'), 1), ('c', '\x0a0163', nextval('"items_version"'), 1)`,
		`UPDATE "prism_migrations" SET "sha256" = `+strings.ReplaceAll(applied, "FORMER", "'"+sqltext.Checksum(string(text))+"'")+` WHERE "namespace" = 'items'`) {
		query(t, store, sql)
	}
}

// dropItems removes the tables and migrations of the namespace items.
const dropItems = `DO $$ BEGIN
DROP TABLE "items", "badges"; DROP SEQUENCE "items_version", "badges_version";
DELETE FROM "prism_migrations" WHERE "namespace" = 'items'; END $$`

func TestStoreWithoutChecksums(t *testing.T) {
	for name, applied := range map[string]string{"by the runner": "FORMER", "by hand": "NULL"} {
		t.Run(name, func(t *testing.T) {
			p := backendtest.Open(t, conformance)
			store := p.Getenv(urlVariable)
			columns := func() []string {
				return query(t, store, `SELECT format('%s %s %s %s', attnum, attname, atttypid::regtype, attnotnull)
FROM pg_attribute WHERE attrelid IN ('items'::regclass, 'badges'::regclass) AND attnum > 0 ORDER BY attrelid::regclass::text, attnum`)
			}
			fresh := columns()
			p.Stop(t)
			query(t, store, dropItems)
			formerItems(t, store, applied)

			env := environment(store)
			env.Deployment = backendtest.Deployment("postgres").Name
			if server, err := runtime.Open(t.Context(), backendtest.Deployment("postgres"), env); err == nil {
				server.Close()
				t.Error("the proxy serves before the store has its form")
			} else {
				wantError(t, err, "migration 0001_init_expand is not applied to the store; run conformancepostgres-proxy migrate up")
			}
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
	p := backendtest.Open(t, conformance)
	store := p.Getenv(urlVariable)
	p.Stop(t)
	query(t, store, dropItems)
	formerItems(t, store, "repeat('0', 64)")
	env := environment(store)
	env.Deployment = backendtest.Deployment("postgres").Name
	for _, n := range backendtest.Namespaces(t, "postgres", env) {
		if n.Name == "items" {
			_, err := n.Migrate(t.Context(), env, migration.Run{})
			wantError(t, err, "was applied with other statements")
		}
	}
	if got := query(t, store, `SELECT attname::text FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = 'prism_checksum'`); len(got) > 0 {
		t.Error("the column was added")
	}
}

// A proxy from before there were checksums writes while the present one runs:
// the old checksum that it leaves must not make its record count as damaged.
func TestFormerWriterBeside(t *testing.T) {
	const formerPut = `INSERT INTO "leases" ("lease_id", "owner", "priority", "prism_record", "prism_version", "prism_release", "prism_expires")
VALUES ('l', 'o', NULL, '%[1]s', nextval('"leases_version"'), 1, '2100-01-01')
ON CONFLICT ("lease_id") DO UPDATE SET
  "owner" = excluded."owner", "priority" = excluded."priority",
  "prism_record" = excluded."prism_record", "prism_version" = nextval('"leases_version"'),
  "prism_release" = 1, "prism_expires" = excluded."prism_expires"`
	const formerSwap = `UPDATE "leases" SET "prism_record" = '%[1]s', "prism_version" = nextval('"leases_version"') WHERE "lease_id" = 'l'`
	p := backendtest.Open(t, conformance)
	store := p.Getenv(urlVariable)
	get := func(when, want string) {
		t.Helper()
		out, err := p.Leases.GetLease(t.Context(), &pb.GetLeaseRequest{Key: &pb.LeaseKey{LeaseId: "l"}})
		if got := out.GetRecord().GetLease().GetOwner(); err != nil || got != want {
			t.Errorf("%s: owner %q, %v, want %q", when, got, err, want)
		}
	}
	put := func(owner string) {
		t.Helper()
		if _, err := p.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: &pb.Lease{LeaseId: "l", Owner: new(owner)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i, former := range []string{formerPut, formerSwap} {
		put("ours")
		get("written with a checksum", "ours")
		query(t, store, fmt.Sprintf(former, `\x0a016c12017`+fmt.Sprint(i)))
		get("written by the former proxy", string(rune('p'+i)))
		put("again")
		get("written with a checksum again", "again")
		query(t, store, `UPDATE "leases" SET "prism_record" = '\x0a016c120178'`)
		_, err := p.Leases.GetLease(t.Context(), &pb.GetLeaseRequest{Key: &pb.LeaseKey{LeaseId: "l"}})
		if got := reason.Of(err); got != prismv1.Reason_VALUE_CORRUPT {
			t.Errorf("the last write has no checksum: %v", err)
		}
	}
}
