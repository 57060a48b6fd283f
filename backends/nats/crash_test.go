package nats_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats/natstest"
)

// migrateConformance brings the server at url to the conformance schema, and returns
// how a proxy finds it.
func migrateConformance(t *testing.T, url string) (variable string) {
	t.Helper()
	backendtest.Migrate(t, conformance, func(string) string { return url })
	return urlVariable + "=" + url
}

// syncs are what the server's configuration has for the classes of durability that
// keep files.
var syncs = map[string]string{"CRASH_SAFE": "", "POWER_SAFE": "sync_interval: always"}

// The proxy is killed with kill -9 while it writes.
func TestKilledProxyLosesNothing(t *testing.T) {
	variable, address := migrateConformance(t, natstest.Start(t).URL), backendtest.FreeAddress(t)
	proxy := backendtest.Spawn(t, t.TempDir(), address, variable)
	backendtest.Crash(t, conformance, address, backendtest.Cycles(t), func() {
		proxy.Kill(t)
		proxy = backendtest.Spawn(t, t.TempDir(), address, variable)
	})
}

// The server is killed with kill -9 while a proxy goes on: its calls fail with
// the catalogue's errors, and it recovers without a restart. Both classes of
// durability that keep files promise that.
func TestKilledServerLosesNothing(t *testing.T) {
	for class, sync := range syncs {
		t.Run(class, func(t *testing.T) {
			store := natstest.StartOwn(t, sync)
			variable, address := migrateConformance(t, store.URL), backendtest.FreeAddress(t)
			backendtest.Spawn(t, t.TempDir(), address, variable)
			backendtest.Crash(t, conformance, address, (backendtest.Cycles(t)+1)/len(syncs), func() {
				store.Kill(t)
				store.Restart(t)
			})
		})
	}
}

// Two replicas on one server are restarted in turn.
func TestRollingRestartsFailNoCall(t *testing.T) {
	variable := migrateConformance(t, natstest.Start(t).URL)
	backendtest.RollingRestarts(t, conformance, backendtest.Cycles(t), func(address string) *backendtest.Process {
		return backendtest.Spawn(t, t.TempDir(), address, variable)
	})
}

// A proxy that is asked for many records does not keep them in memory.
func TestManyRecords(t *testing.T) {
	variable := migrateConformance(t, natstest.Start(t).URL)
	backendtest.Many(t, conformance, backendtest.Spawn(t, t.TempDir(), backendtest.FreeAddress(t), variable))
}
