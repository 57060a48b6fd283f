package backendtest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// indexed is a field of Sample with an ordered index and an equality index.
type indexed struct {
	field  string // its name in the message
	find   string // how the name of its ordered index's Find ends
	same   string // how that of its equality index's Find ends
	values []any  // in ascending order
}

func indexedFields() []indexed {
	var list []indexed
	fields := message("Sample").Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.HasPresence() {
			list = append(list, indexed{string(f.Name()), suffix(f), "Same" + suffix(f), ascending(f)})
		}
	}
	return list
}

// suffix is how the name of a field's Find ends.
func suffix(f protoreflect.FieldDescriptor) string {
	return strings.ToUpper(f.JSONName()[:1]) + f.JSONName()[1:]
}

// value returns v as a field's value.
func value(v any) protoreflect.Value {
	if m, ok := v.(proto.Message); ok {
		return protoreflect.ValueOfMessage(m.ProtoReflect())
	}
	return protoreflect.ValueOf(v)
}

// fill stores two samples for each value, and one without.
func (x indexed) fill(t *check) {
	t.Helper()
	list := []*pb.Sample{{SampleId: "without"}}
	for i, v := range x.values {
		for _, twin := range []string{"a", "b"} {
			s := &pb.Sample{SampleId: fmt.Sprintf("%s%02d", twin, (i*11+3)%len(x.values))}
			s.ProtoReflect().Set(field(s.ProtoReflect(), x.field), value(v))
			list = append(list, s)
		}
	}
	putAll(t, list)
}

// ids returns what a Find for the values i to j-1 answers: by value, then by
// key.
func (x indexed) ids(i, j int) []string {
	var list []string
	for ; i < j; i++ {
		for _, twin := range []string{"a", "b"} {
			list = append(list, fmt.Sprintf("%s%02d", twin, (i*11+3)%len(x.values)))
		}
	}
	return list
}

// ask sets the values to find by in the request of a Find, by field name, and
// the ends of the range, called from and to.
func ask(in protoreflect.Message, fields map[string]any) {
	for name, v := range fields {
		switch name {
		case "from", "to":
			bound := in.Mutable(field(in, name)).Message()
			bound.Set(bound.Descriptor().Fields().Get(0), value(v))
		default:
			by := in.Mutable(field(in, "by")).Message()
			by.Set(field(by, name), value(v))
		}
	}
}

// find reads a Find of Sample to its end and returns the ids that it answers.
func (t *check) find(suffix string, size int32, reverse bool, fields map[string]any) []string {
	t.Helper()
	var ids []string
	method := "FindSamplesBy" + suffix
	for token := ""; ; {
		in := message(method + "Request")
		set(in, "page_size", size)
		set(in, "page_token", token)
		set(in, "reverse", reverse)
		ask(in, fields)
		out, err := t.invoke(t.Context(), "Sample", method, in.Interface())
		t.ok(err)
		records := out.Get(field(out, "records")).List()
		for i := range records.Len() {
			ids = append(ids, records.Get(i).Message().Interface().(*pb.SampleRecord).GetSample().GetSampleId())
		}
		if token = out.Get(field(out, "next_page_token")).String(); token == "" {
			return ids
		}
		if len(ids) > maxPages {
			t.Fatalf("the list does not end")
		}
	}
}

func (t *check) putSample(s *pb.Sample) {
	t.Helper()
	_, err := t.Samples.PutSample(t.Context(), &pb.PutSampleRequest{Sample: s})
	t.ok(err)
}

