package postgres_test

import (
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// A pooler that lends its connections for a transaction is refused, with the
// reason, when the proxy starts: prepared statements and settings belong to a
// session.
func TestPoolerWithoutSessionsIsRefused(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	for _, c := range []struct{ name, mode, settings, want string }{
		{"transactions", "transaction", "", "set pool_mode = session"},
		{"transactions, one connection", "transaction", "default_pool_size = 1", "set pool_mode = session"},
		{"transactions, connections in turn", "transaction", "server_round_robin = 1\nmin_pool_size = 4", "set pool_mode = session"},
		{"statements", "statement", "", "the pooler before the server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pooled := postgrestest.Pooler(t, store, c.mode, c.settings)
			for range 5 {
				_, err := config(initSQL).Open(t.Context(), environment(pooled))
				wantError(t, err, c.want)
			}
			_, err := config(initSQL).Migrate(t.Context(), environment(pooled))
			wantError(t, err, c.want)
		})
	}
}

// Through a pooler that keeps sessions everything works, even if its role has
// the worst settings, to which the pooler resets a session between two clients.
func TestPoolerWithSessions(t *testing.T) {
	t.Parallel()
	// The pooler's own idle sessions may end, which looks to a client as if the
	// server were gone.
	pooled := onWorst("idle_session_timeout")
	store := pooled.Getenv
	pooled.Damage = nil                // a client other than the proxy does that
	if os.Getenv("PRISM_LONG") == "" { // a start takes ten times as long through a pooler
		pooled.Persistent = false
		pooled.Themes = []string{"records", "unique", "batches", "finds", "tokens", "calls", "linear"}
	}
	pooled.Getenv = func(t testing.TB) func(string) string {
		url := postgrestest.Pooler(t, store(t)(urlVariable), "session", "default_pool_size = 100")
		return func(string) string { return url }
	}
	backendtest.Run(t, pooled)
}
