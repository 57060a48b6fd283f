package backendtest

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// serial returns an item with a unique value.
func serial(id, value string) *pb.Item {
	i := item(id)
	i.Serial = &value
	return i
}

// taken demands that no call can give an item its serial, since another item
// has it.
func (t *check) taken(i *pb.Item) {
	t.Helper()
	_, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: i})
	t.refused(err, unique, "index", "serial")
	if t.has(schema.CanSwap) {
		record, _ := t.get(i.ItemId)
		_, err = t.swap(i, record.GetVersion())
		t.refused(err, unique, "index", "serial")
	}
	if t.has(schema.CanBatch) {
		_, err = t.Items.BatchPutItems(t.Context(), &pb.BatchPutItemsRequest{Items: []*pb.Item{item("other"), i}})
		t.refused(err, unique, "index", "serial", "field", "items[1]")
	}
}

func (t *check) findSerial(value string) (*pb.ItemRecord, error) {
	out, err := t.Items.FindItemBySerial(t.Context(), &pb.FindItemBySerialRequest{By: &pb.FindItemBySerialRequest_By{Serial: value}})
	return out.GetRecord(), err
}

func badge(id string, edit func(*pb.Badge)) *pb.Badge {
	b := &pb.Badge{BadgeId: id}
	edit(b)
	return b
}

func (t *check) putBadge(b *pb.Badge) error {
	_, err := t.Badges.PutBadge(t.Context(), &pb.PutBadgeRequest{Badge: b})
	return err
}

