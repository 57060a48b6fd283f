// Package gen is the compile-time half of the sqlite backend: what it can do,
// and the emitters that bind an entity to it. It links no driver.
package gen

import (
	"fmt"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/plan"
	"github.com/prism-proxy/prism/generator/schema"
)

// limits are SQLite's defaults: SQLITE_MAX_COLUMN of
// https://www.sqlite.org/limits.html, which bounds tables and indexes, and the
// prefix of internal objects,
// https://www.sqlite.org/fileformat2.html#internal_schema_objects.
var limits = sql.Limits{Columns: 2000, IndexColumns: 2000, Prefix: "sqlite_"}

// Backend returns sqlite. Writes survive power cuts with synchronous=FULL,
// which is the default.
func Backend() *emit.Backend {
	return &emit.Backend{
		Store: schema.Store{
			Name:    "sqlite",
			Columns: true,
			KeyValue: &schema.Offer{
				Can: schema.CanSwap | schema.CanBatch | schema.CanScan | schema.CanList | schema.CanUnique | schema.CanExpire,
			},
			Config: []schema.ConfigKey{{
				Name: "synchronous", Default: "FULL", Values: []string{"FULL", "NORMAL"},
				Doc: "When a commit reaches the disk. FULL: at once, so that it survives a power cut. NORMAL: later, so that it survives only a crash of the process.",
			}, {
				Name: "readers", Min: 1, Max: maxConfigured, Reference: true,
				Doc: "The number of connections for reads, instead of the number computed from the declared peak.",
			}},
			Check: limits.Check,
			Durability: func(config map[string]string) schema.Durability {
				if config["synchronous"] == "NORMAL" {
					return schema.CrashSafe
				}
				return schema.PowerSafe
			},
		},
		Runtime:  golang.Module + "/backends/sqlite",
		Settings: settings,
		Dialect:  dialect,
		KeyValue: keyValue,
	}
}

// settings derives the number of reading connections from the declared peak.
func settings(n *schema.Namespace) []emit.Setting {
	readers, formula, from := readers(n)
	return []emit.Setting{
		{Field: "Synchronous", Value: fmt.Sprintf("%q", n.Config["synchronous"]), Formula: "config synchronous"},
		{Field: "Readers", Value: fmt.Sprint(readers), Formula: formula, From: from},
	}
}

// A connection answers some 10,000 reads by key per second and costs 0.3 MB;
// more than 8 do not help with one file.
const (
	readsPerConnection = 2500
	minReaders         = 2
	maxReaders         = 8
	maxConfigured      = 64
)

func readers(n *schema.Namespace) (count int, formula string, from schema.Number) {
	if set := n.Number("readers", 1, maxConfigured); set.Value > 0 {
		return set.Value, set.Formula("config readers"), set
	}
	var reads uint64
	for _, e := range n.Entities {
		reads += e.Capacity.PeakReads
	}
	count = int((reads + readsPerConnection - 1) / readsPerConnection)
	return min(max(count, minReaders), maxReaders),
		fmt.Sprintf("clamp(%d, ceil(%s peak reads/s / %s), %d)", minReaders, plan.Grouped(reads), plan.Grouped(readsPerConnection), maxReaders), schema.Number{}
}
