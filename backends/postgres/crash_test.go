package postgres_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// migrateConformance brings the database at url to the conformance schema, and
// returns how a proxy finds it.
func migrateConformance(t *testing.T, url string) (variable string) {
	t.Helper()
	backendtest.Migrate(t, conformance, func(string) string { return url })
	return urlVariable + "=" + url
}

// The proxy is killed with kill -9 while it writes.
func TestKilledProxyLosesNothing(t *testing.T) {
	variable, address := migrateConformance(t, postgrestest.Start(t)), backendtest.FreeAddress(t)
	proxy := backendtest.Spawn(t, t.TempDir(), address, variable)
	backendtest.Crash(t, conformance, address, backendtest.Cycles(t), func() {
		proxy.Kill(t)
		proxy = backendtest.Spawn(t, t.TempDir(), address, variable)
	})
}

// Postgres is killed with kill -9 while a proxy goes on: its calls fail with
// the catalogue's errors, and it recovers without a restart.
func TestKilledPostgresLosesNothing(t *testing.T) {
	store := postgrestest.StartOwn(t)
	variable, address := migrateConformance(t, store.URL), backendtest.FreeAddress(t)
	backendtest.Spawn(t, t.TempDir(), address, variable)
	backendtest.Crash(t, conformance, address, backendtest.Cycles(t), func() {
		store.Kill(t)
		store.Restart(t)
	})
}

// Two replicas on one database are restarted in turn.
func TestRollingRestartsFailNoCall(t *testing.T) {
	variable := migrateConformance(t, postgrestest.Start(t))
	backendtest.RollingRestarts(t, conformance, backendtest.Cycles(t), func(address string) *backendtest.Process {
		return backendtest.Spawn(t, t.TempDir(), address, variable)
	})
}

// A proxy that is asked for many records does not keep them in memory.
func TestManyRecords(t *testing.T) {
	variable := migrateConformance(t, postgrestest.Start(t))
	backendtest.Many(t, conformance, backendtest.Spawn(t, t.TempDir(), backendtest.FreeAddress(t), variable))
}
