package schema_test

import (
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// What a team declares bounds what the proxy lets in, and what an operator
// writes takes its place.
func TestLimitsOfCapacity(t *testing.T) {
	const limits = "packages: [shop.v1]\nnamespaces:\n  - {name: orders, backend: sqlite, limits: {in_flight: 7, rates: {GetOrder: 9}}}\n"
	declared := func(capacity string) string {
		return strings.Replace(order, "  string id", "  option (prism.v1.entity).capacity = {"+capacity+"};\n  string id", 1)
	}
	overridden := config[:strings.Index(config, "packages")] + limits
	for _, tt := range []struct {
		name, config, capacity string
		get, put, inFlight     schema.Limit
	}{
		{"nothing declared", config, "", schema.Limit{}, schema.Limit{}, schema.Limit{}},
		{
			"reads alone", config, "peak_reads_per_second: 10",
			schema.Limit{Value: 20, Formula: "2 × 10 peak reads/s"}, schema.Limit{}, schema.Limit{},
		},
		{
			"both", config, "peak_reads_per_second: 300 peak_writes_per_second: 101",
			schema.Limit{Value: 600, Formula: "2 × 300 peak reads/s"}, schema.Limit{Value: 202, Formula: "2 × 101 peak writes/s"},
			schema.Limit{Value: 201, Formula: "clamp(64, ceil(2 × 401 peak calls/s × 250 ms), 4096)"},
		},
		{
			"small", config, "peak_reads_per_second: 1 peak_writes_per_second: 1",
			schema.Limit{Value: 2, Formula: "2 × 1 peak reads/s"}, schema.Limit{Value: 2, Formula: "2 × 1 peak writes/s"},
			schema.Limit{Value: 64, Formula: "clamp(64, ceil(2 × 2 peak calls/s × 250 ms), 4096)"},
		},
		{
			"overridden", overridden, "peak_writes_per_second: 5",
			schema.Limit{Value: 9, Formula: "prism.yaml"}, schema.Limit{Value: 10, Formula: "2 × 5 peak writes/s"}, schema.Limit{Value: 7, Formula: "prism.yaml"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, faults := read(t, tt.config, declared(tt.capacity))
			if d == nil {
				t.Fatal(lines(faults))
			}
			e := d.Entities()[0]
			for _, m := range e.Service.Methods {
				want := tt.put
				if m.Name == "GetOrder" {
					want = tt.get
				}
				if got := e.Rate(m); (m.Write || m.Name == "GetOrder") && got != want {
					t.Errorf("%s: %+v, want %+v", m.Name, got, want)
				}
			}
			if got := e.Namespace.InFlight(); got != tt.inFlight {
				t.Errorf("in flight: %+v, want %+v", got, tt.inFlight)
			}
		})
	}
}
