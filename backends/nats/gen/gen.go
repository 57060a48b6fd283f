// Package gen is the compile-time half of the nats backend: what it can do, and
// the emitter that binds an entity to it. It links no driver.
package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/bytestore"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend returns nats, which keeps a record as the last message of a subject, and
// promises what the proxy reads back of the stream and the server when it starts.
func Backend() *emit.Backend {
	const noOrder = "the subjects of a stream have no order"
	b := &emit.Backend{
		Store: schema.Store{
			Name: "nats",
			KeyValue: &schema.Offer{
				Can:   schema.CanSwap | schema.CanBatch | schema.CanUnique | schema.CanExpire,
				Lacks: map[schema.Ability]string{schema.CanScan: noOrder, schema.CanList: noOrder},
			},
			Config: []schema.ConfigKey{{
				Name: "url", Required: true, Reference: true,
				Doc: "Where the servers are: nats://user:password@host:port, several separated by commas, or a reference to that; namespaces and deployments may share them.",
			}, {
				Name: "durability", Default: schema.CrashSafe.String(),
				Values: []string{schema.PowerSafe.String(), schema.CrashSafe.String(), schema.LostOnRestart.String()},
				Doc:    "What streams and server must promise, else the proxy does not start: POWER_SAFE needs sync_interval: always, read from monitor; CRASH_SAFE files; LOST_ON_RESTART keeps the records in the server's memory.",
			}, {
				Name: "monitor", Reference: true,
				Doc: "The server's monitoring address, http://host:8222, or a reference to that, from which POWER_SAFE is read.",
			}, {
				Name: "prefix", Default: "prism",
				Doc: "What the subjects begin with, before the deployment's name: one or more words with dots between them.",
			}},
			Durability: func(config map[string]string) schema.Durability {
				for _, d := range []schema.Durability{schema.LostOnRestart, schema.PowerSafe} {
					if config["durability"] == d.String() {
						return d
					}
				}
				return schema.CrashSafe
			},
			Check: check,
		},
		Runtime:  golang.Module + "/backends/nats",
		Expires:  true,
		Settings: settings,
	}
	b.KeyValue = bytestore.KeyValue(b)
	return b
}

// maxTable is how many bytes a table's name has at most: that of its stream, with the
// deployment's name, is a folder's.
const maxTable = 128

func check(e *schema.Entity) []schema.Breach {
	if len(e.Table) <= maxTable {
		return nil
	}
	return []schema.Breach{{
		At: e.TableSource(), Fix: `write option (prism.v1.entity).table = "…"`,
		What: fmt.Sprintf("table %s has %d bytes, and the name of a stream has room for %d", e.Table, len(e.Table), maxTable),
	}}
}

func settings(n *schema.Namespace) []emit.Setting {
	var all []emit.Setting
	for _, s := range []struct{ field, key string }{{"URL", "url"}, {"Durability", "durability"}, {"Monitor", "monitor"}, {"Prefix", "prefix"}} {
		all = append(all, emit.Setting{Field: s.field, Value: fmt.Sprintf("%q", n.Config[s.key]), Formula: "config " + s.key})
	}
	return append(all, emit.Setting{Field: "Keys", Value: keys(n), Formula: "each key, and unique index: its table, then its fields"})
}

// keys returns what the keys of the namespace begin with, and what of.
func keys(n *schema.Namespace) string {
	var all []string
	add := func(begin, table string, fields []*schema.Field) {
		of := fmt.Sprintf("%q: {%q", begin, table)
		for _, f := range fields {
			of += fmt.Sprintf(", %q", f.Name)
		}
		all = append(all, of+"}")
	}
	for _, e := range n.Entities {
		add(e.Table, e.Table, e.Key())
		for _, x := range e.Indexes {
			add(x.SQLName, e.Table, x.Equality)
		}
	}
	slices.Sort(all)
	return "map[string][]string{" + strings.Join(all, ", ") + "}"
}
