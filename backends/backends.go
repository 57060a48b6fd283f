// Package backends is the one list of the stores that the compiler knows: what
// the plugin and the CLI are built with. It holds compile-time halves only, and
// so no driver.
package backends

import (
	memory "github.com/prism-proxy/prism/backends/memory/gen"
	nats "github.com/prism-proxy/prism/backends/nats/gen"
	postgres "github.com/prism-proxy/prism/backends/postgres/gen"
	sqlite "github.com/prism-proxy/prism/backends/sqlite/gen"
	"github.com/prism-proxy/prism/generator/emit"
)

// TestKit returns the backend that test kits are bound to.
func TestKit() *emit.Backend { return memory.Backend() }

// All returns every backend. A plugin of one's own passes others beside them.
func All() []*emit.Backend {
	return []*emit.Backend{
		memory.Backend(),
		nats.Backend(),
		postgres.Backend(),
		sqlite.Backend(),
	}
}
