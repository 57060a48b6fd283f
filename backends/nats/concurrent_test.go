package nats_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
)

// Two proxies on one store, each with several callers, race for records and unique
// values: each swap is won once, each value has one holder, and no version is issued
// twice.
func TestTwoProxies(t *testing.T) {
	a := open(t)
	b := openOn(t, a.server)
	const callers, rounds = 3, 40
	var mu sync.Mutex
	versions, won := map[int64]bool{}, map[int64]bool{}
	note := func(version, over int64) {
		mu.Lock()
		defer mu.Unlock()
		if versions[version] {
			t.Errorf("version %d was issued twice", version)
		}
		if over != 0 && won[over] {
			t.Errorf("two swaps of version %d succeeded", over)
		}
		versions[version], won[over] = true, true
	}
	note(a.put("ann 0"), 0)
	var group sync.WaitGroup
	swaps := make(chan int, 2*callers)
	for i, s := range []*store{a, b, a, b, a, b} {
		group.Go(func() {
			done := 0
			for round := range rounds {
				var row runtime.Row
				if err := s.Get(t.Context(), key("ann"), func(r runtime.Row) bool { row = r; return true }); err != nil {
					t.Error(err)
					return
				}
				w, err := s.CompareAndSwap(t.Context(), record(fmt.Sprintf("ann v%d", round%3)), row.Version)
				switch got, _, _ := strings.Cut(reason(t, err), " "); got {
				case "":
					note(w.Version, row.Version)
					done++
				case "VERSION_MISMATCH", "UNIQUE", "BACKEND_CONTENTION":
				default:
					t.Error(err)
				}
				// Others want the values that ann has, and each other's.
				w, err = s.Put(t.Context(), record(fmt.Sprintf("%s v%d", []string{"bob", "cid", "dan"}[i%3], round%3)))
				switch got, _, _ := strings.Cut(reason(t, err), " "); got {
				case "":
					note(w.Version, 0)
				case "UNIQUE", "BACKEND_CONTENTION":
				default:
					t.Error(err)
				}
				if _, err := s.Delete(t.Context(), key("bob"), 0); err != nil && reason(t, err) != "BACKEND_CONTENTION" {
					t.Error(err)
				}
			}
			swaps <- done
		})
	}
	group.Wait()
	close(swaps)
	total := 0
	for n := range swaps {
		total += n
	}
	if total == 0 {
		t.Error("no swap succeeded")
	}
	values := map[string]string{}
	for _, text := range a.all() { // which finds each by its value
		words := strings.Fields(text)
		if other := values[words[1]]; other != "" {
			t.Errorf("%s and %s have one value", other, text)
		}
		values[words[1]] = text
	}
}

// Writes to a table without unique indexes read nothing and take no turns, but
// batches are still atomic and versions issued once.
func TestBlindWrites(t *testing.T) {
	s := open(t)
	const writers, rounds = 8, 50
	versions := make(chan int64, writers*rounds*3)
	note := func(text string) *bytestore.Record {
		return bytestore.NewRecord(plain.Text([]byte(text[:1])), []byte(text))
	}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				written, err := s.BatchPut(t.Context(), "notes", []*bytestore.Record{note(fmt.Sprintf("a %d-%d", w, i)), note(fmt.Sprintf("b %d-%d", w, i))})
				if err != nil {
					t.Error(err)
					return
				}
				versions <- written[0].Version
				versions <- written[1].Version
				one, err := s.Put(t.Context(), note("c"))
				if err != nil {
					t.Error(err)
					return
				}
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
	if len(seen) != writers*rounds*3 {
		t.Errorf("%d versions, want %d", len(seen), writers*rounds*3)
	}
	if a, b := s.get(plain.Text([]byte("a"))), s.get(plain.Text([]byte("b"))); a[1:] != b[1:] {
		t.Errorf("the last batch is %q and %q", a, b)
	}
}
