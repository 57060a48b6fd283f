package backendtest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	memory "github.com/prism-proxy/prism/out/conformancememory/proxy/server"
	postgres "github.com/prism-proxy/prism/out/conformancepostgres/proxy/server"
	sqlite "github.com/prism-proxy/prism/out/conformancesqlite/proxy/server"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, memory.Deployment)) }

// The stream's seed may be changed; one that failed stays as a row of its own.
func TestAgree(t *testing.T) {
	for _, seed := range backendtest.Seeds(t) {
		t.Run(fmt.Sprint("PRISM_SEED=", seed), func(t *testing.T) {
			backendtest.Agree(t, seed, 10_000, map[string]backendtest.Backend{
				"memory": {Deployment: memory.Deployment},
				"sqlite": {Deployment: sqlite.Deployment, Persistent: true},
				"postgres": {Deployment: postgres.Deployment, Persistent: true, Getenv: func(t testing.TB) func(string) string {
					url := postgrestest.Start(t)
					return func(string) string { return url }
				}},
			})
		})
	}
}
