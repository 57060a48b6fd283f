package nats_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats/natstest"
)

// A cluster follows the same rules as a single server, on streams that are
// emptied for each case.
func TestClusterConformance(t *testing.T) {
	c := natstest.StartCluster(t)
	replicas(t, c)
	b := conformance
	b.Themes = []string{"records", "versions", "unique", "batches", "calls", "linear"}
	b.Getenv = func(t testing.TB) func(string) string {
		c.Purge(t)
		return func(string) string { return c.URL }
	}
	backendtest.Run(t, b)
}

// replicas creates the streams of the conformance schema with three replicas
// each.
func replicas(t testing.TB, c *natstest.Cluster) {
	t.Helper()
	backendtest.Migrate(t, conformance, func(string) string { return c.URL })
	c.Replicate(t)
}

// One of three servers at a time stops and comes back while two proxies write,
// often the leader of what they write: acknowledged writes stay, and versions
// grow.
func TestClusterChaos(t *testing.T) {
	c := natstest.StartCluster(t)
	replicas(t, c)
	addresses := []string{backendtest.FreeAddress(t), backendtest.FreeAddress(t)}
	for _, a := range addresses {
		backendtest.Spawn(t, t.TempDir(), a, urlVariable+"="+c.URL)
	}
	again := func(i int) {
		c.Servers[i].Stop()
		c.Servers[i].Start(t)
		c.Healthy(t) // a majority of the three servers has to stay up
	}
	backendtest.Chaos(t, conformance, 8*time.Second, addresses, []backendtest.Fault{
		{Name: "a server stops", Do: func(r *rand.Rand) { again(r.IntN(len(c.Servers))) }},
		{Name: "the leader stops", Do: func(*rand.Rand) { again(c.Leader(t, "PRISM_CONFORMANCENATS_ITEMS")) }},
	})
}
