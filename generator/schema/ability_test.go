package schema_test

import (
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// What a store cannot do is refused at the option that asks for it, with what
// the entity can do without and which stores can.
func TestAbilities(t *testing.T) {
	onNATS := strings.Replace(config, "backend: sqlite", "backend: nats", 1)
	for _, row := range []struct{ name, keyValue, fields, want string }{
		{"scans, by default", `{}`, ``,
			`shop/v1/order.proto:4:3: PRISM3010 [backend.ability] key_value of Order needs scans, which nats does not support: the subjects of a stream have no order; a backend supports everything that its entities ask for; write without: SCAN, or choose one of memory, postgres, sqlite in prism.yaml`},
		{"an index that is not unique", `{without: [SCAN]}`, `int64 shop = 2 [(prism.v1.field).index = EQUALITY];`,
			`shop/v1/order.proto:6:17: PRISM3010 [backend.ability] index shop of Order needs indexes that are not unique, which nats does not support: the subjects of a stream have no order; a backend supports everything that its entities ask for; remove the index, or choose one of memory, postgres, sqlite in prism.yaml`},
		{"nothing that it lacks", `{without: [SCAN]}`, `optional int64 shop = 2 [(prism.v1.field).index = UNIQUE];`, ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, faults := read(t, onNATS, `message Order {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = `+row.keyValue+`;
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
`+row.fields+`
}
`)
			if got := strings.TrimSpace(lines(faults)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// An abstraction that a store does not serve is refused where the entity stands.
func TestAbstractionNotServed(t *testing.T) {
	text, files := shopFiles(t)
	var offers []schema.Store
	for _, s := range backends {
		if s.Name == "sqlite" {
			s.KeyValue = nil
		}
		offers = append(offers, s)
	}
	_, faults := schema.Read(schema.Input{Config: text, ConfigPath: configPath, Files: files, Stores: offers})
	const want = `shop/v1/order.proto:13:1: PRISM3010 [backend.ability] entity Order is key_value, which sqlite does not serve; a backend supports everything that its entities ask for; declare another abstraction, or choose one of memory, nats, postgres in prism.yaml`
	if got := lines(faults); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
