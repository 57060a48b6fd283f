package backendtest

import (
	"math"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// item returns an item of some 1.5 KiB whose note depends on its key and the
// given words: requests of that size are in pooled buffers, and an overwritten
// record is noticed.
func item(id string, words ...string) *pb.Item {
	return &pb.Item{ItemId: id, Note: strings.Repeat(id+strings.Join(words, " ")+".", 1+1500/(len(id)+1))}
}

func itemKey(id string) *pb.ItemKey { return &pb.ItemKey{ItemId: id} }

// put stores items, one by one, and returns the version of the last.
func (t *check) put(items ...*pb.Item) (version int64) {
	t.Helper()
	for _, i := range items {
		out, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: i})
		t.ok(err)
		version = out.GetVersion()
	}
	return version
}

func (t *check) get(id string) (*pb.ItemRecord, error) {
	out, err := t.Items.GetItem(t.Context(), &pb.GetItemRequest{Key: itemKey(id)})
	return out.GetRecord(), err
}

func (t *check) delete(id string, ifVersion int64) (existed bool, err error) {
	out, err := t.Items.DeleteItem(t.Context(), &pb.DeleteItemRequest{Key: itemKey(id), IfVersion: ifVersion})
	return out.GetExisted(), err
}

// remove deletes an existing item.
func (t *check) remove(id string) {
	t.Helper()
	existed, err := t.delete(id, 0)
	t.ok(err)
	t.equal("existed", existed, true)
}

func (t *check) swap(i *pb.Item, expected int64) (version int64, err error) {
	out, err := t.Items.CompareAndSwapItem(t.Context(), &pb.CompareAndSwapItemRequest{Item: i, ExpectedVersion: expected})
	return out.GetVersion(), err
}

// create stores a new item, by a swap if that is offered.
func (t *check) create(i *pb.Item) (version int64) {
	t.Helper()
	if !t.has(schema.CanSwap) {
		return t.put(i)
	}
	version, err := t.swap(i, 0)
	t.ok(err)
	return version
}

// holds demands that the store has the item in the given version.
func (t *check) holds(want *pb.Item, version int64) {
	t.Helper()
	got, err := t.get(want.ItemId)
	t.ok(err)
	t.equal("the stored record", got, &pb.ItemRecord{Item: want, Version: version})
}

// absent demands that the store has no item with the key.
func (t *check) absent(id string) {
	t.Helper()
	_, err := t.get(id)
	t.refused(err, notFound)
}

func decimal(v int64) string { return strconv.FormatInt(v, 10) }

// number parses a version.
func number(t *check, text string) int64 {
	t.Helper()
	v, err := strconv.ParseInt(text, 10, 64)
	t.ok(err)
	return v
}

