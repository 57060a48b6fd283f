package memory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

func TestExpiry(t *testing.T) {
	s := open(t)
	w, err := s.Put(t.Context(), expiring("ann a@x 1 red"))
	if err != nil {
		t.Fatal(err)
	}
	expires := s.now.Truncate(time.Microsecond).Add(ttl)
	if diff := cmp.Diff(wire.NewTimestamp(expires), w.Expires); diff != "" {
		t.Errorf("expires (-want +got):\n%s", diff)
	}
	s.now = expires.Add(-time.Microsecond)
	if got := s.all(); len(got) != 1 {
		t.Errorf("a moment before it expires, the store holds %q", got)
	}
	s.now = expires
	if err := s.Get(t.Context(), key("ann"), new(keyvalue.Result).Add); reason(t, err) != "NOT_FOUND" {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.CompareAndSwap(t.Context(), expiring("ann"), w.Version); reason(t, err) != "NOT_FOUND" {
		t.Errorf("CompareAndSwap: %v", err)
	}
	if existed, err := s.Delete(t.Context(), key("ann"), w.Version+1); existed || err != nil {
		t.Errorf("Delete = %t, %v", existed, err)
	}
	s.putRecord(expiring("bob a@x 1 red"))
	if got := s.list(group, group.End(), page.Request{}); !slices.Equal(got, []string{"bob a@x 1 red"}) {
		t.Errorf("the index has %q", got)
	}
	if swept, err := s.Sweep(t.Context()); swept != 0 || err != nil {
		t.Errorf("Sweep = %d, %v, although another record took the place of the expired one", swept, err)
	}
}

func TestExpiryIsRenewed(t *testing.T) {
	s := open(t)
	s.putRecord(expiring("ann"))
	s.now = s.now.Add(ttl / 2)
	s.putRecord(expiring("ann again"))
	s.now = s.now.Add(ttl / 2)
	if swept, err := s.Sweep(t.Context()); swept != 0 || err != nil {
		t.Errorf("Sweep = %d, %v", swept, err)
	}
	if got := s.all(); !slices.Equal(got, []string{"ann again"}) {
		t.Errorf("the store holds %q", got)
	}
}

func TestSweep(t *testing.T) {
	s := open(t)
	for i := range 1500 {
		s.putRecord(expiring(fmt.Sprintf("k%d k%d - red", i, i)))
	}
	s.put("forever f@x - red")
	for _, want := range []int{0, 1000, 500, 0} {
		swept, err := s.Sweep(t.Context())
		if swept != want || err != nil {
			t.Errorf("Sweep = %d, %v, want %d", swept, err, want)
		}
		s.now = s.now.Add(ttl)
	}
	s.now = s.now.Add(-5 * ttl) // what was swept is gone, whatever the clock says
	for _, span := range []tuple.Key{table, group} {
		if got := s.list(span, span.End(), page.Request{}); !slices.Equal(got, []string{"forever f@x - red"}) {
			t.Errorf("under %q there are %q", span, got)
		}
	}
}
