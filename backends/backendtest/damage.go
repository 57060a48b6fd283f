package backendtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/runtime"
)

// damage changes a byte of an item's record behind the proxy's back.
func (t *check) damage(id string) {
	t.Helper()
	t.backend.Damage(t, t.Proxy, Damaged{Namespace: "items", Table: "items", KeyColumn: "item_id", Key: id})
}

// found stores five items on one page of every index and damages the third. It
// returns the items and the third one's version.
func (t *check) found() (list []*pb.Item, version int64) {
	t.Helper()
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		i := serial(id, "serial "+id)
		i.Colour, i.Title, i.Note = new("red"), new("title "+id), secret+i.Note
		list = append(list, i)
		if v := t.put(i); id == "c" {
			version = v
		}
	}
	t.damage("c")
	t.Cleanup(func() { // later cases begin with a scan
		if _, err := t.Items.DeleteItem(context.WithoutCancel(t.Context()), &pb.DeleteItemRequest{Key: itemKey("c")}); err != nil {
			t.Errorf("the damaged record cannot be deleted: %v", err)
		}
	})
	return list, version
}

var damageCases = []testCase{
	{name: "reads", rule: "a record whose bytes have changed in the store is DATA_LOSS wherever it would be answered, and nothing is left out in its place", damages: true, run: func(t *check) {
		_, version := t.found()
		demand := func(t *check, err error) {
			t.Helper()
			t.refused(err, valueCorrupt, "current_version", decimal(version))
			if line := fmt.Sprintf("the record of version %d", version); !strings.Contains(t.log.String(), line) {
				t.Errorf("the log does not say %q", line)
			}
		}
		t.sub("get", func(t *check) {
			_, err := t.get("c")
			demand(t, err)
		})
		if t.has(schema.CanUnique) {
			t.sub("find one", func(t *check) {
				_, err := t.findSerial("serial c")
				demand(t, err)
			})
		}
		if t.has(schema.CanBatch) {
			t.sub("batch", func(t *check) {
				_, err := t.batchGet("a", "c", "e")
				demand(t, err)
				t.refusedAt(err, valueCorrupt, "keys[1]")
			})
		}
		for _, reverse := range []bool{false, true} {
			if !t.has(schema.CanScan) {
				break
			}
			t.sub(fmt.Sprint("scan, reverse ", reverse), func(t *check) {
				_, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{Reverse: reverse})
				demand(t, err)
			})
		}
		for _, reverse := range []bool{false, true} {
			if !t.has(schema.CanList) {
				break
			}
			t.sub(fmt.Sprint("find by an equality index, reverse ", reverse), func(t *check) {
				_, err := t.Items.FindItemsByColour(t.Context(), &pb.FindItemsByColourRequest{By: &pb.FindItemsByColourRequest_By{Colour: "red"}, Reverse: reverse})
				demand(t, err)
			})
			t.sub(fmt.Sprint("find by an ordered index, reverse ", reverse), func(t *check) {
				_, err := t.Items.FindItemsByTitle(t.Context(), &pb.FindItemsByTitleRequest{Reverse: reverse})
				demand(t, err)
			})
		}
		t.sub("after a restart", func(t *check) {
			if !t.backend.Persistent {
				t.Skip("nothing is kept")
			}
			t.Restart(t)
			_, err := t.get("c")
			demand(t, err)
		})
	}},
	{name: "others", rule: "records beside a damaged one are served: by key, and on pages that end before it", damages: true, run: func(t *check) {
		list, _ := t.found()
		for _, i := range append(list[:2:2], list[3:]...) {
			got, err := t.get(i.ItemId)
			t.ok(err)
			t.equal(i.ItemId, got.GetItem(), i)
		}
		if t.has(schema.CanBatch) {
			results, err := t.batchGet("a", "b", "d", "e")
			t.ok(err)
			t.equal("results", len(results), 4)
		}
		for reverse, want := range map[bool]*pb.Item{false: list[0], true: list[4]} {
			if !t.has(schema.CanScan) {
				break
			}
			page, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1, Reverse: reverse})
			t.ok(err)
			t.equal("records of the page", len(page.GetRecords()), 1)
			t.equal("the record", page.GetRecords()[0].GetItem(), want)
		}
	}},
	{name: "mending", rule: "a damaged record can be put, swapped by its version and deleted, and is then whole", damages: true, run: func(t *check) {
		list, version := t.found()
		whole := list[2]
		t.holds(whole, t.put(whole))

		if t.has(schema.CanSwap) {
			t.damage("c")
			_, err := t.swap(whole, version)
			t.refused(err, versionMismatch)
			_, err = t.get("c")
			current := t.info(err, valueCorrupt).GetMetadata()["current_version"]
			swapped, err := t.swap(whole, number(t, current))
			t.ok(err)
			t.holds(whole, swapped)
		}

		t.damage("c")
		putAll(t, list)
		left(t, list, list)

		t.damage("c")
		t.remove("c")
		t.absent("c")
	}},
	{name: "verify", rule: "every way of writing stores a checksum, and verify finds what does not match it, beside the proxy that serves", damages: true, run: func(t *check) {
		// More records than are read at once.
		for _, ids := range [][]string{numbered(250), numbered(10)} {
			putAll(t, items(ids...))
		}
		swapped := t.create(item("swapped"))
		if t.has(schema.CanSwap) {
			version, err := t.swap(item("swapped", "again"), swapped)
			t.ok(err)
			swapped = version
		}
		t.put(item("put"), item("put", "again"))
		t.putLease(&pb.Lease{LeaseId: "l"})
		t.Advance(time.Hour)
		if t.has(schema.CanSwap | schema.CanExpire) {
			_, err := t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: &pb.Lease{LeaseId: "l"}})
			t.ok(err)
		}

		verify := func(namespace string) (found map[string]runtime.Verified, damaged []int64) {
			t.Helper()
			found = map[string]runtime.Verified{}
			all, err := t.Namespace(t, namespace).Verify(t.Context(), t.Env(), func(_ string, version int64) { damaged = append(damaged, version) })
			t.ok(err)
			for _, v := range all {
				found[v.Table] = v
			}
			return found, damaged
		}
		found, damaged := verify("items")
		t.equal("items", found, map[string]runtime.Verified{"items": {Table: "items", Records: 252}, "badges": {Table: "badges"}})
		t.equal("damaged", damaged, []int64(nil))
		found, _ = verify("leases")
		t.equal("leases", found, map[string]runtime.Verified{"leases": {Table: "leases", Records: 1}})

		t.damage("swapped")
		found, damaged = verify("items")
		t.equal("items", found["items"], runtime.Verified{Table: "items", Records: 252, Damaged: 1})
		t.equal("damaged", damaged, []int64{swapped})
		t.remove("swapped")
	}},
	{name: "expiring", needs: schema.CanExpire, rule: "a record that expires has a checksum as well", damages: true, run: func(t *check) {
		version := t.putLease(&pb.Lease{LeaseId: "l", Owner: new("o"), Priority: new(int64(1))}).GetVersion()
		t.backend.Damage(t, t.Proxy, Damaged{Namespace: "leases", Table: "leases", KeyColumn: "lease_id", Key: "l"})
		_, err := t.getLease("l")
		t.refused(err, valueCorrupt, "current_version", decimal(version))
		if t.has(schema.CanUnique) {
			_, err = t.Leases.FindLeaseByOwner(t.Context(), &pb.FindLeaseByOwnerRequest{By: &pb.FindLeaseByOwnerRequest_By{Owner: "o"}})
			t.refused(err, valueCorrupt)
		}
		if t.has(schema.CanScan) {
			_, err = t.Leases.ScanLeases(t.Context(), &pb.ScanLeasesRequest{})
			t.refused(err, valueCorrupt)
		}
		if t.has(schema.CanBatch) {
			_, err = t.Leases.BatchDeleteLeases(t.Context(), &pb.BatchDeleteLeasesRequest{Keys: []*pb.LeaseKey{{LeaseId: "l"}}})
			t.ok(err)
		}
	}},
}
