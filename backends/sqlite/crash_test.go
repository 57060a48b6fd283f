package sqlite_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
)

// The proxy is killed with kill -9 while it writes.
func TestKilledProxyLosesNothing(t *testing.T) {
	dir, address := t.TempDir(), backendtest.FreeAddress(t)
	proxy := backendtest.Spawn(t, dir, address)
	backendtest.Crash(t, address, backendtest.Cycles(t), func() {
		proxy.Kill(t)
		proxy = backendtest.Spawn(t, dir, address)
	})
}
