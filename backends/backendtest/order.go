package backendtest

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// texts are keys in ascending order of their bytes, which is not any locale's
// order.
var texts = []string{
	"\x01", "\t", "\n", "\r\n", " ", "  ", "!", "\"", "\"\"", "#", "$1", "%", "%s", "&", "'", "' OR 1=1 --", "''", "(", "*", "+", ",", "-", "--", ".", "..", "../x",
	"/", "/a/b", "0", "00", "1", "10", "2", ":", ";", "<", "=", "?", "?1", "@", "A", "Aa", "B", "Z", "[", "\\", "\\0", "\\n", "]", "^", "_", "`", "a", "a\x01", "a ", "a b", "a#b", "a:b", "aA", "aa", "ab", "b", "z", "{", "|", "}", "~", "\x7f",
	"\u0080", "\u00c4", "\u00e9", "\u0627\u0644", "\u200f", "\u202e", "\u4e16\u754c", "\ue000", "\ufeff", "\ufffd", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff",
}

// ascending are values of a field's type in ascending order: the smallest, the
// largest, and those around zero and around the boundaries of encodings.
func ascending(f protoreflect.FieldDescriptor) []any {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return []any{false, true}
	case protoreflect.EnumKind:
		return []any{protoreflect.EnumNumber(math.MinInt32), protoreflect.EnumNumber(-1), protoreflect.EnumNumber(0), protoreflect.EnumNumber(2), protoreflect.EnumNumber(77), protoreflect.EnumNumber(math.MaxInt32)}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return []any{int32(math.MinInt32), int32(-256), int32(-1), int32(0), int32(1), int32(128), int32(math.MaxInt32)}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return []any{int64(math.MinInt64), int64(-1 << 40), int64(-1), int64(0), int64(1), int64(1 << 33), int64(math.MaxInt64)}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return []any{uint32(0), uint32(1), uint32(256), uint32(1<<31 - 1), uint32(1 << 31), uint32(math.MaxUint32)}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return []any{uint64(0), uint64(1), uint64(255), uint64(256), uint64(1<<63 - 1), uint64(1 << 63), uint64(1<<63 + 1), uint64(math.MaxUint64)}
	case protoreflect.FloatKind:
		return []any{float32(math.Inf(-1)), float32(-1), float32(0), float32(math.SmallestNonzeroFloat32), float32(math.MaxFloat32)}
	case protoreflect.DoubleKind:
		return []any{math.Inf(-1), -1.0, 0.0, math.SmallestNonzeroFloat64, math.MaxFloat64}
	case protoreflect.BytesKind:
		return []any{[]byte{}, []byte{0}, []byte{0, 0}, []byte{0, 1}, []byte{1}, []byte("a"), []byte{0xff}, bytes.Repeat([]byte{0xff}, 64)}
	case protoreflect.StringKind:
		return []any{
			"", "\x01", "\n", " ", "!", "\"", "#", "'", "' OR ''='", "--", "/", "Z", "\\", "_", "a", "a\x01", "a b", "ab", "b%", "z", "\u00e4", "\u0131", "\u4e16", "\uffff", "\U0001f600",
		}
	}
	return []any{
		at(-62135596800, 0), at(-62135596800, 1), at(-1, 999999999), at(0, 0), at(0, 1), at(0, 999), at(0, 1000), at(0, 1001), at(0, 999999999), at(1, 0), at(1e9, 0), at(253402300799, 999999999),
	}
}

