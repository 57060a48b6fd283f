package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime/migration"
)

// What a sweep deletes stays in the index as long as an older transaction runs.
// A sweep that begins each batch at the first entry skips all of it again and
// again, and one that begins each turn there skips it every ten seconds.
func TestSweepBesideAnOldTransaction(t *testing.T) {
	const expired = 20_000
	for _, c := range []struct{ name, expires string }{
		{"one after another", `i * interval '1 microsecond'`},
		{"all at one time", `interval '0'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := postgrestest.Start(t)
			d, env := backendtest.Deployment("postgres"), environment(store)
			env.Deployment = d.Name
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			env.Now = func() time.Time { return now }
			for _, n := range backendtest.Namespaces(t, "postgres", env) {
				if _, err := n.Migrate(t.Context(), env, migration.Run{}); err != nil {
					t.Fatal(err)
				}
			}
			cfg := config()
			cfg.Connections = 1
			db, conn := open(t, env, cfg), connect(t, store)
			insert := func(id string, n int, from, expires string) {
				t.Helper()
				conn.exec(fmt.Sprintf(`INSERT INTO "leases" ("lease_id", "prism_record", "prism_version", "prism_release", "prism_expires")
SELECT '%s' || i, '', i, 1, timestamptz '%s' + %s FROM generate_series(1, %d) i`, id, from, expires, n))
			}
			insert("a", expired, "2001-01-01", c.expires)
			old := connect(t, store)
			old.exec(`BEGIN ISOLATION LEVEL REPEATABLE READ`)
			old.exec(`SELECT 1 FROM "leases" LIMIT 1`)
			read := func() (n int) {
				t.Helper()
				time.Sleep(1100 * time.Millisecond) // an idle session reports what it read once a second
				if _, err := db.Version(t.Context(), `SELECT 1::bigint`); err != nil {
					t.Fatal(err)
				}
				if err := conn.QueryRow(t.Context(), `SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'leases_expires'`).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := read()
			turn := func(want, most int) {
				t.Helper()
				swept := 0
				for n := 1; n > 0; swept += n {
					var err error
					if n, err = db.Sweep(t.Context(), &leases, sweepLeases(t)); err != nil {
						t.Fatal(err)
					}
				}
				if swept != want {
					t.Errorf("%d swept, want %d", swept, want)
				}
				after := read()
				if n := after - before; n > most {
					t.Errorf("%d entries of the index were read to sweep %d, want at most %d", n, want, most)
				}
				before = after
			}
			turn(expired, 5*expired)
			insert("later", 100, "2026-01-01", c.expires)
			insert("late", 100, "2001-01-01", c.expires)
			now = now.Add(4 * time.Minute)
			turn(100, 1000)
			now = now.Add(time.Minute)
			turn(100, 5*expired)
		})
	}
}

var leases = postgres.Table{Name: "leases"}

// sweepLeases returns the statement that sweeps leases.
func sweepLeases(t *testing.T) string {
	t.Helper()
	for _, s := range statements(t) {
		if s.name == "lease/sweep" {
			return s.sql
		}
	}
	t.Fatal("no statement sweeps leases")
	return ""
}
