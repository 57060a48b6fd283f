package gen_test

import (
	"slices"
	"strings"
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
	}{
		{"nothing declared", "", []load{{}}, "4", "clamp(4, ceil(2 × (0 peak reads/s × 1 ms + 0 peak writes/s × 5 ms)), 32)"},
		{"a sum that is not whole is rounded up", "", []load{{1000, 0}, {1, 300}}, "6", "clamp(4, ceil(2 × (1001 peak reads/s × 1 ms + 300 peak writes/s × 5 ms)), 32)"},
		{"more than one server is good for", "", []load{{1e6, 1e6}}, "32", "clamp(4, ceil(2 × (1000000 peak reads/s × 1 ms + 1000000 peak writes/s × 5 ms)), 32)"},
		{"set", "100", []load{{1000, 0}}, "100", "config connections"},
		{"other in each environment", "${env:POOL:-16}", []load{{1000, 0}}, "16", "config connections, ${env:POOL:-16}"},
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
			if got, want := got["Durability"][0], `"CRASH_SAFE"`; got != want {
				t.Errorf("durability %s, want %s", got, want)
			}
			if got, want := got["URL"][0], `"${env:STORE}"`; got != want {
				t.Errorf("url %s, want %s, which is resolved when the store is opened", got, want)
			}
		})
	}
}

// Entities may ask for the durability that their namespace's configuration
// demands.
func TestDurability(t *testing.T) {
	for config, want := range map[string]schema.Durability{
		"POWER_SAFE": schema.PowerSafe, "CRASH_SAFE": schema.CrashSafe, "LOST_ON_RESTART": schema.LostOnRestart,
	} {
		if got := gen.Backend().Durability(map[string]string{"durability": config}); got != want {
			t.Errorf("durability %s promises %s, want %s", config, got, want)
		}
	}
}

// A url in none of libpq's forms is refused by the compiler.
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

// The server is given by a url or by all of its parts, and no part may be a
// secret.
func TestAddress(t *testing.T) {
	const head = "deployment: shop\nimport_path: example.com/shop\npackages: [shop.v1]\nnamespaces:\n  - name: orders\n    backend: postgres\n    config: "
	for _, c := range []struct{ config, want string }{
		{"{url: '${env:URL}'}", ""},
		{"{host: '${env:HOST}', port: '${env:PORT:-5432}', database: shop, username: app, password: '${env:PW}', ssl_mode: verify-full}", ""},
		{"{host: 'db.${env:ZONE}.example.com', database: shop}", ""},
		{"{url: '${env:URL}', host: db}", "backend postgres has url and host"},
		{"{host: db}", "backend postgres needs the setting database"},
		{"{url: 'mysql://db/shop'}", "url of backend postgres has a scheme that is not Postgres's"},
		{"{url: 'postgres://db:99999/shop'}", "url of backend postgres has a port that is no number from 1 to 65535"},
		{"{url: 'postgres://db/shop?sslmod=require'}", `url of backend postgres has the parameter "sslmod", which does not exist`},
		{"{url: 'postgres://db/shop?sslmode=bogus'}", "url of backend postgres has a value of sslmode that there is not"},
		{"{durability: CRASH_SAFE}", "backend postgres needs the setting url"},
		{"{database: shop, port: 5432}", "backend postgres needs the setting host"},
		{"{host: db, database: shop, password: secret}", "password of backend postgres holds a password"},
		{"{host: db, database: shop, port: 99999}", `port of backend postgres is "99999"`},
		{"{host: db, database: shop, port: '${env:PORT:-0}'}", `port of backend postgres is "0"`},
		{"{url: '${env:URL}', connections: '${env:POOL:-1001}'}", `connections of backend postgres is "1001"`},
		{"{url: '${env:URL}', connections: '${env:POOL:-16}'}", ""},
	} {
		_, faults := schema.Read(schema.Input{Config: []byte(head + c.config), ConfigPath: "prism.yaml", Stores: []schema.Store{gen.Backend().Store}})
		var got []string
		for _, f := range faults {
			if f.Number == schema.RuleBackendSetting || f.Number == schema.RuleSecretInline {
				got = append(got, f.What)
			}
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", c.config, got, c.want)
		}
	}
}