var findCases = []testCase{
	{name: "equality", rule: "the Find of an equality index answers the records of exactly the value, in key order, of every type", run: func(t *check) {
		for _, x := range indexedFields() {
			t.sub(x.field, func(t *check) {
				t.empty("Sample")
				x.fill(t)
				for i, v := range x.values {
					t.equal(fmt.Sprintf("found by %v", v), t.find(x.same, 1, false, map[string]any{x.field: v}), x.ids(i, i+1))
				}
			})
		}
	}},
	{name: "ordered", rule: "the Find of an ordered index answers in the order of the values, ties by key, within from inclusive and to exclusive, in both directions and every page size, of every type", run: func(t *check) {
		for _, x := range indexedFields() {
			t.sub(x.field, func(t *check) {
				t.empty("Sample")
				x.fill(t)
				x.ranges(t)
			})
		}
	}},
	{name: "absent", rule: "an absent field is in no index", run: func(t *check) {
		t.putSample(&pb.Sample{SampleId: "without"})
		for _, x := range indexedFields() {
			t.equal(x.field, t.find(x.find, 0, false, nil), []string(nil))
			zero := map[string]any{}
			if x.field == "time" {
				zero["time"] = at(0, 0)
			}
			t.equal(x.field, t.find(x.same, 0, false, zero), []string(nil))
		}
	}},
	{name: "without presence", rule: "a field without presence is always in its index, unset as its zero", run: func(t *check) {
		t.putSample(&pb.Sample{SampleId: "a"})
		t.putSample(&pb.Sample{SampleId: "b", Bucket: 5})
		t.equal("found by 0", t.find("Bucket", 0, false, nil), []string{"a"})
		t.equal("found by 5", t.find("Bucket", 0, false, map[string]any{"bucket": int64(5)}), []string{"b"})
	}},
	{name: "update", rule: "an update moves the index entry, and clearing the field removes it", run: func(t *check) {
		red := map[string]any{"text": "red"}
		t.putSample(&pb.Sample{SampleId: "a", Text: new("red"), Number: new(int64(1))})
		t.equal("found", t.find("SameText", 0, false, red), []string{"a"})
		t.putSample(&pb.Sample{SampleId: "a", Text: new("blue"), Number: new(int64(1))})
		t.equal("found by the old value", t.find("SameText", 0, false, red), []string(nil))
		t.equal("found by the new value", t.find("SameText", 0, false, map[string]any{"text": "blue"}), []string{"a"})
		t.putSample(&pb.Sample{SampleId: "a", Number: new(int64(2))})
		t.equal("found when cleared", t.find("Text", 0, false, nil), []string(nil))
		t.equal("found by another field", t.find("Number", 0, false, nil), []string{"a"})
	}},
	{name: "delete", rule: "a delete removes the record from every index, a swap moves it", run: func(t *check) {
		out, err := t.Samples.PutSample(t.Context(), &pb.PutSampleRequest{Sample: &pb.Sample{SampleId: "a", Text: new("x"), Flag: new(true)}})
		t.ok(err)
		moved := &pb.Sample{SampleId: "a", Text: new("y"), Flag: new(true)}
		if t.has(schema.CanSwap) {
			_, err = t.Samples.CompareAndSwapSample(t.Context(), &pb.CompareAndSwapSampleRequest{Sample: moved, ExpectedVersion: out.GetVersion()})
			t.ok(err)
		} else {
			t.putSample(moved)
		}
		t.equal("found by the old value", t.find("SameText", 0, false, map[string]any{"text": "x"}), []string(nil))
		t.equal("found by the new value", t.find("SameText", 0, false, map[string]any{"text": "y"}), []string{"a"})
		_, err = t.Samples.DeleteSample(t.Context(), &pb.DeleteSampleRequest{Key: &pb.SampleKey{SampleId: "a"}})
		t.ok(err)
		t.equal("found by text", t.find("Text", 0, false, nil), []string(nil))
		t.equal("found by flag", t.find("SameFlag", 0, false, map[string]any{"flag": true}), []string(nil))
	}},
	{name: "refused write", needs: schema.CanUnique, rule: "a refused write leaves the indexes as they were", run: func(t *check) {
		t.put(serial("a", "1"), serial("b", "2"))
		i := serial("b", "1")
		i.Colour = new("red")
		_, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: i})
		t.refused(err, unique)
		out, err := t.Items.FindItemsByColour(t.Context(), &pb.FindItemsByColourRequest{By: &pb.FindItemsByColourRequest_By{Colour: "red"}})
		t.ok(err)
		t.equal("found", len(out.GetRecords()), 0)
		record, err := t.findSerial("2")
		t.ok(err)
		t.equal("found", record.GetItem().GetItemId(), "b")
	}},
	{name: "composite", rule: "a composite index answers the records of equal values, by its ordered field or by key, and none that lacks a value", run: func(t *check) {
		list := timeline()
		for i, e := range list {
			e.Kind = pb.EventKind(i % 3)
			e.Open = i%2 == 0
			if i%5 > 0 {
				e.Region = new([]string{"", "eu", "us"}[i%3])
			}
			if i%4 > 0 {
				e.Severity = new(int64(i%7 - 3))
			}
		}
		t.putEvents(list)
		t.composite(list)
	}},
	{name: "bad values", rule: "what a Find is asked for obeys the bounds of the field, and from is not after to", run: func(t *check) {
		find := func(suffix string, fields map[string]any) error {
			in := message("FindSamplesBy" + suffix + "Request")
			ask(in, fields)
			_, err := t.invoke(t.Context(), "Sample", "FindSamplesBy"+suffix, in.Interface())
			return err
		}
		t.refusedAt(find("SameText", map[string]any{"text": "hush\x00"}), fieldCharset, "by.text")
		t.refusedAt(find("SameText", map[string]any{"text": string(make([]byte, 65))}), fieldTooLong, "by.text")
		t.refusedAt(find("SameTime", nil), fieldRequired, "by.time")
		t.refusedAt(find("SameTime", map[string]any{"time": at(0, -1)}), timeRange, "by.time")
		_, err := t.Accounts.FindAccountsByNamed(t.Context(), &pb.FindAccountsByNamedRequest{})
		t.refusedAt(err, fieldRequired, "by.name") // no record lacks it
		t.refusedAt(find("Time", map[string]any{"from": at(253402300800, 0)}), timeRange, "from.time")
		t.refusedAt(find("Time", map[string]any{"to": at(-62135596801, 0)}), timeRange, "to.time")
		t.refusedAt(find("Text", map[string]any{"from": "hush\x00"}), fieldCharset, "from.text")
		for _, x := range indexedFields() {
			want := fieldRange
			if x.field == "time" {
				want = timeRange
			}
			t.refused(find(x.find, map[string]any{"from": x.values[1], "to": x.values[0]}), want)
			t.ok(find(x.find, map[string]any{"from": x.values[1], "to": x.values[1]}))
		}
	}},
}

