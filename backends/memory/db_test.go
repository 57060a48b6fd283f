package memory_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/memory"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/tuple"
)

func open(t *testing.T, now func() time.Time) *memory.DB {
	t.Helper()
	db, err := memory.Open(t.Context(), &runtime.Env{Now: now}, runtime.Namespace{Name: "users"}, memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestByteStore(t *testing.T) {
	backendtest.ByteStore(t, func(t *testing.T, now func() time.Time) bytestore.KeyValue { return open(t, now) })
}

// Readers see a batch whole or not at all, which not every store promises.
func TestBatchesAreReadWhole(t *testing.T) {
	db := open(t, time.Now)
	const writers, rounds = 8, 200
	halves := func(text string) []*bytestore.Record {
		return []*bytestore.Record{bytestore.NewRecord(backendtest.ByteKey("a"), []byte(text)), bytestore.NewRecord(backendtest.ByteKey("b"), []byte(text))}
	}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				if _, err := db.BatchPut(t.Context(), "users", halves(fmt.Sprintf("%d-%d", w, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
		group.Go(func() {
			for range rounds {
				var got []string
				if err := db.BatchGet(t.Context(), []tuple.Key{backendtest.ByteKey("a"), backendtest.ByteKey("b")}, func(r runtime.Row) bool {
					got = append(got, string(r.Record))
					return true
				}); err != nil {
					t.Error(err)
					return
				}
				if got[0] != got[1] {
					t.Errorf("a reader saw %q", got)
					return
				}
			}
		})
	}
	group.Wait()
}
