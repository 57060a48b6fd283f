package sqlite_test

import (
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
)

// A proxy is killed, stopped and paused under load, at random.
func TestChaos(t *testing.T) {
	dir, address := t.TempDir(), backendtest.FreeAddress(t)
	spawn := func(int) *backendtest.Process { return backendtest.Spawn(t, dir, address) }
	proxies := []*backendtest.Process{spawn(0)}
	backendtest.Chaos(t, conformance, 8*time.Second, []string{address}, backendtest.ProxyFaults(t, proxies, spawn))
}
