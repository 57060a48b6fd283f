package schema_test

import (
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// One fault gives one diagnostic, whose number and line are wanted here, and a piece
// of its text: what only follows from it is not told.
func TestOneFaultOneDiagnostic(t *testing.T) {
	edit := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	const list = "  - {name: orders, backend: sqlite}\n"
	postgres := func(url string) string {
		return edit(config, list, "  - name: orders\n    backend: postgres\n    config:\n      url: "+url+"\n")
	}
	tests := []struct{ name, config, order, want string }{
		{"namespaces is a mapping", edit(config, list, "  orders: {backend: sqlite}\n"), order, "prism.yaml:5:3: PRISM5033 … write a list, each element behind a dash"},
		{"namespaces is empty", edit(config, "namespaces:\n"+list, "namespaces: []\n"), order, "prism.yaml:4:13: PRISM5034 … write at least one"},
		{"namespaces has no value", edit(config, list, ""), order, "prism.yaml:4:12: PRISM5033 … namespaces is not a list"},
		{"namespaces is missing", edit(config, "namespaces:\n"+list, ""), order, "prism.yaml:1:1: PRISM5034 … namespaces is missing"},
		{"namespaces is misspelt", edit(config, "namespaces:", "namespace:"), order, "prism.yaml:4:1: PRISM5032 … did you mean namespaces?"},
		{"packages is misspelt", edit(config, "packages:", "package:"), order, "prism.yaml:3:1: PRISM5032 … did you mean packages?"},
		{"a namespace's name is misspelt", edit(config, "{name:", "{nmae:"), order, "prism.yaml:5:6: PRISM5032 … did you mean name?"},
		{"a namespace has no name", edit(config, "{name: orders, ", "{"), order, "prism.yaml:5:5: PRISM5034 … name is missing"},
		{"a namespace is a text", edit(config, "{name: orders, backend: sqlite}", "orders"), order, "prism.yaml:5:5: PRISM5033 … keys are missing here"},
		{"a setting is misspelt", edit(postgres("${env:URL}"), "url:", "ulr:"), order, "prism.yaml:8:7: PRISM3006 … did you mean url?"},
		{"a namespace of an entity is misspelt", config, edit(order, `"orders"`, `"order"`), `order.proto:3:3: PRISM3004 … schemas/shop/prism.yaml has no namespace "order" … did you mean orders?`},
		{"a reference does not end", postgres("postgres://app:${env:PW@db/app"), order, "prism.yaml:8:12: PRISM3006 … malformed"},
		{"a reference of no kind", postgres("postgres://app:${vault:pw}@db/app"), order, "prism.yaml:8:12: PRISM3006 … malformed"},
		{"a reference with a dash too few", postgres("host=db password=${env:PW:x}"), order, "prism.yaml:8:12: PRISM3006 … malformed"},
		{"listen with one colon", config + "listen: ${env:LISTEN:127.0.0.1:8980}\n", order, "prism.yaml:6:9: PRISM5038 … a reference in listen is malformed … write ${env:NAME:-127.0.0.1:8980}"},
		{"listen without an end", config + "listen: ${env:LISTEN:-127.0.0.1:8980\n", order, "prism.yaml:6:9: PRISM5038 … a reference in listen is malformed"},
		{"listen with text around", config + "listen: 127.0.0.1:${env:PORT:-8980}\n", order, "prism.yaml:6:9: PRISM5038 … listen has text beside a reference"},
		{"a number with a colon too few", edit(config, "sqlite", "sqlite, config: {readers: '${env:READERS-4}'}"), order, "prism.yaml:5:55: PRISM3006 … readers of backend sqlite is a malformed reference … write ${env:NAME:-…}"},
		{"a number is a reference where none can be", edit(config, "sqlite", "sqlite, config: {synchronous: '${env:SYNC}'}"), order, "prism.yaml:5:59: PRISM3006 … cannot be a reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := read(t, tt.config, tt.order)
			one(t, faults, tt.want)
		})
	}
}

// one checks that there is one fault, in whose line the parts of want stand in their
// order.
func one(t *testing.T, faults []schema.Diagnostic, want string) {
	t.Helper()
	got := lines(faults)
	rest, ok := got, len(faults) == 1
	for part := range strings.SplitSeq(want, " … ") {
		_, behind, found := strings.Cut(rest, part)
		rest, ok = behind, ok && found
	}
	if !ok {
		t.Errorf("got  %swant %s", got, want)
	}
	for _, f := range faults {
		if f.Rule == "" || f.Fix == "" || f.Number == 0 {
			t.Errorf("no number, no rule or no fix in %s", f)
		}
	}
}

// Two faults are two: a namespace without entities is told beside one that an entity
// does not have, unless it is the one that was meant.
func TestEmptyNamespaceBesideOthers(t *testing.T) {
	carts := config + "  - {name: carts, backend: sqlite}\n"
	const (
		unserved = `PRISM3004 [namespace.unserved] schemas/shop/prism.yaml has no namespace "archive"`
		orders   = `no entity in the packages has namespace "orders"`
		empty    = `no entity in the packages has namespace "carts"`
	)
	for _, tt := range []struct {
		name, config, order string
		want                []string
	}{
		{"another name", config, strings.Replace(order, `"orders"`, `"archive"`, 1), []string{unserved, orders}},
		{"a slip of the pen", carts, strings.Replace(order, `"orders"`, `"order"`, 1), []string{`did you mean orders?`, empty}},
		{"another fault", carts, strings.Replace(order, "max_length = 36", "min_length = 1", 1), []string{"PRISM2041", empty}},
		{"an entity without a namespace", carts, strings.Replace(order, `  option (prism.v1.entity).namespace = "orders";`+"\n", "", 1), []string{"PRISM2015"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := read(t, tt.config, tt.order)
			got := lines(faults)
			if len(faults) != len(tt.want) {
				t.Errorf("got  %swant %q", got, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got  %swant %q", got, want)
				}
			}
		})
	}
}

// What is written as 0 is there, and is told where it stands: it is not missing.
func TestZeroIsWritten(t *testing.T) {
	const key = "(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36"
	for _, tt := range []struct{ options, want string }{
		{"(prism.v1.field).partition_key = 0, (prism.v1.field).max_length = 36", "order.proto:6:18: PRISM3002 … partition_key of id is 0 … write at least 1"},
		{"(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 0", "order.proto:6:54: PRISM3002 … max_length of id is 0 … write at least 1"},
		{key + ", (prism.v1.field).sort_key = 0", "order.proto:6:88: PRISM3002 … sort_key of id is 0"},
		{key + ", (prism.v1.field).max_items = 0", "order.proto:6:88: PRISM2036 … max_items is set on id"},
		{key + ", (prism.v1.field).min_length = 0", ""}, // as much as not written
	} {
		t.Run(tt.options, func(t *testing.T) {
			d, faults := read(t, config, strings.Replace(order, key, tt.options, 1))
			if tt.want == "" {
				if d == nil || len(faults) > 0 {
					t.Errorf("got %s, want none", lines(faults))
				}
				return
			}
			one(t, faults, tt.want)
		})
	}
}
