package backendtest

import (
	"time"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// Expiry and page tokens follow the proxy's clock, and versions follow none.
var clockCases = []testCase{
	{name: "back", needs: schema.CanExpire, rule: "a clock that goes back an hour ends no record early and brings back none that was swept; what is written then lives for its ttl by it", run: func(t *check) {
		if t.backend.Emit.Expires {
			return // it is not known what was swept
		}
		before := t.putLease(lease("before", "o")).GetVersion()
		t.Advance(leaseTTL)
		t.equal("swept", t.sweep(), true)
		kept := t.putLease(lease("kept", "p")).GetVersion()
		t.Advance(-time.Hour)
		_, err := t.getLease("before")
		t.refused(err, notFound)
		record, err := t.getLease("kept")
		t.ok(err)
		t.equal("version", record.GetVersion(), kept)

		t.putLease(lease("during", "q"))
		t.Advance(leaseTTL - time.Millisecond)
		written := []string{"before", "during", "kept"}
		t.equal("listed", t.leases(1, written...), []string{"during", "kept"})
		t.Advance(time.Millisecond)
		t.equal("listed when the first has expired", t.leases(1, written...), []string{"kept"})
		t.equal("swept", t.sweep(), true)
		t.Advance(time.Hour)
		t.equal("listed when all have", t.leases(1, written...), []string(nil))
		t.equal("swept", t.sweep(), true)

		if again := t.putLease(lease("before", "o")).GetVersion(); again <= before {
			t.Errorf("version %d is issued after %d", again, before)
		}
	}},
	{name: "forward and back", needs: schema.CanExpire, rule: "a clock that goes a day too far and back hides what is not swept meanwhile, and no more", run: func(t *check) {
		put := t.putLease(lease("a", "o"))
		t.Advance(24 * time.Hour)
		_, err := t.getLease("a")
		t.refused(err, notFound)
		t.Advance(-24 * time.Hour)
		record, err := t.getLease("a")
		t.ok(err)
		t.equal("version", record.GetVersion(), put.GetVersion())
		if !t.has(schema.CanSwap) {
			return
		}
		_, err = t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("a", "o"), ExpectedVersion: put.GetVersion()})
		t.ok(err)
	}},
	{name: "tokens", needs: schema.CanScan, rule: "a page token is good for 24 hours by the clock as it is, one that comes from later too", run: func(t *check) {
		for _, id := range []string{"a", "b", "c"} {
			t.put(item(id))
		}
		page := func(token string) (*pb.ScanItemsResponse, error) {
			return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1, PageToken: token})
		}
		first, err := page("")
		t.ok(err)
		t.Advance(-time.Hour)
		second, err := page(first.GetNextPageToken())
		t.ok(err)
		t.equal("on the second page", second.GetRecords()[0].GetItem().GetItemId(), "b")
		t.Advance(24*time.Hour + time.Second)
		_, err = page(second.GetNextPageToken())
		t.refused(err, tokenInvalid)
		_, err = page(first.GetNextPageToken())
		t.ok(err)
		t.Advance(-24 * time.Hour)
	}},
	{name: "versions", rule: "versions grow while the clock goes back, also behind a restart", restarts: true, run: func(t *check) {
		var seen issued
		last := int64(0)
		for range 3 {
			version := t.put(item("a"))
			if version <= last {
				t.Errorf("version %d is issued after %d", version, last)
			}
			seen.add("a", version)
			last = version
			t.Advance(-time.Hour)
			t.Restart(t)
			t.holds(item("a"), last)
		}
		seen.verify(t, 3)
	}},
}
