package sqlite_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
)

// The proxy is killed with kill -9 while it writes.
func TestKilledProxyLosesNothing(t *testing.T) {
	dir, address := t.TempDir(), backendtest.FreeAddress(t)
	proxy := backendtest.Spawn(t, dir, address)
	backendtest.Crash(t, conformance, address, backendtest.Cycles(t), func() {
		proxy.Kill(t)
		proxy = backendtest.Spawn(t, dir, address)
	})
}

// A proxy that is asked for many records does not keep them in memory.
func TestManyRecords(t *testing.T) {
	backendtest.Many(t, conformance, backendtest.Spawn(t, t.TempDir(), backendtest.FreeAddress(t)))
}
