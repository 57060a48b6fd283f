package gen_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/sqlite/gen"
	"github.com/prism-proxy/prism/generator/schema"
)

// The pool's size follows from the declared peak, or is set in prism.yaml.
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
		{12_000, "${env:READERS:-6}", "6", "config readers, ${env:READERS:-6}"},
	} {
		n := &schema.Namespace{Config: map[string]string{"synchronous": "FULL"}, Entities: []*schema.Entity{{Capacity: schema.Capacity{PeakReads: tt.reads}}}}
		if tt.set != "" {
			n.Config["readers"] = tt.set
		}
		got := gen.Backend().Settings(n)[1]
		if got.Field != "Readers" || got.Value != tt.wantValue || got.Formula != tt.wantSource {
			t.Errorf("%d reads, readers %q: %+v, want %s = %s", tt.reads, tt.set, got, tt.wantValue, tt.wantSource)
		}
		if want := (tt.set != "32") && tt.set != ""; (got.From.Reference != "") != want {
			t.Errorf("readers %q: a reference %+v, want one: %t", tt.set, got.From, want)
		}
	}
}
