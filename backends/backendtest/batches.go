package backendtest

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

func items(ids ...string) []*pb.Item {
	var list []*pb.Item
	for _, id := range ids {
		list = append(list, item(id))
	}
	return list
}

func itemKeys(ids ...string) []*pb.ItemKey {
	var keys []*pb.ItemKey
	for _, id := range ids {
		keys = append(keys, itemKey(id))
	}
	return keys
}

// numbered returns n ids in ascending order.
func numbered(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("k%05d", i))
	}
	return ids
}

func (t *check) batchPut(list []*pb.Item) ([]*pb.BatchPutItemsResponse_Result, error) {
	out, err := t.Items.BatchPutItems(t.Context(), &pb.BatchPutItemsRequest{Items: list})
	return out.GetResults(), err
}

func (t *check) batchGet(ids ...string) ([]*pb.BatchGetItemsResponse_Result, error) {
	out, err := t.Items.BatchGetItems(t.Context(), &pb.BatchGetItemsRequest{Keys: itemKeys(ids...)})
	return out.GetResults(), err
}

func (t *check) batchDelete(ids ...string) ([]bool, error) {
	out, err := t.Items.BatchDeleteItems(t.Context(), &pb.BatchDeleteItemsRequest{Keys: itemKeys(ids...)})
	var existed []bool
	for _, r := range out.GetResults() {
		existed = append(existed, r.GetExisted())
	}
	return existed, err
}

// removeAll deletes items, in a batch if that is offered.
func (t *check) removeAll(ids ...string) {
	t.Helper()
	if t.has(schema.CanBatch) {
		_, err := t.batchDelete(ids...)
		t.ok(err)
		return
	}
	for _, id := range ids {
		t.remove(id)
	}
}

// refusedBatch demands that all three batches of a number of ids are refused.
func (t *check) refusedBatch(want refusal, at string, ids ...string) {
	t.Helper()
	_, err := t.batchPut(items(ids...))
	t.refusedAt(err, want, "items"+at)
	_, err = t.batchGet(ids...)
	t.refusedAt(err, want, "keys"+at)
	_, err = t.batchDelete(ids...)
	t.refusedAt(err, want, "keys"+at)
}