var orderCases = []testCase{
	{name: "text", rule: "a text key is any UTF-8 but NUL, comes back exactly, and is ordered by its bytes", run: func(t *check) {
		if !slices.IsSorted(texts) {
			t.Fatalf("the case's own list is not in order")
		}
		var list []*pb.Item
		for i := range texts {
			list = append(list, item(texts[i*53%len(texts)]))
		}
		putAll(t, list)
		for _, size := range t.sizes() {
			for _, reverse := range []bool{false, true} {
				var got []string
				for _, r := range all(t, func(token string) (*pb.ScanItemsResponse, error) {
					return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: size, PageToken: token, Reverse: reverse})
				}) {
					got = append(got, r.GetItem().GetItemId())
				}
				if reverse {
					slices.Reverse(got)
				}
				t.equal(fmt.Sprintf("in pages of %d", size), got, texts)
			}
		}
		for _, id := range texts {
			record, err := t.get(id)
			t.ok(err)
			t.equal("the record", record.GetItem(), item(id))
			t.remove(id)
		}
	}},
	{name: "int64", rule: "an int64 key is any int64, 0 included, in numerical order", run: func(t *check) {
		want := []int64{math.MinInt64, math.MinInt64 + 1, -1 << 32, -256, -255, -1, 0, 1, 127, 128, 1 << 31, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64}
		for i := range want {
			_, err := t.Counters.PutCounter(t.Context(), &pb.PutCounterRequest{Counter: &pb.Counter{CounterId: want[i*5%len(want)], Value: int64(i)}})
			t.ok(err)
		}
		for _, size := range t.sizes() {
			var got []int64
			for _, r := range all(t, func(token string) (*pb.ScanCountersResponse, error) {
				return t.Counters.ScanCounters(t.Context(), &pb.ScanCountersRequest{PageSize: size, PageToken: token})
			}) {
				got = append(got, r.GetCounter().GetCounterId())
			}
			t.equal("scanned", got, want)
		}
		for _, id := range want {
			out, err := t.Counters.DeleteCounter(t.Context(), &pb.DeleteCounterRequest{Key: &pb.CounterKey{CounterId: id}})
			t.ok(err)
			t.equal("existed", out.GetExisted(), true)
		}
	}},
	{name: "enum, bool and uint64", rule: "enums are ordered by number, known or not, false is before true, and uint64 is ordered beyond 2^63", run: func(t *check) {
		var want []*pb.Cell
		for _, grade := range []pb.Grade{math.MinInt32, -1, 0, 2, 99} {
			for _, shaded := range []bool{false, true} {
				for _, row := range []uint64{0, 1, 1<<63 - 1, 1 << 63, math.MaxUint64} {
					for _, column := range []pb.Grade{-5, 0, math.MaxInt32} {
						for _, upper := range []bool{false, true} {
							want = append(want, &pb.Cell{Grade: grade, Shaded: shaded, Row: row, Column: column, Upper: upper, Content: fmt.Sprint(len(want))})
						}
					}
				}
			}
		}
		var shuffled []*pb.Cell
		for i := range want {
			shuffled = append(shuffled, want[i*7%len(want)])
		}
		putAll(t, shuffled)
		left(t, want, want)
		if !t.has(schema.CanScan) {
			return
		}
		t.equal("all", t.scanCells(&pb.ScanCellsRequest{PageSize: 7}), want)
		backwards := slices.Clone(want)
		slices.Reverse(backwards)
		t.equal("all in reverse", t.scanCells(&pb.ScanCellsRequest{PageSize: 1, Reverse: true}), backwards)
		// The partition of -1 and true is the fourth of ten, each of 30 cells.
		partition := want[90:120]
		for _, row := range []struct {
			from, to *pb.CellSort
			want     []*pb.Cell
		}{
			{nil, nil, partition},
			{&pb.CellSort{Row: new(uint64(1 << 63))}, nil, partition[18:]},
			{nil, &pb.CellSort{Row: new(uint64(math.MaxUint64))}, partition[:24]},
			{&pb.CellSort{Row: new(uint64(1)), Column: new(pb.Grade(0))}, &pb.CellSort{Row: new(uint64(1 << 63)), Column: new(pb.Grade(math.MaxInt32)), Upper: new(true)}, partition[8:23]},
		} {
			t.equal(fmt.Sprintf("from %v to %v", row.from, row.to), t.scanCells(&pb.ScanCellsRequest{
				Partition: &pb.CellPartition{Grade: -1, Shaded: true}, From: row.from, To: row.to, PageSize: 2,
			}), row.want)
		}
	}},
	{name: "types", rule: "a key of every type is ordered by its value, and found by it and by the range that it bounds", run: func(t *check) {
		fields := message("CompoundKey").Descriptor().Fields()
		for i := range fields.Len() {
			t.sub(string(fields.Get(i).Name()), func(t *check) { t.orderedBy(fields.Get(i)) })
		}
	}},
	{name: "times", rule: "a Timestamp key is any time of the years 1 to 9999, exact to the nanosecond", run: func(t *check) {
		times := []*timestamppb.Timestamp{
			at(-62135596800, 0), at(-62135596800, 1), at(-62135596799, 0), at(-2208988800, 0), at(-1, 999999999), at(0, 0), at(0, 1), at(0, 499), at(0, 500), at(0, 501), at(0, 999), at(0, 1000),
			at(0, 999999), at(0, 999999999), at(1, 0), at(2524608000, 123456789), at(253402300799, 0), at(253402300799, 999999999),
		}
		var want []*pb.Event
		for _, when := range times {
			want = append(want, &pb.Event{Tenant: "t", At: when, Name: "n"})
		}
		t.putEvents(want)
		left(t, want, want)
		if !t.has(schema.CanScan) {
			return
		}
		t.scans(&pb.ScanEventsRequest{}, want)
		for i, from := range times {
			t.equal("from", t.scanEvents(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "t"}, From: &pb.EventSort{At: from}}, 7), want[i:])
		}
	}},
	{name: "parts", rule: "the parts of a key do not run into each other", run: func(t *check) {
		var want []*pb.Event
		for _, tenant := range []string{"a", "a\x01", "aa", "aab", "ab"} {
			for _, name := range []string{"\x01", "a", "aa", "b"} {
				want = append(want, &pb.Event{Tenant: tenant, At: at(0, 0), Name: name})
			}
		}
		t.putEvents(want)
		left(t, want, want)
		if !t.has(schema.CanScan) {
			return
		}
		t.scans(&pb.ScanEventsRequest{}, want)
		for _, e := range want {
			t.scans(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: e.Tenant}}, inPartition(want, e.Tenant, 0))
		}
	}},
	{name: "letter case", rule: "keys, unique values and indexed values that differ only in letter case, in composition or by a trailing space differ", run: func(t *check) {
		t.put(serial("a", "x"), serial("A", "X"), serial("a ", "x "), serial("\u00e9", "\u00e9"), serial("e\u0301", "e\u0301"))
		for _, pair := range [][2]string{{"x", "a"}, {"X", "A"}, {"x ", "a "}, {"\u00e9", "\u00e9"}, {"e\u0301", "e\u0301"}} {
			got, err := t.get(pair[1])
			t.ok(err)
			t.equal("got", got.GetItem(), serial(pair[1], pair[0]))
			if t.has(schema.CanUnique) {
				found, err := t.findSerial(pair[0])
				t.ok(err)
				t.equal("found", found, got)
			}
		}
	}},
}

