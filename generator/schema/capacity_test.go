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

// The memory of connections and calls comes of the calls that are let in, within
// bounds, unless prism.yaml says it.
func TestMemory(t *testing.T) {
	set := strings.Replace(config, "packages", "memory: 96MiB\npackages", 1)
	for _, tt := range []struct {
		name, config, capacity string
		want                   schema.Limit
	}{
		{"nothing declared", config, "", schema.Limit{Value: 256 << 20, Formula: "the default: no namespace has a limit of calls"}},
		{
			"small", config, "peak_reads_per_second: 1 peak_writes_per_second: 1",
			schema.Limit{Value: 256 << 20, Formula: "clamp(256 MiB, 4/3 × (64 calls of orders × (32 KiB + min(100 records × 0 bytes, 3.5 MiB))), 4 GiB)"},
		},
		{
			// 4/3 × 1,000 × (32,768 + 400,000) bytes = 550.2 MiB
			"large", config, "peak_reads_per_second: 1000 peak_writes_per_second: 1000 bytes_per_record: 4000",
			schema.Limit{Value: 551 << 20, Formula: "clamp(256 MiB, 4/3 × (1000 calls of orders × (32 KiB + min(100 records × 4000 bytes, 3.5 MiB))), 4 GiB)"},
		},
		{
			"too large", config, "peak_reads_per_second: 9000000 peak_writes_per_second: 1000 bytes_per_record: 1000000",
			schema.Limit{Value: 4 << 30, Formula: "clamp(256 MiB, 4/3 × (4096 calls of orders × (32 KiB + min(100 records × 1000000 bytes, 3.5 MiB))), 4 GiB)"},
		},
		{"set", set, "peak_reads_per_second: 9000000", schema.Limit{Value: 96 << 20, Formula: "prism.yaml"}},
	} {
		d, faults := read(t, tt.config, strings.Replace(order, "  string id", "  option (prism.v1.entity).capacity = {"+tt.capacity+"};\n  string id", 1))
		if d == nil {
			t.Fatal(tt.name, lines(faults))
		}
		if got := d.Memory(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
