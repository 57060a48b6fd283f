package nats_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats/natstest"
)

// Two proxies and their server are killed, stopped and paused at random under
// load; a proxy also while the server is.
func TestChaos(t *testing.T) {
	store := natstest.StartOwn(t, "")
	variable := migrateConformance(t, store.URL)
	addresses := []string{backendtest.FreeAddress(t), backendtest.FreeAddress(t)}
	spawn := func(i int) *backendtest.Process {
		return backendtest.SpawnAgain(t, t.TempDir(), addresses[i], variable)
	}
	proxies := []*backendtest.Process{spawn(0), spawn(1)}
	ends := func(signal syscall.Signal) func(*rand.Rand) {
		return func(*rand.Rand) { store.Stop(t, signal); store.Restart(t) }
	}
	backendtest.Chaos(t, conformance, 12*time.Second, addresses, backendtest.ProxyFaults(t, proxies, spawn), []backendtest.Fault{
		{Name: "kill -9 of the server", Do: ends(syscall.SIGKILL)},
		{Name: "SIGTERM of the server", Do: ends(syscall.SIGTERM)},
		{Name: "SIGSTOP of the server", Do: func(r *rand.Rand) {
			store.Pause(t, 100*time.Millisecond+time.Duration(r.Int64N(int64(2*time.Second))))
		}},
	})
	for _, p := range proxies {
		p.Bounded(t)
	}
}
