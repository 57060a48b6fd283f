// Package gen is the compile-time half of foreign.
package gen

import (
	"fmt"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/bytestore"
	"github.com/prism-proxy/prism/generator/schema"
)

const runtime = "example.com/foreign"

// Backend returns foreign.
func Backend() *emit.Backend {
	b := &emit.Backend{
		Store: schema.Store{
			Name:       "foreign",
			KeyValue:   &schema.Offer{Can: schema.CanSwap | schema.CanBatch | schema.CanScan | schema.CanList | schema.CanUnique | schema.CanExpire},
			Config:     []schema.ConfigKey{{Name: "label", Required: true, Reference: true, Doc: "A label."}},
			Durability: func(map[string]string) schema.Durability { return schema.LostOnRestart },
		},
		Runtime: runtime,
		Settings: func(n *schema.Namespace) []emit.Setting {
			return []emit.Setting{{Field: "Label", Value: fmt.Sprintf("%q", n.Config["label"]), Formula: "config label"}}
		},
	}
	b.KeyValue = bytestore.KeyValue(b)
	return b
}
