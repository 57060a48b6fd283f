package gen_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/backends/nats/gen"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// The run-time half compares this text with the streams': it changes when a key
// or an index gets other fields, and does not depend on the order of the
// entities.
func TestSettings(t *testing.T) {
	id, serial, name := &schema.Field{Name: "id"}, &schema.Field{Name: "serial"}, &schema.Field{Name: "name"}
	item := &schema.Entity{Table: "items", Partition: []*schema.Field{id}, Indexes: []*schema.Index{
		{SQLName: "items_serial", Equality: []*schema.Field{serial}, Unique: true},
		{SQLName: "items_both", Equality: []*schema.Field{serial, name}, Unique: true},
	}}
	badge := &schema.Entity{Table: "badges", Partition: []*schema.Field{name}, Sort: []*schema.Field{id}}
	for _, entities := range [][]*schema.Entity{{item, badge}, {badge, item}} {
		n := &schema.Namespace{Entities: entities, Config: map[string]string{"url": "${env:URL}", "durability": "CRASH_SAFE", "prefix": "prism"}}
		var got []string
		for _, s := range gen.Backend().Settings(n) {
			got = append(got, s.Field+": "+s.Value)
		}
		want := `URL: "${env:URL}"
Durability: "CRASH_SAFE"
Monitor: ""
Prefix: "prism"
Keys: map[string][]string{"badges": {"badges", "name", "id"}, "items": {"items", "id"}, "items_both": {"items", "serial", "name"}, "items_serial": {"items", "serial"}}`
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("settings:\n%s\nwant:\n%s", text, want)
		}
	}
}

func TestDurability(t *testing.T) {
	for class, want := range map[string]schema.Durability{
		"POWER_SAFE": schema.PowerSafe, "CRASH_SAFE": schema.CrashSafe, "LOST_ON_RESTART": schema.LostOnRestart,
	} {
		if got := gen.Backend().Durability(map[string]string{"durability": class}); got != want {
			t.Errorf("durability %s promises %s, want %s", class, got, want)
		}
	}
}

