package gen_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/sqlite/gen"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// The pool has the size that the declared peak gives, or that prism.yaml sets.
func TestReaders(t *testing.T) {
	for _, tt := range []struct {
		reads      uint64
		set        string
		wantValue  string
		wantSource string
	}{
		{0, "", "2", "clamp(2, ceil(0 peak reads/s / 2,500), 8)"},
		{12_000, "", "5", "clamp(2, ceil(12,000 peak reads/s / 2,500), 8)"},
		{1_000_000, "", "8", "clamp(2, ceil(1,000,000 peak reads/s / 2,500), 8)"},
		{12_000, "32", "32", "config readers"},
	} {
		n := &schema.Namespace{Config: map[string]string{"synchronous": "FULL"}, Entities: []*schema.Entity{{Capacity: schema.Capacity{PeakReads: tt.reads}}}}
		if tt.set != "" {
			n.Config["readers"] = tt.set
		}
		want := emit.Setting{Field: "Readers", Value: tt.wantValue, Formula: tt.wantSource}
		if got := gen.Backend().Settings(n)[1]; got != want {
			t.Errorf("%d reads, readers %q: %+v, want %+v", tt.reads, tt.set, got, want)
		}
	}
}