var recordCases = []testCase{
	{name: "get absent", rule: "the get of an absent record is NOT_FOUND", run: func(t *check) {
		_, err := t.get("hush")
		t.refused(err, notFound, "namespace", "items", "op", "GetItem")
	}},
	{name: "put and get", rule: "a get answers what the last put stored, in the version that the put answered", run: func(t *check) {
		want := item("a")
		version := t.put(want)
		if version <= 0 {
			t.Errorf("put answered version %d, want a positive one", version)
		}
		t.holds(want, version)
	}},
	{name: "put replaces", rule: "a put replaces the whole record: fields that it does not set are gone", run: func(t *check) {
		first := item("a")
		first.Serial, first.Colour = new("s"), new("red")
		t.put(first)
		second := &pb.Item{ItemId: "a", Payload: []byte{0, 255}}
		t.holds(second, t.put(second))
	}},
	{name: "put grows version", rule: "the version grows with every put of a record, also of equal bytes", run: func(t *check) {
		last := int64(0)
		for range 20 {
			if v := t.put(item("a")); v <= last {
				t.Fatalf("put answered version %d after %d", v, last)
			} else {
				last = v
			}
		}
		t.holds(item("a"), last)
	}},
	{name: "only a key", rule: "a record of which only the key is set is a record", run: func(t *check) {
		t.holds(&pb.Item{ItemId: "a"}, t.put(&pb.Item{ItemId: "a"}))
	}},
	{name: "neighbours", rule: "a write changes no other record", run: func(t *check) {
		a, c := item("a"), item("c")
		va, vc := t.put(a), t.put(c)
		t.put(item("b"), item("b", "again"))
		t.remove("b")
		t.holds(a, va)
		t.holds(c, vc)
	}},
	{name: "delete", rule: "the delete of a record answers existed, and the record is absent", run: func(t *check) {
		t.put(item("a"))
		t.remove("a")
		t.absent("a")
	}},
	{name: "delete absent", rule: "the delete of an absent record is OK with existed=false, with if_version too", run: func(t *check) {
		for _, ifVersion := range []int64{0, 7, math.MaxInt64} {
			existed, err := t.delete("a", ifVersion)
			t.ok(err)
			t.equal("existed", existed, false)
		}
	}},
	{name: "delete version", rule: "a delete with the record's version removes it", run: func(t *check) {
		existed, err := t.delete("a", t.put(item("a"), item("a")))
		t.ok(err)
		t.equal("existed", existed, true)
		t.absent("a")
	}},
	{name: "delete other version", rule: "a delete with another version is ABORTED VERSION_MISMATCH, tells the current one and removes nothing", run: func(t *check) {
		old := t.put(item("a"))
		current := t.put(item("a"))
		for _, other := range []int64{old, current + 1, math.MaxInt64} {
			_, err := t.delete("a", other)
			t.refused(err, versionMismatch, "current_version", decimal(current))
		}
		t.holds(item("a"), current)
	}},
	{name: "swap absent", needs: schema.CanSwap, rule: "a swap that expects a version of an absent record is NOT_FOUND and stores nothing", run: func(t *check) {
		_, err := t.swap(item("a", "hush"), 3)
		t.refused(err, notFound)
		t.absent("a")
	}},
	{name: "swap creates", needs: schema.CanSwap, rule: "a swap that expects no record stores one where there is none", run: func(t *check) {
		version, err := t.swap(item("a"), 0)
		t.ok(err)
		t.holds(item("a"), version)
	}},
	{name: "swap exists", needs: schema.CanSwap, rule: "a swap that expects no record where there is one is ALREADY_EXISTS EXISTS and changes nothing", run: func(t *check) {
		version := t.put(item("a"))
		_, err := t.swap(item("a", "hush"), 0)
		t.refused(err, exists, "current_version", decimal(version))
		t.holds(item("a"), version)
	}},
	{name: "swap", needs: schema.CanSwap, rule: "a swap that expects the record's version replaces the record, and the version grows", run: func(t *check) {
		first := t.put(item("a"))
		second, err := t.swap(item("a", "new"), first)
		t.ok(err)
		if second <= first {
			t.Errorf("swap answered version %d after %d", second, first)
		}
		t.holds(item("a", "new"), second)
	}},
	{name: "swap other version", needs: schema.CanSwap, rule: "a swap that expects another version is ABORTED VERSION_MISMATCH, tells the current one and changes nothing", run: func(t *check) {
		old := t.put(item("a"))
		current := t.put(item("a", "kept"))
		for _, other := range []int64{old, current + 1, math.MaxInt64} {
			_, err := t.swap(item("a", "hush"), other)
			t.refused(err, versionMismatch, "current_version", decimal(current))
		}
		t.holds(item("a", "kept"), current)
	}},
	{name: "swap after delete", needs: schema.CanSwap, rule: "a version from before a delete does not swap the record that was made after it", run: func(t *check) {
		old := t.put(item("a"))
		t.remove("a")
		current := t.put(item("a"))
		_, err := t.swap(item("a", "late"), old)
		t.refused(err, versionMismatch, "current_version", decimal(current))
	}},
	{name: "negative version", rule: "a negative version is INVALID_ARGUMENT, whether there is a record or not", run: func(t *check) {
		for range 2 {
			_, err := t.delete("a", -1)
			t.refusedAt(err, fieldRange, "if_version")
			if t.has(schema.CanSwap) {
				_, err = t.swap(item("a"), math.MinInt64)
				t.refusedAt(err, fieldRange, "expected_version")
			}
			t.put(item("a"))
		}
	}},
	{name: "unset record", rule: "a request without its record or its key is refused by the key that is missing", run: func(t *check) {
		_, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{})
		t.refusedAt(err, fieldRequired, "item.item_id")
		_, err = t.Items.GetItem(t.Context(), &pb.GetItemRequest{})
		t.refusedAt(err, fieldRequired, "key.item_id")
		_, err = t.Items.DeleteItem(t.Context(), &pb.DeleteItemRequest{})
		t.refusedAt(err, fieldRequired, "key.item_id")
		if t.has(schema.CanSwap) {
			_, err = t.Items.CompareAndSwapItem(t.Context(), &pb.CompareAndSwapItemRequest{})
			t.refusedAt(err, fieldRequired, "item.item_id")
		}
	}},
}
