package nats_test

import (
	"slices"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

func TestExpiry(t *testing.T) {
	s := open(t)
	w, err := s.Put(t.Context(), expiring("ann a@x 1"))
	if err != nil {
		t.Fatal(err)
	}
	expires := s.now.Truncate(time.Microsecond).Add(ttl)
	if w.Expires != wire.NewTimestamp(expires) {
		t.Errorf("expires %v, want %v", w.Expires, expires)
	}
	s.now = expires.Add(-time.Microsecond)
	if got := s.all(); len(got) != 1 {
		t.Errorf("a moment before it expires, the store holds %q", got)
	}
	if _, err := s.Put(t.Context(), record("bob a@x")); reason(t, err) != "UNIQUE email" {
		t.Errorf("Put of its value: %v", err)
	}
	s.now = expires
	for _, k := range []tuple.Key{key("ann"), email.Text([]byte("a@x"))} {
		if got := s.get(k); got != "" {
			t.Errorf("Get(%q) = %q", k, got)
		}
	}
	if _, err := s.CompareAndSwap(t.Context(), expiring("ann"), w.Version); reason(t, err) != "NOT_FOUND" {
		t.Errorf("CompareAndSwap: %v", err)
	}
	if existed, err := s.Delete(t.Context(), key("ann"), w.Version+1); existed || err != nil {
		t.Errorf("Delete = %t, %v", existed, err)
	}
	// Another takes a value of it over, and keeps it when the expired record is written.
	s.putRecord(expiring("bob a@x 2"))
	s.putRecord(expiring("ann b@x 1"))
	if got, want := s.all(), []string{"ann b@x 1", "bob a@x 2"}; !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
	// Renewed, a record keeps its values.
	s.now = s.now.Add(ttl / 2)
	s.putRecord(expiring("bob a@x 2"))
	s.now = s.now.Add(ttl / 2)
	if got, want := s.all(), []string{"bob a@x 2"}; !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
	if _, err := s.Put(t.Context(), record("cid a@x")); reason(t, err) != "UNIQUE email" {
		t.Errorf("Put of a renewed record's value: %v", err)
	}
}