// ranges reads every range of the values of x in one direction and page size,
// and the whole list in all of them.
func (x indexed) ranges(t *check) {
	t.Helper()
	read := func(size int32, reverse bool, fields map[string]any, want []string) {
		t.Helper()
		got := t.find(x.find, size, reverse, fields)
		if reverse {
			slices.Reverse(got)
		}
		t.equal(fmt.Sprintf("from %v to %v, reverse=%t, in pages of %d", fields["from"], fields["to"], reverse, size), got, want)
	}
	n := len(x.values)
	for _, size := range pageSizes {
		read(size, false, nil, x.ids(0, n))
		read(size, true, nil, x.ids(0, n))
	}
	for i := range n {
		read(7, i%2 == 0, map[string]any{"from": x.values[i]}, x.ids(i, n))
		read(7, i%2 == 1, map[string]any{"to": x.values[i]}, x.ids(0, i))
		for j := i; j < n; j++ {
			read(pageSizes[(i+j)%4], (i+j)/4%2 == 0, map[string]any{"from": x.values[i], "to": x.values[j]}, x.ids(i, j))
		}
	}
}

// composite reads the three composite indexes of Event.
func (t *check) composite(list []*pb.Event) {
	t.Helper()
	where := func(keep func(*pb.Event) bool, order func(a, b *pb.Event) int) []*pb.Event {
		found := slices.DeleteFunc(slices.Clone(list), func(e *pb.Event) bool { return !keep(e) })
		slices.SortStableFunc(found, order)
		return found
	}
	byKey := func(a, b *pb.Event) int { return 0 }
	for _, size := range []int32{1, 7, 0} {
		for _, reverse := range []bool{false, true} {
			var byPlace, byKind, byUrgency []*pb.Event
			for _, r := range all(t, func(token string) (*pb.FindEventsByPlaceResponse, error) {
				return t.Events.FindEventsByPlace(t.Context(), &pb.FindEventsByPlaceRequest{By: &pb.FindEventsByPlaceRequest_By{Region: "eu", Open: true}, PageSize: size, PageToken: token, Reverse: reverse})
			}) {
				byPlace = append(byPlace, r.GetEvent())
			}
			for _, r := range all(t, func(token string) (*pb.FindEventsByKindResponse, error) {
				return t.Events.FindEventsByKind(t.Context(), &pb.FindEventsByKindRequest{By: &pb.FindEventsByKindRequest_By{Kind: pb.EventKind_EVENT_KIND_STOP}, From: &pb.FindEventsByKindRequest_Bound{At: at(-5, 999999999)}, To: &pb.FindEventsByKindRequest_Bound{At: at(7, 1)}, PageSize: size, PageToken: token, Reverse: reverse})
			}) {
				byKind = append(byKind, r.GetEvent())
			}
			for _, r := range all(t, func(token string) (*pb.FindEventsByUrgentResponse, error) {
				return t.Events.FindEventsByUrgent(t.Context(), &pb.FindEventsByUrgentRequest{By: &pb.FindEventsByUrgentRequest_By{Region: "", Kind: pb.EventKind_EVENT_KIND_UNSPECIFIED}, From: &pb.FindEventsByUrgentRequest_Bound{Severity: new(int64(-2))}, PageSize: size, PageToken: token, Reverse: reverse})
			}) {
				byUrgency = append(byUrgency, r.GetEvent())
			}
			if reverse {
				slices.Reverse(byPlace)
				slices.Reverse(byKind)
				slices.Reverse(byUrgency)
			}
			t.equal("found by place", byPlace, where(func(e *pb.Event) bool { return e.Region != nil && *e.Region == "eu" && e.Open }, byKey))
			t.equal("found by kind", byKind, where(func(e *pb.Event) bool { return e.Kind == 2 && !proto.Equal(e.At, at(7, 1)) }, func(a, b *pb.Event) int {
				return a.At.AsTime().Compare(b.At.AsTime())
			}))
			t.equal("found by urgency", byUrgency, where(func(e *pb.Event) bool {
				return e.Region != nil && *e.Region == "" && e.Kind == 0 && e.Severity != nil && *e.Severity >= -2
			}, func(a, b *pb.Event) int { return int(*a.Severity - *b.Severity) }))
		}
	}
}
