// Package gen is the compile-time half of the memory backend: what it can do,
// and the emitter that binds an entity to it.
package gen

import (
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/bytestore"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend returns memory, whose records end with the process and which keeps
// entries for keys and indexes only.
func Backend() *emit.Backend {
	b := &emit.Backend{
		Store: schema.Store{
			Name: "memory",
			KeyValue: &schema.Offer{
				Can: schema.CanSwap | schema.CanBatch | schema.CanScan | schema.CanList | schema.CanUnique | schema.CanExpire,
			},
			Durability: func(map[string]string) schema.Durability { return schema.LostOnRestart },
		},
		Runtime: golang.Module + "/backends/memory",
	}
	b.KeyValue = bytestore.KeyValue(b)
	return b
}
