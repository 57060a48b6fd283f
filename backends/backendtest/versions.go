package backendtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// issued collects the versions acknowledged for keys.
type issued struct {
	mu       sync.Mutex
	versions map[string]bool
	twice    []string
}

func (i *issued) add(key string, version int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.versions == nil {
		i.versions = map[string]bool{}
	}
	id := fmt.Sprintf("version %d of %s", version, key)
	if i.versions[id] || version <= 0 {
		i.twice = append(i.twice, id)
	}
	i.versions[id] = true
}

// verify demands that enough versions were issued, and none twice.
func (i *issued) verify(t *check, least int) {
	t.Helper()
	if len(i.twice) > 0 {
		t.Errorf("issued twice: %q", i.twice)
	}
	if len(i.versions) < least {
		t.Errorf("only %d versions were issued, the case wants %d", len(i.versions), least)
	}
}

// together runs n calls at the same time and waits for them.
func together(n int, run func(i int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	running.Wait()
}

const callers = 8

var versionCases = []testCase{
	{name: "across deletes", rule: "no version is issued twice for a key, and it grows, across deletes", run: func(t *check) {
		var seen issued
		last := int64(0)
		for range 10 {
			created := t.create(item("a"))
			replaced := t.put(item("a", "again"))
			t.remove("a")
			if created <= last || replaced <= created {
				t.Errorf("versions %d, %d after %d do not grow", created, replaced, last)
			}
			last = replaced
			seen.add("a", created)
			seen.add("a", replaced)
		}
		seen.verify(t, 20)
	}},
	{name: "across batches", needs: schema.CanBatch, rule: "no version is issued twice for a key by batches and their deletes", run: func(t *check) {
		var seen issued
		for range 4 {
			var in pb.BatchPutItemsRequest
			var keys pb.BatchDeleteItemsRequest
			for i := range 50 {
				in.Items = append(in.Items, &pb.Item{ItemId: fmt.Sprint("k", i)})
				keys.Keys = append(keys.Keys, itemKey(fmt.Sprint("k", i)))
			}
			for range 2 {
				out, err := t.Items.BatchPutItems(t.Context(), &in)
				t.ok(err)
				for i, r := range out.GetResults() {
					seen.add(in.Items[i].ItemId, r.GetVersion())
				}
			}
			_, err := t.Items.BatchDeleteItems(t.Context(), &keys)
			t.ok(err)
		}
		seen.verify(t, 400)
	}},
	{name: "across expiry", needs: schema.CanExpire, rule: "no version is issued twice for a key, across expiry, swept or not", run: func(t *check) {
		var seen issued
		for i := range 6 {
			out, err := t.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: &pb.Lease{LeaseId: "a"}})
			t.ok(err)
			seen.add("a", out.GetVersion())
			t.Advance(time.Hour)
			if i%2 == 0 {
				_, err := t.Server.RunTasks(t.Context())
				t.ok(err)
			}
		}
		seen.verify(t, 6)
	}},
	{name: "clock stepped back", rule: "versions grow whatever the clock does", run: func(t *check) {
		before := t.put(item("a"))
		t.Advance(-time.Hour)
		after := t.put(item("a"))
		t.remove("a")
		last := t.put(item("a"))
		t.Advance(time.Hour)
		if after <= before || last <= after {
			t.Errorf("versions %d, %d, %d do not grow", before, after, last)
		}
	}},
	{name: "across restart", rule: "no version is issued twice for a key across a restart, a deleted record included", restarts: true, run: func(t *check) {
		var seen issued
		for range 3 {
			seen.add("kept", t.put(item("kept")))
			seen.add("gone", t.put(item("gone")))
			t.remove("gone")
			t.Restart(t)
		}
		seen.add("gone", t.put(item("gone")))
		seen.verify(t, 7)
	}},
	{name: "swap across restart", rule: "a version that was answered is not answered again for another write after a restart, whether the store keeps its records or not", run: func(t *check) {
		var seen issued
		for i := range 3 {
			version := t.put(item("a", fmt.Sprint("before ", i)))
			seen.add("a", version)
			t.Restart(t)
			seen.add("a", t.put(item("a", fmt.Sprint("after ", i))))
			if t.has(schema.CanSwap) {
				_, err := t.swap(item("a", "stale"), version)
				t.refused(err, versionMismatch)
			}
		}
		seen.verify(t, 6)
	}},
	{name: "bumped", rule: "after bump-versions a version that the copy's future had is not issued: a swap that expects it is refused", restarts: true, run: func(t *check) {
		version := t.put(item("a"))
		future := version + 1_000_000 // of something written after the copy was made
		t.Stop(t)
		t.ok(t.Namespace(t, "items").BumpVersions(t.Context(), t.Env()))
		t.Start(t)
		t.holds(item("a"), version)
		if got := t.put(item("a")); got <= future {
			t.Errorf("version %d is issued, behind %d which a caller may have seen", got, future)
		}
		_, err := t.delete("a", future)
		t.refused(err, versionMismatch)
		if t.has(schema.CanSwap) {
			_, err = t.swap(item("a", "stale"), future)
			t.refused(err, versionMismatch)
		}
	}},
	{name: "concurrent writes", rule: "no version is issued twice for a key under concurrent puts, swaps, deletes and batches", run: func(t *check) {
		var seen issued
		together(callers, func(caller int) {
			for i := range 60 {
				id := fmt.Sprint("k", i%3)
				switch (caller + i) % 4 {
				case 0, 1:
					out, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: item(id)})
					if err != nil {
						t.Errorf("put: %v", err)
						return
					}
					seen.add(id, out.GetVersion())
				case 2:
					if !t.has(schema.CanSwap) {
						continue
					}
					record, _ := t.get(id)
					version, err := t.swap(item(id), record.GetVersion())
					switch status.Code(err) {
					case codes.OK:
						seen.add(id, version)
					case codes.Aborted, codes.NotFound, codes.AlreadyExists:
					default:
						t.Errorf("swap: %v", err)
					}
				case 3:
					if _, err := t.delete(id, 0); err != nil {
						t.Errorf("delete: %v", err)
					}
				}
			}
		})
		seen.verify(t, callers*30)
	}},
	{name: "seen to grow", rule: "while a record exists, who reads it sees its version grow", run: func(t *check) {
		t.put(item("a"))
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for range 4 {
			writers.Go(func() {
				for range 50 {
					if _, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: item("a")}); err != nil {
						t.Errorf("put: %v", err)
					}
				}
			})
		}
		defer writers.Wait()
		go func() {
			writers.Wait()
			cancel()
		}()
		for last := int64(0); ctx.Err() == nil; {
			record, err := t.get("a")
			t.ok(err)
			if record.GetVersion() < last {
				t.Fatalf("read version %d after %d", record.GetVersion(), last)
			}
			last = record.GetVersion()
		}
	}},
	{name: "concurrent swaps", needs: schema.CanSwap, rule: "of concurrent swaps that expect the same version exactly one wins, and the others are told its version", run: func(t *check) {
		for range 10 {
			expected := t.put(item("a"))
			errs, versions := make([]error, 2*callers), make([]int64, 2*callers)
			together(2*callers, func(i int) { versions[i], errs[i] = t.swap(item("a", fmt.Sprint(i)), expected) })
			winner := t.oneWinner(errs)
			for i, err := range errs {
				if i != winner {
					t.refused(err, versionMismatch, "current_version", decimal(versions[winner]))
				}
			}
			t.holds(item("a", fmt.Sprint(winner)), versions[winner])
		}
	}},
	{name: "concurrent creations", needs: schema.CanSwap, rule: "of concurrent swaps that expect no record exactly one wins", run: func(t *check) {
		for round := range 10 {
			id := fmt.Sprint("k", round)
			errs, versions := make([]error, 2*callers), make([]int64, 2*callers)
			together(2*callers, func(i int) { versions[i], errs[i] = t.swap(item(id, fmt.Sprint(i)), 0) })
			winner := t.oneWinner(errs)
			for i, err := range errs {
				if i != winner {
					t.refused(err, exists, "current_version", decimal(versions[winner]))
				}
			}
			t.holds(item(id, fmt.Sprint(winner)), versions[winner])
		}
	}},
	{name: "concurrent deletes", rule: "of concurrent deletes of one version exactly one finds the record", run: func(t *check) {
		for range 10 {
			version := t.put(item("a"))
			existed := make([]bool, callers)
			together(callers, func(i int) {
				var err error
				if existed[i], err = t.delete("a", version); err != nil {
					t.Errorf("delete: %v", err)
				}
			})
			found := 0
			for _, e := range existed {
				if e {
					found++
				}
			}
			t.equal("deletes that existed", found, 1)
		}
	}},
	{name: "no lost update", needs: schema.CanSwap, rule: "what is read, changed and swapped under concurrency is never lost", run: func(t *check) {
		const each = 15
		_, err := t.Counters.PutCounter(t.Context(), &pb.PutCounterRequest{Counter: &pb.Counter{CounterId: 1}})
		t.ok(err)
		together(callers, func(int) {
			for done := 0; done < each; {
				err := t.increment()
				switch status.Code(err) {
				case codes.OK:
					done++
				case codes.Aborted:
				default:
					t.Errorf("swap: %v", err)
					return
				}
			}
		})
		out, err := t.Counters.GetCounter(t.Context(), &pb.GetCounterRequest{Key: &pb.CounterKey{CounterId: 1}})
		t.ok(err)
		t.equal("the counter", out.GetRecord().GetCounter().GetValue(), int64(callers*each))
	}},
}

// increment adds one to counter 1 if nobody else does at the same time.
func (t *check) increment() error {
	out, err := t.Counters.GetCounter(t.Context(), &pb.GetCounterRequest{Key: &pb.CounterKey{CounterId: 1}})
	if err != nil {
		return err
	}
	_, err = t.Counters.CompareAndSwapCounter(t.Context(), &pb.CompareAndSwapCounterRequest{
		Counter:         &pb.Counter{CounterId: 1, Value: out.GetRecord().GetCounter().GetValue() + 1},
		ExpectedVersion: out.GetRecord().GetVersion(),
	})
	return err
}

// oneWinner demands that one of the calls succeeded, and returns which.
func (t *check) oneWinner(errs []error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		if err != nil {
			continue
		}
		if winner >= 0 {
			t.Fatalf("callers %d and %d both won", winner, i)
		}
		winner = i
	}
	if winner < 0 {
		t.Fatalf("nobody won: %v", errs)
	}
	return winner
}