var batchCases = []testCase{
	{name: "put", rule: "a batch of puts stores every item and answers the versions in the order of the items", run: func(t *check) {
		list := items("m", "a", "z", "b")
		results, err := t.batchPut(list)
		t.ok(err)
		if len(results) != len(list) {
			t.Fatalf("%d results for %d items", len(results), len(list))
		}
		for i, r := range results {
			t.holds(list[i], r.GetVersion())
		}
	}},
	{name: "put replaces", rule: "a batch of puts replaces the records that are there, and their versions grow", run: func(t *check) {
		before := t.put(item("a", "old"))
		results, err := t.batchPut(items("a", "b"))
		t.ok(err)
		if results[0].GetVersion() <= before {
			t.Errorf("version %d after %d", results[0].GetVersion(), before)
		}
		t.holds(item("a"), results[0].GetVersion())
	}},
	{name: "get", rule: "a batch of gets answers in the order of the keys, nothing for an absent record", run: func(t *check) {
		t.put(items("a", "b", "c")...)
		results, err := t.batchGet("z", "c", "a", "0", "b")
		t.ok(err)
		var got []string
		for _, r := range results {
			if r.Record != nil {
				t.equal("a record", r.GetRecord().GetItem(), item(r.GetRecord().GetItem().GetItemId()))
			}
			got = append(got, r.GetRecord().GetItem().GetItemId())
		}
		t.equal("the keys found", got, []string{"", "c", "a", "", "b"})
	}},
	{name: "get none", rule: "a batch of gets answers one empty result for each key, also if all records are absent", run: func(t *check) {
		results, err := t.batchGet(numbered(1000)...)
		t.ok(err)
		t.equal("results", len(results), 1000)
	}},
	{name: "delete", rule: "a batch of deletes answers in the order of the keys which records existed, and they are absent", run: func(t *check) {
		t.put(items("a", "b", "c")...)
		existed, err := t.batchDelete("c", "z", "a")
		t.ok(err)
		t.equal("existed", existed, []bool{true, false, true})
		t.absent("a")
		t.absent("c")
		_, err = t.get("b")
		t.ok(err)
	}},
	{name: "empty", rule: "an empty batch is INVALID_ARGUMENT BATCH_EMPTY", run: func(t *check) {
		t.refusedBatch(batchEmpty, "")
	}},
	{name: "too many", rule: "a batch of 1,001 items is INVALID_ARGUMENT BATCH_SIZE", run: func(t *check) {
		var list []*pb.Item
		for _, id := range numbered(1001) {
			list = append(list, &pb.Item{ItemId: id})
		}
		_, err := t.batchPut(list)
		t.refused(err, batchSize, "got", "1001", "limit", "1000", "field", "items")
		_, err = t.batchGet(numbered(1001)...)
		t.refused(err, batchSize, "got", "1001", "limit", "1000", "field", "keys")
		_, err = t.batchDelete(numbered(1001)...)
		t.refused(err, batchSize, "got", "1001", "limit", "1000", "field", "keys")
	}},
	{name: "the most", rule: "a batch of 1,000 items is served", run: func(t *check) {
		ids := numbered(1000)
		results, err := t.batchPut(items(ids...))
		t.ok(err)
		t.equal("results", len(results), 1000)
		found, err := t.batchGet(ids...)
		t.ok(err)
		for i, r := range found {
			if r.GetRecord().GetVersion() != results[i].GetVersion() || r.GetRecord().GetItem().GetItemId() != ids[i] {
				t.Fatalf("result %d is %s in version %d", i, r.GetRecord().GetItem().GetItemId(), r.GetRecord().GetVersion())
			}
		}
		existed, err := t.batchDelete(ids...)
		t.ok(err)
		t.equal("results", len(existed), 1000)
	}},
	{name: "duplicate", rule: "a key that stands twice in a batch is INVALID_ARGUMENT BATCH_DUPLICATE at the second, and nothing happens", run: func(t *check) {
		version := t.put(item("b"))
		t.refusedBatch(batchDuplicate, "[3]", "a", "b", "c", "b")
		t.absent("a")
		t.holds(item("b"), version)
	}},
	{name: "all or none", rule: "a batch of puts of which one item is refused stores none", run: func(t *check) {
		version := t.put(item("b", "kept"))
		list := items("a", "b", "c")
		list[2].Colour = new(strings.Repeat("hush", 17))
		_, err := t.batchPut(list)
		t.refusedAt(err, fieldTooLong, "items[2].colour")
		t.absent("a")
		t.holds(item("b", "kept"), version)
	}},
	{name: "all or none by the store", needs: schema.CanUnique, rule: "a batch of puts of which the store refuses the last item stores none", run: func(t *check) {
		t.put(serial("taken", "s"))
		version := t.put(item("k00007", "kept"))
		list := items(numbered(100)...)
		list[99].Serial = new("s")
		_, err := t.batchPut(list)
		t.refused(err, unique, "index", "serial")
		t.holds(item("k00007", "kept"), version)
		t.absent("k00000")
		t.absent("k00098")
	}},
	{name: "bad key", rule: "a batch with a key that is refused does nothing and names the item", run: func(t *check) {
		t.put(item("a"))
		t.refusedBatch(fieldRequired, "[1].item_id", "a", "", "b")
		_, err := t.get("a")
		t.ok(err)
	}},
	{name: "prefix", rule: "a batch of gets whose records are too large for one answer answers the first of them, at least one, below 4 MiB", run: func(t *check) {
		ids := []string{"absent", "a", "b", "none", "c", "d", "e"}
		for _, id := range ids {
			if len(id) == 1 {
				t.put(&pb.Item{ItemId: id, Payload: make([]byte, 1<<20)})
			}
		}
		var got []string
		for left := ids; len(left) > 0; {
			results, err := t.batchGet(left...)
			t.ok(err)
			if len(results) == 0 || len(results) > len(left) {
				t.Fatalf("%d results for %d keys", len(results), len(left))
			}
			for i, r := range results {
				if id := r.GetRecord().GetItem().GetItemId(); r.Record != nil && id != left[i] {
					t.Fatalf("result for %s is %s", left[i], id)
				} else if r.Record != nil {
					got = append(got, id)
				}
			}
			if len(results) == len(ids) {
				t.Fatalf("5 MiB came in one answer")
			}
			left = left[len(results):]
		}
		t.equal("found", got, []string{"a", "b", "c", "d", "e"})
	}},
	{name: "concurrent", rule: "of concurrent batches over the same keys, in any order, one is stored whole", run: func(t *check) {
		ids := numbered(20)
		together(callers, func(caller int) {
			for range 5 {
				var list []*pb.Item
				for i := range ids {
					at := i
					if caller%2 == 1 {
						at = len(ids) - 1 - i
					}
					list = append(list, item(ids[at], fmt.Sprint(caller)))
				}
				err := contended(func() error {
					_, err := t.batchPut(list)
					return err
				})
				if err != nil {
					t.Errorf("batch: %v", err)
				}
			}
		})
		results, err := t.batchGet(ids...)
		t.ok(err)
		whole := false
		for caller := range callers {
			same := true
			for i, r := range results {
				same = same && r.GetRecord().GetItem().GetNote() == item(ids[i], fmt.Sprint(caller)).Note
			}
			whole = whole || same
		}
		if !whole {
			t.Errorf("the records come from several batches")
		}
	}},
}

// contended repeats a call while the store refuses it because of other writes.
func contended(call func() error) error {
	for range 5 {
		if err := call(); reason.Of(err) != prismv1.Reason_BACKEND_CONTENTION {
			return err
		}
	}
	return call()
}
