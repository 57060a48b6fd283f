package backendtest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	memory "github.com/prism-proxy/prism/backends/memory/gen"
	nats "github.com/prism-proxy/prism/backends/nats/gen"
	"github.com/prism-proxy/prism/backends/nats/natstest"
	postgres "github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	sqlite "github.com/prism-proxy/prism/backends/sqlite/gen"
)

func TestMain(m *testing.M) {
	os.Exit(backendtest.Main(m, memory.Backend(), sqlite.Backend(), postgres.Backend(), nats.Backend(), unordered, plain))
}

// The seed may be changed; one that failed stays as a row of its own.
func TestAgree(t *testing.T) {
	for _, seed := range backendtest.Seeds(t) {
		t.Run(fmt.Sprint("PRISM_SEED=", seed), func(t *testing.T) {
			backendtest.Agree(t, seed, 10_000, map[string]backendtest.Backend{
				"memory": {Emit: memory.Backend()},
				"sqlite": {Emit: sqlite.Backend(), Persistent: true},
				"postgres": {Emit: postgres.Backend(), Persistent: true, Getenv: func(t testing.TB) func(string) string {
					url := postgrestest.Start(t)
					return func(string) string { return url }
				}},
			})
		})
	}
}

// A store that offers less agrees with memory restricted to the same.
func TestAgreeUnordered(t *testing.T) {
	for _, seed := range backendtest.Seeds(t) {
		t.Run(fmt.Sprint("PRISM_SEED=", seed), func(t *testing.T) {
			backendtest.Agree(t, seed, 10_000, map[string]backendtest.Backend{
				"memory": {Emit: unordered},
				"nats": {Emit: nats.Backend(), Persistent: true, Getenv: func(t testing.TB) func(string) string {
					url := natstest.Start(t).URL
					return func(string) string { return url }
				}},
			})
		})
	}
}
