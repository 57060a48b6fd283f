package postgres_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// Two proxies and their Postgres are killed, stopped, locked and
// maintained under load, at random.
func TestChaos(t *testing.T) {
	store := postgrestest.StartOwn(t)
	variable := migrateConformance(t, store.URL)
	addresses := []string{backendtest.FreeAddress(t), backendtest.FreeAddress(t)}
	spawn := func(i int) *backendtest.Process {
		return backendtest.Spawn(t, t.TempDir(), addresses[i], variable)
	}
	proxies := []*backendtest.Process{spawn(0), spawn(1)}
	faults := append(backendtest.ProxyFaults(t, proxies, spawn), backendtest.Fault{
		Name: "kill -9 of Postgres", Do: func(*rand.Rand) { store.Kill(t); store.Restart(t) },
	})
	for _, f := range []struct{ name, statement string }{
		{"pg_terminate_backend", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`},
		{"locked record", `DO $$ BEGIN PERFORM 1 FROM "items" LIMIT 1 FOR UPDATE; PERFORM pg_sleep(1); END $$`},
		{"locked table", `DO $$ BEGIN LOCK TABLE "items"; PERFORM pg_sleep(1); END $$`},
		{"VACUUM", `VACUUM "items"`},
		{"ANALYZE", `ANALYZE "items"`},
		{"REINDEX", `REINDEX TABLE CONCURRENTLY "items"`},
	} {
		faults = append(faults, backendtest.Fault{Name: f.name, Do: func(*rand.Rand) {
			if err := postgrestest.Exec(store.URL, f.statement); err != nil {
				t.Error(err)
			}
		}})
	}
	backendtest.Chaos(t, 12*time.Second, addresses, faults)
	for _, p := range proxies {
		p.Bounded(t)
	}
}
