package nats_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats"
	"github.com/prism-proxy/prism/backends/nats/natstest"
	"github.com/prism-proxy/prism/runtime"
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

// Each server of a cluster acknowledges writes, so POWER_SAFE is read from all
// of them: one that monitor does not name, or that does not sync, is refused.
// Without one that is away the others are served.
func TestClusterPowerSafe(t *testing.T) {
	synced := natstest.StartCluster(t, func(_ int, o *server.Options) { o.SyncAlways = true })
	mixed := natstest.StartCluster(t, func(i int, o *server.Options) { o.SyncAlways = i != 2 })
	all := func(c *natstest.Cluster) string {
		return c.Servers[0].Monitor + ", " + c.Servers[1].Monitor + "," + c.Servers[2].Monitor
	}
	log := new(bytes.Buffer)
	env := runtime.NewEnv("shop", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(log, nil))
	try := func(c *natstest.Cluster, monitor, want string) {
		t.Helper()
		db, err := nats.Open(t.Context(), env, namespace, nats.Config{URL: c.Servers[0].URL, Monitor: monitor, Durability: "POWER_SAFE", Prefix: "prism"})
		if err == nil {
			db.Close()
		}
		if refused := err != nil && strings.Contains(err.Error(), "POWER_SAFE"); refused != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with monitors %s: %v, want %q", monitor, err, want)
		}
	}
	const good = "" // only the streams are missing, or wait for a leader
	try(synced, all(synced), good)
	try(synced, synced.Servers[0].Monitor, "the cluster has 3, and monitor names 1; write the monitoring address of each")
	try(synced, strings.Repeat(synced.Servers[0].Monitor+",", 2)+synced.Servers[1].Monitor, "the cluster has 3, and monitor names 2")
	try(mixed, all(mixed), "needs sync_interval: always in the jetstream settings of every server (monitor 3 of 3 has another)")
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
	monitors := all(synced)
	synced.Servers[2].Stop()
	try(synced, monitors, good)
	if want := `msg="POWER_SAFE is not verified of a server" namespace=users monitor="3 of 3" cause="no server answers"`; !strings.Contains(log.String(), want) {
		t.Errorf("logged %s, want %s", log, want)
	}
}