// A stream has its subjects alone on its server, so that migrate up would fail where
// those of two tables overlap: where both servers are the same by what prism.yaml says,
// that is refused.
func TestOverlappingSubjects(t *testing.T) {
	entity := func(name, namespace string) string {
		return "message " + name + " {\n  option (prism.v1.entity).namespace = \"" + namespace + "\";\n" +
			"  option (prism.v1.entity).key_value = {without: [SCAN]};\n  int64 id = 1 [(prism.v1.field).partition_key = 1];\n}\n"
	}
	text := "syntax = \"proto3\";\npackage shop.v1;\nimport \"prism/v1/options.proto\";\n" + entity("Order", "orders") + entity("Cart", "carts")
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{"shop/v1/a.proto": {Data: []byte(text)}}}}, []string{"shop.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	const overlap = `schemas/prism.yaml:6:72: PRISM3012 [backend.limit] the stream of table orders has subjects prism.shop.orders.>, and that of table carts, of namespace carts, on the same server, has %s, which overlap; ` +
		"a backend stores only what its database has names and room for; write another prefix, or another url for one of the namespaces"
	for _, tt := range []struct{ name, carts, orders, want string }{
		{"one prefix", "url: nats://a:4222, prefix: prism", "url: nats://a:4222, prefix: prism", ""},
		{"below the other", "url: nats://a:4222, prefix: prism.shop.orders", "url: nats://a:4222, prefix: prism", fmt.Sprintf(overlap, "prism.shop.orders.shop.carts.>")},
		{"below the other by reference", "url: '${env:N}', prefix: prism.shop.orders.x", "url: '${env:N}', prefix: prism", strings.Replace(fmt.Sprintf(overlap, "prism.shop.orders.x.shop.carts.>"), "6:72", "6:69", 1)},
		{"another word", "url: nats://a:4222, prefix: prism.shop.orders2", "url: nats://a:4222, prefix: prism", ""},
		{"other servers", "url: nats://b:4222, prefix: prism.shop.orders", "url: nats://a:4222, prefix: prism", ""},
	} {
		config := "deployment: shop\nimport_path: example.com/shop\npackages: [shop.v1]\nnamespaces:\n" +
			"  - {name: carts, backend: nats, config: {" + tt.carts + "}}\n  - {name: orders, backend: nats, config: {" + tt.orders + "}}\n"
		_, faults := generator.Run(generator.Input{Config: []byte(config), ConfigPath: "schemas/prism.yaml", Files: files, Backends: []*emit.Backend{gen.Backend()}})
		got := ""
		for _, f := range faults {
			got += f.String()
		}
		if got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// Settings with which no proxy would start are refused at their position, with
// what to write instead.
func TestConfigFaults(t *testing.T) {
	const good = `url: "${env:URL}", `
	for _, tt := range []struct{ config, want string }{
		{good, ""},
		{good + `durability: POWER_SAFE`, `5:68: PRISM3006 [backend.setting] durability of backend nats is POWER_SAFE, and without monitor the proxy cannot read whether the server syncs each write; config holds settings of the namespace's backend, with valid values; write monitor: "http://host:8222" beside it, or a reference, or choose CRASH_SAFE`},
		{good + `durability: POWER_SAFE, monitor: "http://nats:8222"`, ""},
		{good + `durability: POWER_SAFE, monitor: "${env:MONITOR}"`, ""},
		{good + `durability: LOST_ON_RESTART`, ""},
		{good + `monitor: "nats:8222"`, `5:65: PRISM3006 [backend.setting] monitor of backend nats is "nats:8222"; config holds settings of the namespace's backend, with valid values; write http://host:8222, or a reference such as ${env:NATS_MONITOR}`},
		{good + `monitor: "http://"`, `5:65: PRISM3006`},
		{good + `prefix: a.b-c.d_e`, ""},
		{good + `prefix: a.*`, `5:64: PRISM3006 [backend.setting] prefix of backend nats is "a.*"; config holds settings of the namespace's backend, with valid values; write letters, digits, _ and -, with dots between words, at most 128 bytes`},
		{good + `prefix: a..b`, `5:64: PRISM3006`},
		{good + `prefix: ` + strings.Repeat("p", 128), ""},
		{good + `prefix: ` + strings.Repeat("p", 129), `5:64: PRISM3006`},
		{`url: "nats://a:4222, b:4222, tls://c"`, ""},
		{`url: "nats://a:4222, nats://["`, `5:42: PRISM3006 [backend.setting] url of backend nats is no address; config holds settings of the namespace's backend, with valid values; write nats://host:port, or a reference such as ${env:NATS_URL}`},
		{`url: "natz://a"`, `5:42: PRISM3006 [backend.setting] url of backend nats has a scheme that is not NATS's`},
		{`url: "a:99999"`, `5:42: PRISM3006 [backend.setting] url of backend nats has a port that is no number from 1 to 65535; config holds settings of the namespace's backend, with valid values; write nats://host:port, such as nats://127.0.0.1:4222`},
		{good + `durability: POWER_SAFE, monitor: "http://a:8222, http://b:8222"`, ""},
		{good + `durability: POWER_SAFE, monitor: "http://a:8222,"`, `5:89: PRISM3006 [backend.setting] monitor of backend nats is "http://a:8222,"`},
		{`url: ","`, `5:42: PRISM3006`},
	} {
		got := faults(t, "things", tt.config)
		want := tt.want
		if want != "" {
			want = "schemas/prism.yaml:" + want
		}
		if (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("config {%s}:\n%s\nwant:\n%s", tt.config, got, want)
		}
	}
}

// The name of a stream is a folder's, which limits its length.
func TestTableNames(t *testing.T) {
	for length, want := range map[int]string{
		128: "",
		129: "d/v1/thing.proto:4:3: PRISM3012",
	} {
		got := faults(t, strings.Repeat("t", length), `url: "${env:URL}"`)
		if (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("a table of %d bytes: %s, want %s", length, got, want)
		}
	}
}

// faults compiles an entity with the given table on nats with config, and
// returns the errors.
func faults(t *testing.T, table, config string) string {
	t.Helper()
	text := fmt.Sprintf(`syntax = "proto3"; package d.v1; import "prism/v1/options.proto"; option go_package = "example.com/d/out/contract/d/v1;dv1";
message Thing {
  option (prism.v1.entity) = {namespace: "n" key_value: {without: [SCAN]}};
  option (prism.v1.entity).table = %q;
  int64 id = 1 [(prism.v1.field).partition_key = 1];
}`, table)
	config = "deployment: d\nimport_path: example.com/d\npackages: [d.v1]\nnamespaces:\n- {name: n, backend: nats, config: {" + config + "}}\n"
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{"d/v1/thing.proto": {Data: []byte(text)}}}}, []string{"d.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	_, faults = generator.Run(generator.Input{Config: []byte(config), ConfigPath: "schemas/prism.yaml", Files: files, Backends: []*emit.Backend{gen.Backend()}})
	var all []string
	for _, f := range faults {
		if f.Severity == schema.Error {
			all = append(all, f.String())
		}
	}
	return strings.Join(all, "\n")
}
