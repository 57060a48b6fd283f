// Package gen is the compile-time half of the memory backend: what it can do,
// and the emitter that binds an entity to it.
package gen

import (
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend is memory. It has no state.
type Backend struct{}

var _ emit.Backend = Backend{}

// ImportPath returns the run-time half.
func (Backend) ImportPath() string { return golang.Module + "/backends/memory" }

// Info says that memory promises nothing beyond its process, and that it keeps
// entries of keys and indexes only.
func (Backend) Info() schema.Backend {
	return schema.Backend{
		Name: "memory",
		KeyValue: schema.Offer{
			Can: schema.CanSwap | schema.CanBatch | schema.CanScan | schema.CanList | schema.CanUnique | schema.CanExpire,
		},
		Durability: func(map[string]string) schema.Durability { return schema.LostOnRestart },
	}
}

// Migration returns "": there is never a store of another release.
func (Backend) Migration(*schema.Deployment, *schema.Namespace, string) string { return "" }

// Settings returns none.
func (Backend) Settings(*schema.Namespace) []emit.Setting { return nil }