var uniqueCases = []testCase{
	{name: "same record at once", rule: "calls that write one record at the same time do not take its unique values from each other", run: func(t *check) {
		const records, callers = 50, 4
		for n := range records {
			b := &pb.Badge{BadgeId: fmt.Sprint("b", n), Number: proto.Int64(int64(n)), Chip: proto.Uint64(uint64(n))}
			errs := make([]error, 2*callers)
			var group sync.WaitGroup
			for i := range callers {
				group.Go(func() { errs[i] = t.putBadge(b) })
				if !t.has(schema.CanSwap) {
					continue
				}
				group.Go(func() {
					_, err := t.Badges.CompareAndSwapBadge(t.Context(), &pb.CompareAndSwapBadgeRequest{Badge: b})
					if status.Code(err) == codes.AlreadyExists && reason.Of(err) == prismv1.Reason_EXISTS {
						err = nil
					}
					errs[callers+i] = err
				})
			}
			group.Wait()
			t.ok(errs...)
		}
	}},
	{name: "find", rule: "the Find of a unique index answers the record of the value, or NOT_FOUND", run: func(t *check) {
		version := t.put(serial("a", "s1"))
		record, err := t.findSerial("s1")
		t.ok(err)
		t.equal("found", record, &pb.ItemRecord{Item: serial("a", "s1"), Version: version})
		for _, other := range []string{"s", "s11", "S1", ""} {
			_, err = t.findSerial(other)
			t.refused(err, notFound)
		}
	}},
	{name: "taken", rule: "a value that another record has is ALREADY_EXISTS UNIQUE with the index's name, for put, swap and batch, and nothing changes", run: func(t *check) {
		version := t.put(serial("a", "hush"))
		t.taken(serial("b", "hush"))
		t.absent("b")
		t.absent("other")
		b := t.put(item("b"))
		t.taken(serial("b", "hush"))
		t.holds(item("b"), b)
		t.holds(serial("a", "hush"), version)
	}},
	{name: "own value", rule: "a record keeps its own unique value when it is written again", run: func(t *check) {
		version := t.put(serial("a", "s"), serial("a", "s"))
		if t.has(schema.CanSwap) {
			swapped, err := t.swap(serial("a", "s"), version)
			t.ok(err)
			version = swapped
		}
		putAll(t, []*pb.Item{serial("a", "s")})
		record, err := t.findSerial("s")
		t.ok(err)
		if record.GetVersion() <= version {
			t.Errorf("version %d after %d", record.GetVersion(), version)
		}
	}},
	{name: "freed", rule: "a unique value is free once its record is deleted, has another value or has none", run: func(t *check) {
		t.put(serial("a", "s"))
		t.remove("a")
		t.put(serial("b", "s"), serial("b", "other"))
		t.put(serial("c", "s"), item("c"))
		_, err := t.findSerial("s")
		t.refused(err, notFound)
		t.put(serial("d", "s"))
		t.removeAll("d")
		t.create(serial("a", "s"))
	}},
	{name: "absent", rule: "an absent field is in no index: any number of records can lack a unique value", run: func(t *check) {
		t.put(item("a"), item("b"), item("c"))
		_, err := t.findSerial("")
		t.refused(err, notFound)
	}},
	{name: "empty", rule: "an empty text that is set is a value: one record can have it", run: func(t *check) {
		t.put(item("absent"), serial("a", ""))
		t.taken(serial("b", ""))
		record, err := t.findSerial("")
		t.ok(err)
		t.equal("found", record.GetItem().GetItemId(), "a")
	}},
	{name: "several", rule: "of several unique indexes the error names the one that refuses", run: func(t *check) {
		a, b := item("a"), item("b")
		a.Serial, a.Label = new("1"), new("x")
		b.Serial, b.Label = new("2"), new("x")
		t.put(a)
		_, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: b})
		t.refused(err, unique, "index", "label")
		b.Serial, b.Label = new("1"), new("y")
		_, err = t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: b})
		t.refused(err, unique, "index", "serial")
		b.Serial, b.Label = new("x"), new("1") // a value of the other index
		t.put(b)
	}},
	{name: "types", rule: "a value of every type can be unique, negative, zero and largest, and is found", run: func(t *check) {
		fields := message("Badge").Descriptor().Fields()
		for i := range fields.Len() {
			if f := fields.Get(i); f.HasPresence() && f.Name() != "room" && f.Name() != "chair" {
				t.sub(string(f.Name()), func(t *check) { t.uniqueBy(f) })
			}
		}
	}},
	{name: "near times", rule: "unique times differ by a nanosecond", run: func(t *check) {
		for nanos := range int32(3) {
			t.ok(t.putBadge(badge(fmt.Sprint(nanos), func(b *pb.Badge) { b.IssuedAt = &timestamppb.Timestamp{Seconds: 9, Nanos: 999999997 + nanos} })))
		}
		out, err := t.Badges.FindBadgeByIssuedAt(t.Context(), &pb.FindBadgeByIssuedAtRequest{By: &pb.FindBadgeByIssuedAtRequest_By{IssuedAt: &timestamppb.Timestamp{Seconds: 9, Nanos: 999999998}}})
		t.ok(err)
		t.equal("found", out.GetRecord().GetBadge().GetBadgeId(), "1")
	}},
	{name: "composite", rule: "a unique composite index refuses equal tuples only, and a record that lacks a part is not in it", run: func(t *check) {
		seat := func(id, room string, chair int64) error {
			return t.putBadge(badge(id, func(b *pb.Badge) { b.Room, b.Chair = &room, &chair }))
		}
		t.ok(seat("a", "x", 1), seat("b", "x", 2), seat("c", "y", 1), seat("d", "", 0))
		t.refused(seat("e", "x", 1), unique, "index", "seat")
		t.refused(seat("e", "", 0), unique, "index", "seat")
		for _, id := range []string{"f", "g"} {
			t.ok(t.putBadge(badge(id, func(b *pb.Badge) { b.Room = new("x") })))
			t.ok(t.putBadge(badge(id+"2", func(b *pb.Badge) { b.Chair = new(int64(1)) })))
		}
		out, err := t.Badges.FindBadgeBySeat(t.Context(), &pb.FindBadgeBySeatRequest{By: &pb.FindBadgeBySeatRequest_By{Room: "y", Chair: 1}})
		t.ok(err)
		t.equal("found", out.GetRecord().GetBadge().GetBadgeId(), "c")
		_, err = t.Badges.FindBadgeBySeat(t.Context(), &pb.FindBadgeBySeatRequest{By: &pb.FindBadgeBySeatRequest_By{Room: "y", Chair: 2}})
		t.refused(err, notFound)
	}},
	{name: "within a batch", needs: schema.CanBatch, rule: "two items of a batch cannot take one unique value, and none of the batch is stored", run: func(t *check) {
		_, err := t.Items.BatchPutItems(t.Context(), &pb.BatchPutItemsRequest{Items: []*pb.Item{serial("a", "1"), serial("b", "hush"), serial("c", "hush")}})
		t.refused(err, unique, "index", "serial")
		for _, id := range []string{"a", "b", "c"} {
			t.absent(id)
		}
	}},
	{name: "exchange within a batch", needs: schema.CanBatch, rule: "a batch is judged by what it leaves behind: its items exchange unique values and hand them on, in any order", run: func(t *check) {
		for _, row := range []struct {
			name          string
			before, batch []*pb.Item
		}{
			{"given up first", []*pb.Item{serial("a", "s")}, []*pb.Item{serial("a", "other"), serial("b", "s")}},
			{"taken first", []*pb.Item{serial("a", "s")}, []*pb.Item{serial("b", "s"), serial("a", "other")}},
			{"taken of one that has none then", []*pb.Item{serial("a", "s")}, []*pb.Item{serial("b", "s"), item("a")}},
			{"swapped", []*pb.Item{serial("a", "s"), serial("b", "r")}, []*pb.Item{serial("a", "r"), serial("b", "s")}},
			{"in a ring", []*pb.Item{serial("a", "s"), serial("b", "r"), serial("c", "q")}, []*pb.Item{serial("a", "r"), serial("b", "q"), serial("c", "s")}},
			{"and one that stays", []*pb.Item{serial("a", "s"), serial("b", "r"), serial("c", "q")}, []*pb.Item{serial("c", "q"), serial("a", "r"), serial("b", "s")}},
		} {
			t.sub(row.name, func(t *check) {
				t.empty("Item")
				last := t.put(row.before...)
				written, err := t.batchPut(row.batch)
				t.ok(err)
				for _, w := range written {
					if w.GetVersion() <= last {
						t.Errorf("version %d after %d", w.GetVersion(), last)
					}
				}
				for _, i := range row.batch {
					if i.Serial == nil {
						continue
					}
					record, err := t.findSerial(i.GetSerial())
					t.ok(err)
					t.equal("found", record.GetItem(), i)
				}
				putAll(t, row.batch) // and again: each already has its own
			})
		}
	}},
	{name: "taken of a batch", needs: schema.CanBatch, rule: "a batch takes no unique value of a record that keeps it: it names the item, and changes nothing", run: func(t *check) {
		for _, row := range []struct {
			name  string
			batch []*pb.Item
			item  int
		}{
			{"of another record", []*pb.Item{serial("a", "r"), serial("b", "s"), serial("d", "q")}, 2},
			{"of an item that keeps it", []*pb.Item{serial("d", "s"), serial("a", "s")}, 1},
			{"two that take it", []*pb.Item{serial("d", "s"), item("a"), serial("e", "s")}, 2},
		} {
			t.sub(row.name, func(t *check) {
				t.empty("Item")
				t.put(serial("a", "s"), serial("b", "r"), serial("c", "q"))
				_, err := t.Items.BatchPutItems(t.Context(), &pb.BatchPutItemsRequest{Items: row.batch})
				t.refused(err, unique, "index", "serial", "field", fmt.Sprintf("items[%d]", row.item))
				for id, value := range map[string]string{"a": "s", "b": "r", "c": "q"} {
					record, err := t.findSerial(value)
					t.ok(err)
					t.equal("found", record.GetItem(), serial(id, value))
				}
				t.absent("d")
			})
		}
	}},
	{name: "order of refusals", needs: schema.CanSwap, rule: "a swap tells the version before it tells the unique value: a record that is not the expected one is not written", run: func(t *check) {
		t.put(serial("a", "s"))
		version := t.put(item("b"))
		_, err := t.swap(serial("b", "s"), version+1)
		t.refused(err, versionMismatch)
		_, err = t.swap(serial("b", "s"), 0)
		t.refused(err, exists)
		_, err = t.swap(serial("c", "s"), 9)
		t.refused(err, notFound)
	}},
	{name: "concurrent", rule: "of concurrent puts of one unique value exactly one wins", run: func(t *check) {
		for round := range 10 {
			value := fmt.Sprint("s", round)
			errs := make([]error, callers)
			together(callers, func(i int) {
				_, errs[i] = t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: serial(fmt.Sprint("k", round, i), value)})
			})
			winner := t.oneWinner(errs)
			for i, err := range errs {
				if i != winner {
					t.refused(err, unique, "index", "serial")
				}
			}
			record, err := t.findSerial(value)
			t.ok(err)
			t.equal("found", record.GetItem().GetItemId(), fmt.Sprint("k", round, winner))
		}
	}},
}

// uniqueBy stores badges whose values of a field differ.
func (t *check) uniqueBy(f protoreflect.FieldDescriptor) {
	t.Helper()
	t.empty("Badge")
	with := func(id string, v any) *pb.Badge {
		return badge(id, func(b *pb.Badge) { b.ProtoReflect().Set(f, value(v)) })
	}
	for i, v := range ascending(f) {
		t.ok(t.putBadge(with(fmt.Sprint(i), v)))
	}
	t.ok(t.putBadge(&pb.Badge{BadgeId: "without"}))
	for i, v := range ascending(f) {
		t.refused(t.putBadge(with("other", v)), unique, "index", string(f.Name()))
		method := "FindBadgeBy" + suffix(f)
		in := message(method + "Request")
		ask(in, map[string]any{string(f.Name()): v})
		out, err := t.invoke(t.Context(), "Badge", method, in.Interface())
		t.ok(err)
		t.equal(fmt.Sprintf("found by %v", v), entityOf(out.Get(field(out, "record")).Message()).Interface().(*pb.Badge).GetBadgeId(), fmt.Sprint(i))
	}
}
