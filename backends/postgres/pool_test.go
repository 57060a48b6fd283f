package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// If the server, or a pooler before it, grants the proxy no more connections,
// calls wait for those it has: pgx's pool alone would let them fail, or wait
// for one that is not opened while others come back.
func TestCallsWaitForConnections(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit func(t *testing.T, store string) string
	}{
		{"server", func(t *testing.T, store string) string {
			const role = "few"
			query(t, store, `CREATE ROLE `+role+` LOGIN CONNECTION LIMIT 2`)
			t.Cleanup(func() {
				postgrestest.Exec(store, `DROP OWNED BY `+role)
				postgrestest.Exec(store, `DROP ROLE `+role)
			})
			query(t, store, `GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO `+role)
			return with(t, store, "user", role)
		}},
		{"pooler", func(t *testing.T, store string) string {
			return postgrestest.Pooler(t, store, "session", "default_pool_size = 2")
		}},
		{"pooler with few clients", func(t *testing.T, store string) string {
			return postgrestest.Pooler(t, store, "session", "max_client_conn = 4")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := postgrestest.Start(t)
			migrate(t, environment(store), config(initSQL))
			cfg := config(initSQL)
			cfg.Connections = 8
			db := open(t, environment(c.limit(t, store)), cfg)
			var calls sync.WaitGroup
			for range 24 {
				calls.Go(func() {
					// A shorter deadline than that for opening a connection.
					ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
					defer cancel()
					if err := db.Exec(ctx, `SELECT pg_sleep(0.05)`); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if err := postgres.Ping(t.Context(), db); err != nil {
				t.Errorf("the store is said to be away: %v", err)
			}
		})
	}
}

// Ping fails while the server is gone, and succeeds when it is back.
func TestPing(t *testing.T) {
	server := postgrestest.StartOwn(t)
	migrate(t, environment(server.URL), config(initSQL))
	db := open(t, environment(server.URL), config(initSQL))
	if err := postgres.Ping(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	if err := postgres.Ping(t.Context(), db); err == nil {
		t.Error("a server that was killed answers")
	}
	server.Restart(t)
	if err := postgres.Ping(t.Context(), db); err != nil {
		t.Errorf("the server is back: %v", err)
	}
}
