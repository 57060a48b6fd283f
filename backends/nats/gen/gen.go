// Package gen is the compile-time half of the nats backend: what it can do, and
// the emitter that binds an entity to it. It links no driver.
package gen

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/backends/nats/address"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/bytestore"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend returns nats, which keeps a record as the last message of a subject.
// It promises what the proxy verifies of the stream and the server when it
// starts.
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
				Name: "url", Required: true, Reference: true, URL: true,
				Doc:   "Where the servers are: nats://user:password@host:port, several separated by commas, or a reference to that; namespaces and deployments may share them.",
				Check: checkURL,
			}, {
				Name: "durability", Default: schema.CrashSafe.String(),
				Values: []string{schema.PowerSafe.String(), schema.CrashSafe.String(), schema.LostOnRestart.String()},
				Doc:    "What streams and server must promise, else the proxy does not start: POWER_SAFE needs sync_interval: always, read from monitor; CRASH_SAFE files; LOST_ON_RESTART keeps the records in the server's memory.",
				Check:  checkDurability,
			}, {
				Name: "monitor", Reference: true, URL: true,
				Doc:   "The server's monitoring address, http://host:8222, from which POWER_SAFE is read; of a cluster those of all servers, separated by commas; or a reference to that.",
				Check: checkMonitor,
			}, {
				Name: "prefix", Default: "prism", Locates: true,
				Doc:   "What the subjects begin with, before the deployment's name: one or more words with dots between them, at most 128 bytes.",
				Check: checkPrefix,
			}},
			Durability: func(config map[string]string) schema.Durability {
				for _, d := range []schema.Durability{schema.LostOnRestart, schema.PowerSafe} {
					if config["durability"] == d.String() {
						return d
					}
				}
				return schema.CrashSafe
			},
			Check:           check,
			CheckDeployment: checkSubjects,
		},
		Runtime:  golang.Module + "/backends/nats",
		Expires:  true,
		Settings: settings,
	}
	b.KeyValue = bytestore.KeyValue(b)
	return b
}

func checkURL(config map[string]string) (what, fix string) { return address.Check(config["url"]) }

func checkDurability(config map[string]string) (what, fix string) {
	if config["durability"] == schema.PowerSafe.String() && config["monitor"] == "" {
		return "is POWER_SAFE, and without monitor the proxy cannot read whether the server syncs each write", `write monitor: "http://host:8222" beside it, or a reference, or choose CRASH_SAFE`
	}
	return "", ""
}

// checkMonitor refuses what is not HTTP addresses.
func checkMonitor(config map[string]string) (what, fix string) {
	text := config["monitor"]
	for one := range strings.SplitSeq(text, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
			return fmt.Sprintf("is %q", text), "write http://host:8222, or a reference such as ${env:NATS_MONITOR}"
		}
	}
	return "", ""
}

// prefix matches what may precede the subjects of tables: words without
// wildcards.
var prefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// maxPrefix leaves the longest keys room in a subject.
const maxPrefix = 128

func checkPrefix(config map[string]string) (what, fix string) {
	if text := config["prefix"]; len(text) > maxPrefix || !prefix.MatchString(text) {
		return fmt.Sprintf("is %q", text), fmt.Sprintf("write letters, digits, _ and -, with dots between words, at most %d bytes", maxPrefix)
	}
	return "", ""
}

// maxTable is how many bytes a table's name may have: with the deployment's
// name it becomes the stream's name, which is a folder's.
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

// checkSubjects refuses subjects of two namespaces that overlap where both are on one
// server: it keeps those of a stream to that stream.
func checkSubjects(d *schema.Deployment) []schema.Breach {
	var found []schema.Breach
	var before []*schema.Entity
	for _, e := range d.Entities() {
		if e.Namespace.Backend != "nats" {
			continue
		}
		for _, other := range before {
			one, two := subjects(d, e), subjects(d, other)
			if e.Namespace == other.Namespace || e.Namespace.Config["url"] != other.Namespace.Config["url"] || !strings.HasPrefix(one, two) && !strings.HasPrefix(two, one) {
				continue
			}
			found = append(found, schema.Breach{
				At: d.ConfigSource("namespaces", e.Namespace.Name, "config", "prefix"), Fix: "write another prefix, or another url for one of the namespaces",
				What: fmt.Sprintf("the stream of table %s has subjects %s>, and that of table %s, of namespace %s, on the same server, has %s>, which overlap", e.Table, one, other.Table, other.Namespace.Name, two),
			})
		}
		before = append(before, e)
	}
	return found
}

// subjects returns what the subjects of an entity's stream begin with, as the proxy
// makes them.
func subjects(d *schema.Deployment, e *schema.Entity) string {
	return strings.Join([]string{e.Namespace.Config["prefix"], d.Name, e.Table, ""}, ".")
}

func settings(n *schema.Namespace) []emit.Setting {
	var all []emit.Setting
	for _, s := range []struct{ field, key string }{{"URL", "url"}, {"Durability", "durability"}, {"Monitor", "monitor"}, {"Prefix", "prefix"}} {
		all = append(all, emit.Setting{Field: s.field, Value: fmt.Sprintf("%q", n.Config[s.key]), Formula: "config " + s.key})
	}
	return append(all, emit.Setting{Field: "Keys", Value: keys(n), Formula: "each key, and unique index: its table, then its fields"})
}

// keys returns what the namespace's keys begin with, with the fields that they
// consist of.
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
