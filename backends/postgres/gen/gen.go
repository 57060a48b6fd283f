// Package gen is the compile-time half of the postgres backend: what it can do,
// and the emitters that bind an entity to it. It links no driver.
package gen

import (
	"fmt"

	"github.com/prism-proxy/prism/backends/postgres/address"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// limits are Postgres's defaults (NAMEDATALEN, MaxHeapAttributeNumber,
// INDEX_MAX_KEYS): a longer name is cut without an error. A table's sequence is
// named after it, and the columns are the system's own:
// https://www.postgresql.org/docs/15/limits.html and ddl-system-columns.html.
var limits = sql.Limits{
	Name: 63, Columns: 1600, IndexColumns: 32, Beside: []string{"_version"},
	OwnColumns: []string{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"},
}

// Backend returns postgres. The proxy verifies at start that the server's
// settings keep its promises.
func Backend() *emit.Backend {
	return &emit.Backend{
		Store: schema.Store{
			Name:    "postgres",
			Columns: true,
			KeyValue: &schema.Offer{
				Can: schema.CanSwap | schema.CanBatch | schema.CanScan | schema.CanList | schema.CanUnique | schema.CanExpire,
			},
			Config: []schema.ConfigKey{{
				Name: "url", Required: true, Reference: true, URL: true,
				Check: checkURL,
				Doc:   "The address of the database: postgres://user:password@host:port/database, with references, which are percent-encoded for their place, or one reference to the whole; namespaces may share a database.",
			}, {
				Name: "host", InsteadOf: "url", Required: true, Reference: true, Doc: "Instead of url, with the settings that follow: the server's host, or the folder of its socket.",
			}, {
				Name: "port", InsteadOf: "url", Min: 1, Max: maxPort, Reference: true, Doc: "The server's port; 5432 where it is not set.",
			}, {
				Name: "database", InsteadOf: "url", Required: true, Reference: true, Doc: "The database.",
			}, {
				Name: "username", InsteadOf: "url", Reference: true, Doc: "The proxy's role.",
			}, {
				Name: "password", InsteadOf: "url", Reference: true, Doc: "A reference to the role's password.",
			}, {
				Name: "ssl_mode", InsteadOf: "url", Values: []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
				Doc: "How the connection is encrypted, as libpq's sslmode; prefer where it is not set.",
			}, {
				Name: "durability", Default: schema.PowerSafe.String(),
				Values: []string{schema.PowerSafe.String(), schema.CrashSafe.String(), schema.LostOnRestart.String()},
				Doc:    "What the server's settings must promise; otherwise the proxy does not start. POWER_SAFE needs full_page_writes. Every class needs fsync, because without it versions are issued twice. Sessions always wait for their commits.",
			}, {
				Name: "connections", Min: 1, Max: mostConnections, Reference: true,
				Doc: "The maximum number of connections in the pool, instead of the number computed from the declared peak; a quarter of them is for reads.",
			}},
			Check: limits.Check,
			Durability: func(config map[string]string) schema.Durability {
				for _, d := range []schema.Durability{schema.LostOnRestart, schema.CrashSafe} {
					if config["durability"] == d.String() {
						return d
					}
				}
				return schema.PowerSafe
			},
		},
		Runtime:  golang.Module + "/backends/postgres",
		Settings: settings,
		Dialect:  dialect,
		KeyValue: keyValue,
	}
}

func checkURL(config map[string]string) (what, fix string) { return address.Check(config["url"]) }

// settings derives the size of the pool from the declared peaks.
func settings(n *schema.Namespace) []emit.Setting {
	connections, formula, from := connections(n)
	statements := min(statementsOf*len(n.Entities), maxStatements)
	var all []emit.Setting
	for _, s := range [][2]string{
		{"URL", "url"}, {"Host", "host"}, {"Database", "database"}, {"Username", "username"}, {"Password", "password"}, {"SSLMode", "ssl_mode"},
	} {
		if value := n.Config[s[1]]; value != "" {
			all = append(all, emit.Setting{Field: s[0], Value: fmt.Sprintf("%q", value), Formula: "config " + s[1]})
		}
	}
	if port := n.Number("port", 1, maxPort); port.Value > 0 {
		all = append(all, emit.Setting{Field: "Port", Value: fmt.Sprint(port.Value), Formula: port.Formula("config port"), From: port})
	}
	return append(all, []emit.Setting{
		{Field: "Durability", Value: fmt.Sprintf("%q", n.Config["durability"]), Formula: "config durability"},
		{Field: "Connections", Value: fmt.Sprint(connections), Formula: formula, From: from},
		{Field: "Statements", Value: fmt.Sprint(statements), Formula: fmt.Sprintf("min(%d × %d entities, %d)", statementsOf, len(n.Entities), maxStatements)},
	}...)
}

// A connection keeps the statements of its entities prepared; an entity with a
// dozen indexes has some sixty. Without room for those in use it would prepare
// them again and again. Each takes some 25 KB in Postgres, on every connection.
const (
	statementsOf  = 64
	maxStatements = 2048
)

// Little's law: the number of busy connections is the calls per second times
// the seconds that a call takes. A read holds a connection for about a
// millisecond, a write until its commit is on disk. Half of the pool is left
// free, so that calls need not queue at the peak.
const (
	readMillis     = 1
	writeMillis    = 5
	headroom       = 2
	minConnections = 4 // even if no peak is declared
	maxConnections = 32

	mostConnections = 1000 // the most that may be configured
	maxPort         = 65535
)

func connections(n *schema.Namespace) (count int, formula string, from schema.Number) {
	if set := n.Number("connections", 1, mostConnections); set.Value > 0 {
		return set.Value, set.Formula("config connections"), set
	}
	var reads, writes uint64
	for _, e := range n.Entities {
		reads += e.Capacity.PeakReads
		writes += e.Capacity.PeakWrites
	}
	busy := headroom * (reads*readMillis + writes*writeMillis)
	count = max(int(min((busy+999)/1000, maxConnections)), minConnections)
	return count, fmt.Sprintf("clamp(%d, ceil(%d × (%d peak reads/s × %d ms + %d peak writes/s × %d ms)), %d)",
		minConnections, headroom, reads, readMillis, writes, writeMillis, maxConnections), schema.Number{}
}
