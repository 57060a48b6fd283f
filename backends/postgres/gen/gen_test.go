package gen_test

import (
	"slices"
	"testing"

	"github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/generator/schema"
)

func TestSettings(t *testing.T) {
	type load struct{ reads, writes uint64 }
	for _, c := range []struct {
		name    string
		set     string // connections in prism.yaml
		loads   []load
		want    string
		formula string
		writers string
	}{
		{"nothing declared", "", []load{{}}, "4", "clamp(4, ceil(2 × (0 peak reads/s × 1 ms + 0 peak writes/s × 5 ms)), 32)", "3"},
		{"a sum that is not whole is rounded up", "", []load{{1000, 0}, {1, 300}}, "6", "clamp(4, ceil(2 × (1001 peak reads/s × 1 ms + 300 peak writes/s × 5 ms)), 32)", "4"},
		{"more than one server is good for", "", []load{{1e6, 1e6}}, "32", "clamp(4, ceil(2 × (1000000 peak reads/s × 1 ms + 1000000 peak writes/s × 5 ms)), 32)", "24"},
		{"set", "100", []load{{1000, 0}}, "100", "config connections", "75"},
		{"one, which writes must have too", "1", []load{{1000, 0}}, "1", "config connections", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &schema.Namespace{Config: map[string]string{"url": "${env:STORE}", "durability": "CRASH_SAFE"}}
			if c.set != "" {
				n.Config["connections"] = c.set
			}
			for _, l := range c.loads {
				n.Entities = append(n.Entities, &schema.Entity{Capacity: schema.Capacity{PeakReads: l.reads, PeakWrites: l.writes}})
			}
			got := map[string][2]string{}
			for _, s := range gen.Backend().Settings(n) {
				got[s.Field] = [2]string{s.Value, s.Formula}
			}
			if want := [2]string{c.want, c.formula}; got["Connections"] != want {
				t.Errorf("connections %q, want %q", got["Connections"], want)
			}
			if got := got["Writers"][0]; got != c.writers {
				t.Errorf("%s may write, want %s: the others are for reads", got, c.writers)
			}
			if got, want := got["Durability"][0], `"CRASH_SAFE"`; got != want {
				t.Errorf("durability %s, want %s", got, want)
			}
			if got, want := got["URL"][0], `"${env:STORE}"`; got != want {
				t.Errorf("url %s, want %s, which is resolved when the store is opened", got, want)
			}
		})
	}
}

// What a namespace is configured to demand is what its entities may ask for.
func TestDurability(t *testing.T) {
	for config, want := range map[string]schema.Durability{
		"POWER_SAFE": schema.PowerSafe, "CRASH_SAFE": schema.CrashSafe, "LOST_ON_RESTART": schema.LostOnRestart,
	} {
		if got := gen.Backend().Durability(map[string]string{"durability": config}); got != want {
			t.Errorf("durability %s promises %s, want %s", config, got, want)
		}
	}
}

// A url that libpq has no form for is refused by the compiler.
func TestURL(t *testing.T) {
	config := gen.Backend().Config
	check := config[slices.IndexFunc(config, func(k schema.ConfigKey) bool { return k.Name == "url" })].Check
	for url, good := range map[string]bool{
		"postgres://db:5432/shop": true, "postgresql://a,b/shop": true, "host=db dbname=shop": true,
		"db:5432/shop": false, "mysql://db/shop": false,
	} {
		what, fix := check(map[string]string{"url": url})
		if (what == "") != good || (fix == "") != good {
			t.Errorf("url %s: %q, %q, want it taken: %t", url, what, fix, good)
		}
	}
}