func (t *check) scanCells(in *pb.ScanCellsRequest) []*pb.Cell {
	t.Helper()
	var list []*pb.Cell
	for _, r := range all(t, func(token string) (*pb.ScanCellsResponse, error) {
		in.PageToken = token
		return t.Cells.ScanCells(t.Context(), in)
	}) {
		list = append(list, r.GetCell())
	}
	return list
}

// orderedBy stores compounds that differ in one field of their key.
func (t *check) orderedBy(key protoreflect.FieldDescriptor) {
	t.Helper()
	t.empty("Compound")
	var want []*pb.Compound
	for _, v := range ascending(key) {
		c := &pb.Compound{BytesKey: []byte{0}, Value: fmt.Sprint(v)}
		c.ProtoReflect().Set(field(c.ProtoReflect(), string(key.Name())), value(v))
		if len(c.BytesKey) > 0 {
			want = append(want, c)
		}
	}
	var shuffled []*pb.Compound
	for i := range want {
		shuffled = append(shuffled, want[(i*11+3)%len(want)])
	}
	putAll(t, shuffled)
	left(t, want, want)
	if !t.has(schema.CanScan) {
		return
	}
	scan := func(in *pb.ScanCompoundsRequest, want []*pb.Compound) {
		t.Helper()
		in.PageSize = 1
		var got []*pb.Compound
		for _, r := range all(t, func(token string) (*pb.ScanCompoundsResponse, error) {
			in.PageToken = token
			return t.Compounds.ScanCompounds(t.Context(), in)
		}) {
			got = append(got, r.GetCompound())
		}
		if in.Reverse {
			slices.Reverse(got)
		}
		t.equal(fmt.Sprintf("from %v to %v, reverse=%t", in.From, in.To, in.Reverse), got, want)
	}
	for i, c := range want {
		scan(&pb.ScanCompoundsRequest{Reverse: i%2 == 0}, want)
		bound := new(pb.CompoundSort)
		if field(bound.ProtoReflect(), string(key.Name())) == nil { // a field of the partition
			scan(&pb.ScanCompoundsRequest{Partition: &pb.CompoundPartition{Int32Key: c.Int32Key, Uint32Key: c.Uint32Key}}, want[i:i+1])
			continue
		}
		sort := bound.ProtoReflect().Descriptor().Fields()
		for j := range sort.Len() {
			bound.ProtoReflect().Set(sort.Get(j), c.ProtoReflect().Get(field(c.ProtoReflect(), string(sort.Get(j).Name()))))
			if sort.Get(j).Name() == key.Name() {
				break
			}
		}
		scan(&pb.ScanCompoundsRequest{Partition: &pb.CompoundPartition{}, From: bound, Reverse: i%2 == 1}, want[i:])
		scan(&pb.ScanCompoundsRequest{Partition: &pb.CompoundPartition{}, To: bound, Reverse: i%2 == 0}, want[:i:i])
	}
}
