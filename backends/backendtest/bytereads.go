package backendtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// byteReads are the rules about reads, expiry and contexts.
var byteReads = []byteCase{
	{"batches of keys", "a batch answers for each key in its order, until a row is not taken", func(t *byteCheck) {
		t.put(t.record("ann"))
		t.put(t.expiring("bob"))
		t.put(t.record("cid"))
		t.now = t.now.Add(ByteTTL)
		keys := keysOf(t.records([]string{"cid", "bob", "ann", "dan"}))
		for most, want := range [][]string{3: {"cid", "", "ann"}, 4: {"cid", "", "ann", ""}} {
			var got []string
			if err := t.BatchGet(t.Context(), keys, func(r runtime.Row) bool {
				got = append(got, string(r.Record))
				return len(got) < most
			}); want != nil && (err != nil || !slices.Equal(got, want)) {
				t.Errorf("BatchGet = %q, %v, want %q", got, err, want)
			}
		}
		existed, err := t.BatchDelete(t.Context(), keys)
		if want := []bool{true, false, true, false}; err != nil || !slices.Equal(existed, want) {
			t.Errorf("BatchDelete = %t, %v, want %t", existed, err, want)
		}
		t.holds()
	}},
	{"lists", "a list has the records between two keys, the first among them, in order or in reverse", func(t *byteCheck) {
		if t.lists == nil {
			return
		}
		for _, k := range []string{"d", "b", "a", "e", "c"} {
			r := ByteRecord(k + " " + k)
			r.Index(byGroup.Text([]byte("g")).Text([]byte(k)))
			t.put(r)
		}
		t.put(ByteRecord("f f"))
		t.put(t.expiring("bb"))
		t.now = t.now.Add(ByteTTL)
		g := byGroup.Text([]byte("g"))
		for _, l := range []struct {
			name     string
			from, to tuple.Key
			page     page.Request
			want     string
		}{
			{"all", users, users.End(), page.Request{}, "abcdef"},
			{"all in reverse", users, users.End(), page.Request{Reverse: true}, "fedcba"},
			{"from inclusive, to exclusive", ByteKey("b"), ByteKey("d"), page.Request{}, "bc"},
			{"the same in reverse", ByteKey("b"), ByteKey("d"), page.Request{Reverse: true}, "cb"},
			{"between keys", ByteKey("aa"), ByteKey("dd"), page.Request{}, "bcd"},
			{"between keys in reverse", ByteKey("aa"), ByteKey("dd"), page.Request{Reverse: true}, "dcb"},
			{"nothing", ByteKey("c"), ByteKey("c"), page.Request{}, ""},
			{"nothing in reverse", ByteKey("c"), ByteKey("c"), page.Request{Reverse: true}, ""},
			{"a page", users, users.End(), page.Request{Size: 3}, "abc+"},
			{"a page in reverse", users, users.End(), page.Request{Size: 3, Reverse: true}, "fed+"},
			{"a page that takes all", users, users.End(), page.Request{Size: 6}, "abcdef"},
			{"an index", g, g.End(), page.Request{}, "abcde"},
			{"an index in reverse", g, g.End(), page.Request{Reverse: true}, "edcba"},
		} {
			var got string
			for _, text := range t.list(l.from, l.to, l.page) {
				got += text[:1]
			}
			if got != l.want {
				t.Errorf("%s: %q, want %q", l.name, got, l.want)
			}
		}
	}},
	{"expiry", "a record that expired is absent and its values are free, by the store's clock alone", func(t *byteCheck) {
		w, err := t.Put(t.Context(), t.expiring("ann a@x 1"))
		if err != nil {
			t.Fatal(err)
		}
		expires := t.now.Truncate(time.Microsecond).Add(ByteTTL)
		if w.Expires != wire.NewTimestamp(expires) {
			t.Errorf("expires %v, want %v", w.Expires, expires)
		}
		t.now = expires.Add(-time.Microsecond)
		t.holds("ann a@x 1")
		_, err = t.Put(t.Context(), t.record("bob a@x"))
		t.reason("Put of its value, a moment before", err, "UNIQUE email")
		t.now = expires
		t.holds()
		for _, k := range []tuple.Key{ByteKey("ann"), ByteEmail("a@x")} {
			if got := t.text(k); got != "" {
				t.Errorf("Get(%q) = %q", k, got)
			}
		}
		_, err = t.CompareAndSwap(t.Context(), t.expiring("ann"), w.Version)
		t.reason("CompareAndSwap", err, "NOT_FOUND")
		if existed, err := t.Delete(t.Context(), ByteKey("ann"), w.Version+1); existed || err != nil {
			t.Errorf("Delete = %t, %v", existed, err)
		}
		// Another record takes over one of its values, and keeps it when the expired
		// record is written.
		t.put(t.expiring("bob a@x 2"))
		t.put(t.expiring("ann b@x 1"))
		t.holds("ann b@x 1", "bob a@x 2")
	}},
	{"renewed", "a record that is put anew expires later, and keeps its values", func(t *byteCheck) {
		t.put(t.expiring("bob a@x 2"))
		t.now = t.now.Add(ByteTTL / 2)
		t.put(t.expiring("bob a@x 2"))
		t.now = t.now.Add(ByteTTL / 2)
		t.swept(0)
		t.holds("bob a@x 2")
		_, err := t.Put(t.Context(), t.record("cid a@x"))
		t.reason("Put of its value", err, "UNIQUE email")
	}},
	{"sweep", "a sweep deletes what expired, a part at a time, and nothing else", func(t *byteCheck) {
		if t.sweeper == nil {
			return
		}
		for i := range 1500 {
			t.put(t.expiring(fmt.Sprintf("k%d k%d", i, i)))
		}
		t.put(t.record("eve e@x"))
		for _, want := range []int{0, 1000, 500, 0} {
			t.swept(want)
			t.now = t.now.Add(ByteTTL)
		}
		t.now = t.now.Add(-5 * ByteTTL) // what was swept stays gone, whatever the clock says
		t.holds("eve e@x")
	}},
	{"taken over", "a sweep leaves the record that took the place of an expired one", func(t *byteCheck) {
		t.put(t.expiring("ann a@x 1"))
		t.now = t.now.Add(ByteTTL)
		t.put(t.expiring("bob a@x 1"))
		t.swept(0)
		t.holds("bob a@x 1")
	}},
	{"context", "a call whose context has ended changes nothing", func(t *byteCheck) {
		t.put(t.record("ann"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		none := func(runtime.Row) bool { return true }
		calls := map[string]func() error{
			"Put":            func() error { _, err := t.Put(ctx, t.record("bob")); return err },
			"CompareAndSwap": func() error { _, err := t.CompareAndSwap(ctx, t.record("bob"), 0); return err },
			"Get":            func() error { return t.Get(ctx, ByteKey("ann"), none) },
			"Delete":         func() error { _, err := t.Delete(ctx, ByteKey("ann"), 0); return err },
			"BatchPut":       func() error { _, err := t.BatchPut(ctx, "users", t.records([]string{"bob"})); return err },
			"BatchGet":       func() error { return t.BatchGet(ctx, []tuple.Key{ByteKey("ann")}, none) },
			"BatchDelete":    func() error { _, err := t.BatchDelete(ctx, []tuple.Key{ByteKey("ann")}); return err },
		}
		if t.lists != nil {
			calls["List"] = func() error { return t.lists.List(ctx, users, users.End(), nil) }
		}
		if t.sweeper != nil {
			calls["Sweep"] = func() error { _, err := t.sweeper.Sweep(ctx); return err }
		}
		for name, call := range calls {
			t.reason(name, call(), "CANCELLED")
		}
		t.holds("ann")
	}},
}

// swept makes a store that sweeps do so, and demands that it deletes that many
// records.
func (t *byteCheck) swept(want int) {
	t.Helper()
	if t.sweeper == nil {
		return
	}
	if got, err := t.sweeper.Sweep(t.Context()); got != want || err != nil {
		t.Errorf("Sweep = %d, %v, want %d", got, err, want)
	}
}

func keysOf(records []*bytestore.Record) (keys []tuple.Key) {
	for _, r := range records {
		keys = append(keys, r.Key())
	}
	return keys
}
