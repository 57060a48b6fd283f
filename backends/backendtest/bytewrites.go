package backendtest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
)

// byteWrites are the rules about single writes and several at once.
var byteWrites = []byteCase{
	{"put replaces", "a put takes the place of the record with its key and of its entries, in a greater version", func(t *byteCheck) {
		first := t.put(t.record("ann a@x 1"))
		if second := t.put(t.record("ann b@x 1")); second <= first {
			t.Errorf("versions %d, %d: they do not grow", first, second)
		}
		t.holds("ann b@x 1")
		if got := t.text(ByteEmail("a@x")); got != "" {
			t.Errorf("by the value of before there is %q", got)
		}
	}},
	{"put copies", "what is put is copied before the call returns", func(t *byteCheck) {
		request := []byte("ann")
		t.put(bytestore.NewRecord(users.Text(request), request))
		copy(request, "bob")
		t.holds("ann")
	}},
	{"compare and swap", "a swap is applied on the expected version and on no other", func(t *byteCheck) {
		t.put(t.record("bob b@x"))
		version := t.put(t.record("ann a@x"))
		swap := func(text string, expected int64, want string) int64 {
			t.Helper()
			w, err := t.CompareAndSwap(t.Context(), t.record(text), expected)
			t.reason(fmt.Sprintf("CompareAndSwap(%s, %d)", text, expected), err, want)
			return w.Version
		}
		swap("ann", 0, fmt.Sprint("EXISTS ", version))
		swap("ann", 1, fmt.Sprint("VERSION_MISMATCH ", version))
		swap("ann b@x", version, "UNIQUE email")
		swap("cid", 1, "NOT_FOUND")
		next := swap("ann c@x", version, "")
		if next <= version {
			t.Errorf("version %d was issued after %d", next, version)
		}
		swap("ann d@x", version, fmt.Sprint("VERSION_MISMATCH ", next))
		swap("cid a@x", 0, "")
		t.holds("ann c@x", "bob b@x", "cid a@x")
	}},
	{"delete", "a delete says whether the record was there, and no version is issued again", func(t *byteCheck) {
		version := t.put(t.record("ann a@x 1"))
		last := t.put(t.record("cid"))
		for _, step := range []struct {
			name      string
			ifVersion int64
			existed   bool
			want      string
		}{
			{"bob", 0, false, ""},
			{"bob", 7, false, ""},
			{"ann", version + 1, false, fmt.Sprint("VERSION_MISMATCH ", version)},
			{"ann", version, true, ""},
			{"ann", 0, false, ""},
			{"cid", 0, true, ""},
		} {
			existed, err := t.Delete(t.Context(), ByteKey(step.name), step.ifVersion)
			t.reason(fmt.Sprintf("Delete(%s, %d)", step.name, step.ifVersion), err, step.want)
			if existed != step.existed {
				t.Errorf("Delete(%s, %d) = %t, want %t", step.name, step.ifVersion, existed, step.existed)
			}
		}
		if again := t.put(t.record("bob a@x 1")); again <= last {
			t.Errorf("version %d was issued after %d", again, last)
		}
		if again, err := t.CompareAndSwap(t.Context(), t.record("ann"), 0); err != nil || again.Version <= last {
			t.Errorf("a swap over a deleted record: version %d after %d, %v", again.Version, last, err)
		}
		t.holds("ann", "bob a@x 1")
	}},
	{"unique", "one record has a unique value, and of several that are taken the first index is told", func(t *byteCheck) {
		t.put(t.record("ann a@x 1"))
		t.put(t.record("bob b@x 2"))
		for _, step := range []struct{ text, want string }{
			{"cid a@x 2", "UNIQUE email"},
			{"cid c@x 2", "UNIQUE phone"},
			{"cid a@x 3", "UNIQUE email"},
			{"ann a@x 2", "UNIQUE phone"},
			{"ann a@x 1", ""}, // its own values
			{"ann c@x 1", ""},
			{"cid a@x -", ""},
		} {
			_, err := t.Put(t.Context(), t.record(step.text))
			t.reason("Put of "+step.text, err, step.want)
		}
		t.holds("ann c@x 1", "bob b@x 2", "cid a@x -")
	}},
	{"batch", "a batch is put in its order, whole or not at all, and judged by what it leaves behind", func(t *byteCheck) {
		before := []string{"ann a@x 1", "bob b@x 2"}
		for _, step := range []struct {
			name  string
			batch []string
			want  string // reason, index and item
			after []string
		}{
			{"all new", []string{"cid c@x", "dan d@x"}, "", []string{"ann a@x 1", "bob b@x 2", "cid c@x", "dan d@x"}},
			{"an item takes what one before it gives up", []string{"ann c@x", "cid a@x"}, "", []string{"ann c@x", "bob b@x 2", "cid a@x"}},
			{"two items exchange what a third holds", []string{"ann z@x 1", "bob a@x 2", "cid b@x"}, "", []string{"ann z@x 1", "bob a@x 2", "cid b@x"}},
			{"an item takes what one after it gives up", []string{"cid a@x", "ann c@x"}, "", []string{"ann c@x", "bob b@x 2", "cid a@x"}},
			{"items want one value", []string{"cid c@x 3", "dan d@x", "eve c@x"}, "UNIQUE email users[2]", before},
			{"an item fails after others replaced records", []string{"ann z@x 9", "bob y@x 8", "cid - 9"}, "UNIQUE phone users[2]", before},
		} {
			if _, err := t.BatchDelete(t.Context(), keysOf(t.records([]string{"ann", "bob", "cid", "dan", "eve"}))); err != nil {
				t.Fatal(err)
			}
			for _, text := range before {
				t.put(t.record(text))
			}
			batch := t.records(step.batch)
			written, err := t.BatchPut(t.Context(), "users", batch)
			got := ByteReason(t, err)
			if e := (*runtime.Error)(nil); errors.As(err, &e) {
				got += " " + e.Field
			}
			if got != step.want {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
			t.holds(step.after...)
			for i, w := range written {
				var row runtime.Row
				err := t.Get(t.Context(), batch[i].Key(), func(r runtime.Row) bool { row = r; return true })
				if err != nil || row.Version != w.Version || w.Version != written[0].Version+int64(i) {
					t.Errorf("%s: item %d is read with version %d, %v, and was written with %d, the first with %d", step.name, i, row.Version, err, w.Version, written[0].Version)
				}
			}
		}
	}},
	{"concurrent", "versions are issued once, whoever writes, and batches are whole", func(t *byteCheck) {
		const writers, rounds = 8, 20
		versions := make(chan int64, writers*rounds*3)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range rounds {
					// Two names in no index, and one that all want.
					written, err := t.BatchPut(t.Context(), "users", []*bytestore.Record{
						bytestore.NewRecord(ByteKey("ann"), fmt.Appendf(nil, "%d-%d", w, i)), bytestore.NewRecord(ByteKey("bob"), fmt.Appendf(nil, "%d-%d", w, i)),
					})
					one, second := t.Put(t.Context(), bytestore.NewRecord(ByteKey("cid"), nil))
					if err := errors.Join(err, second); err != nil {
						if reason := ByteReason(t, err); reason != "BACKEND_CONTENTION" {
							t.Errorf("%v", err)
						}
						continue
					}
					versions <- written[0].Version
					versions <- written[1].Version
					versions <- one.Version
				}
			})
		}
		group.Wait()
		close(versions)
		seen := map[int64]bool{}
		for v := range versions {
			if seen[v] {
				t.Fatalf("version %d was issued twice", v)
			}
			seen[v] = true
		}
		if len(seen) == 0 {
			t.Errorf("no write succeeded")
		}
		if a, b := t.text(ByteKey("ann")), t.text(ByteKey("bob")); a != b {
			t.Errorf("the last batch is %q and %q", a, b)
		}
	}},
}
