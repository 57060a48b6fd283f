package postgres_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// Two proxies and their Postgres are killed, stopped, locked and maintained at
// random under load; a proxy also while Postgres is.
func TestChaos(t *testing.T) {
	store := postgrestest.StartOwn(t)
	variable := migrateConformance(t, store.URL)
	addresses := []string{backendtest.FreeAddress(t), backendtest.FreeAddress(t)}
	spawn := func(i int) *backendtest.Process {
		return backendtest.SpawnAgain(t, t.TempDir(), addresses[i], variable)
	}
	proxies := []*backendtest.Process{spawn(0), spawn(1)}
	var faults []backendtest.Fault
	for _, f := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"kill -9 of Postgres", syscall.SIGKILL},
		{"fast shutdown of Postgres", syscall.SIGINT},
		{"immediate shutdown of Postgres", syscall.SIGQUIT},
	} {
		faults = append(faults, backendtest.Fault{Name: f.name, Do: func(*rand.Rand) { store.Stop(t, f.signal); store.Restart(t) }})
	}
	for _, f := range []struct{ name, statement string }{
		{"pg_terminate_backend", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`},
		{"pg_cancel_backend", `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()`},
		{"locked record", `DO $$ BEGIN PERFORM 1 FROM "items" LIMIT 1 FOR UPDATE; PERFORM pg_sleep(1); END $$`},
		{"locked table", `DO $$ BEGIN LOCK TABLE "items"; PERFORM pg_sleep(1); END $$`},
		{"VACUUM", `VACUUM "items"`},
		{"VACUUM FULL", `VACUUM FULL "items"`},
		{"ANALYZE", `ANALYZE "items"`},
		{"REINDEX", `REINDEX TABLE CONCURRENTLY "items"`},
	} {
		faults = append(faults, backendtest.Fault{Name: f.name, Do: func(*rand.Rand) {
			if err := postgrestest.Exec(store.URL, f.statement); err != nil {
				t.Error(err)
			}
		}})
	}
	backendtest.Chaos(t, conformance, 12*time.Second, addresses, backendtest.ProxyFaults(t, proxies, spawn), faults)
	for _, p := range proxies {
		p.Bounded(t)
	}
}
