// Package backends is the list of backends that the compiler knows; the plugin
// and the CLI are built with it. It contains only compile-time halves, so no
// drivers.
package backends

import (
	memory "github.com/prism-proxy/prism/backends/memory/gen"
	nats "github.com/prism-proxy/prism/backends/nats/gen"
	postgres "github.com/prism-proxy/prism/backends/postgres/gen"
	sqlite "github.com/prism-proxy/prism/backends/sqlite/gen"
	"github.com/prism-proxy/prism/generator/emit"
)

// TestKit returns the backend that test kits use.
func TestKit() *emit.Backend { return memory.Backend() }

// All returns every backend. A custom plugin passes others besides these.
func All() []*emit.Backend {
	return []*emit.Backend{
		memory.Backend(),
		nats.Backend(),
		postgres.Backend(),
		sqlite.Backend(),
	}
}
