package backendtest

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

func at(seconds int64, nanos int32) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}
}

// timeline returns events of several partitions in the order of their keys.
func timeline() []*pb.Event {
	var list []*pb.Event
	for _, tenant := range []string{"a", "ab", "b"} {
		for _, shard := range []int64{-3, 0} {
			for _, when := range []*timestamppb.Timestamp{at(-5, 999999999), at(7, 0), at(7, 1)} {
				for _, name := range []string{"x", "xy"} {
					for _, sequence := range []int64{math.MinInt64, -1, 4} {
						list = append(list, &pb.Event{Tenant: tenant, Shard: shard, At: when, Name: name, Sequence: sequence})
					}
				}
			}
		}
	}
	return list
}

// putEvents stores events in shuffled order.
func (t *check) putEvents(list []*pb.Event) {
	t.Helper()
	var shuffled []*pb.Event
	for i := range list {
		shuffled = append(shuffled, list[i*37%len(list)])
	}
	putAll(t, shuffled)
}

// scanEvents reads a scan to its end, in pages of the given size.
func (t *check) scanEvents(in *pb.ScanEventsRequest, size int32) []*pb.Event {
	t.Helper()
	var list []*pb.Event
	in.PageSize = size
	for _, r := range all(t, func(token string) (*pb.ScanEventsResponse, error) {
		in.PageToken = token
		return t.Events.ScanEvents(t.Context(), in)
	}) {
		list = append(list, r.GetEvent())
	}
	return list
}

// compareBound compares an event with a bound, whose unset parts are lowest.
func compareBound(e *pb.Event, b *pb.EventSort) int {
	if b.At == nil {
		return 1
	}
	return cmp.Or(
		cmp.Compare(e.At.Seconds, b.At.Seconds), cmp.Compare(e.At.Nanos, b.At.Nanos),
		strings.Compare(e.Name, b.GetName()),
		compareUnset(e.Sequence, b.Sequence),
	)
}

// compareUnset compares v with a part of a bound. An unset part is below every
// value.
func compareUnset(v int64, bound *int64) int {
	if bound == nil {
		return 1
	}
	return cmp.Compare(v, *bound)
}

var pageSizes = []int32{1, 2, 7, 1000}

// sizes are the page sizes with which a case scans, none if scans are not
// offered.
func (t *check) sizes() []int32 {
	if !t.has(schema.CanScan) {
		return nil
	}
	return pageSizes
}

// scans demands that a scan answers want in every direction and page size.
func (t *check) scans(in *pb.ScanEventsRequest, want []*pb.Event) {
	t.Helper()
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	for _, size := range pageSizes {
		in.Reverse = false
		t.equal(fmt.Sprintf("in pages of %d", size), t.scanEvents(in, size), want)
		in.Reverse = true
		t.equal(fmt.Sprintf("in reverse, in pages of %d", size), t.scanEvents(in, size), backwards)
	}
}

func inPartition(list []*pb.Event, tenant string, shard int64) []*pb.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e *pb.Event) bool { return e.Tenant != tenant || e.Shard != shard })
}

var scanCases = []testCase{
	{name: "empty record", rule: "a record whose fields are all zero is on its page, and the list goes on after it", run: func(t *check) {
		want := []int64{-1, 0, 1, 2}
		for _, id := range want {
			_, err := t.Counters.PutCounter(t.Context(), &pb.PutCounterRequest{Counter: &pb.Counter{CounterId: id}})
			t.ok(err)
		}
		for _, reverse := range []bool{false, true} {
			var got []int64
			for _, r := range all(t, func(token string) (*pb.ScanCountersResponse, error) {
				return t.Counters.ScanCounters(t.Context(), &pb.ScanCountersRequest{Reverse: reverse, PageSize: 1, PageToken: token})
			}) {
				got = append(got, r.GetCounter().GetCounterId())
			}
			if reverse {
				slices.Reverse(got)
			}
			t.equal(fmt.Sprintf("counters, reverse %t", reverse), got, want)
		}
	}},
	{name: "empty", rule: "the scan of nothing answers no record and no token", run: func(t *check) {
		out, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{})
		t.ok(err)
		t.equal("the answer", out, &pb.ScanItemsResponse{})
	}},
	{name: "namespace", rule: "a scan answers every record once, in the order of the keys, partition by partition, and in reverse backwards, whatever the page size", run: func(t *check) {
		list := timeline()
		t.putEvents(list)
		t.scans(&pb.ScanEventsRequest{}, list)
	}},
	{name: "partition", rule: "the scan of a partition answers its records only", run: func(t *check) {
		list := timeline()
		t.putEvents(list)
		t.scans(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "ab", Shard: -3}}, inPartition(list, "ab", -3))
		t.scans(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "a"}}, inPartition(list, "a", 0))
		t.scans(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "a", Shard: 1}}, nil)
	}},
	{name: "ranges", rule: "a range is from inclusive to exclusive in ascending order, whatever the direction, and an unset trailing part is the lowest", run: func(t *check) {
		list := timeline()
		t.putEvents(list)
		list = inPartition(list, "ab", 0)
		bounds := []*pb.EventSort{
			nil,
			{},
			{At: at(-100, 0)},
			{At: at(-5, 999999999)},
			{At: at(7, 0)},
			{At: at(7, 0), Name: new("x")},
			{At: at(7, 0), Name: new("x"), Sequence: new(int64(math.MinInt64))},
			{At: at(7, 0), Name: new("x"), Sequence: new(int64(0))},
			{At: at(7, 0), Name: new("x"), Sequence: new(int64(4))},
			{At: at(7, 0), Name: new("xa")},
			{At: at(7, 1), Name: new("xy"), Sequence: new(int64(4))},
			{At: at(100, 0)},
		}
		for i, from := range bounds {
			for j, to := range bounds {
				if from != nil && to != nil && j < i {
					continue // backwards
				}
				want := slices.DeleteFunc(slices.Clone(list), func(e *pb.Event) bool {
					return from != nil && compareBound(e, from) < 0 || to != nil && compareBound(e, to) >= 0
				})
				in := &pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "ab"}, From: from, To: to, Reverse: (i+j)%2 == 1}
				if in.Reverse {
					slices.Reverse(want)
				}
				t.equal(fmt.Sprintf("from %v to %v, reverse=%t", from, to, in.Reverse), t.scanEvents(in, pageSizes[(i+j)%len(pageSizes)]), want)
			}
		}
		t.scans(&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "ab"}, From: bounds[5], To: bounds[10]}, list[6:17])
	}},
	{name: "bad ranges", rule: "a range needs its partition, and a part of a bound the parts before it", run: func(t *check) {
		whole := &pb.EventPartition{Tenant: "a"}
		for _, row := range []struct {
			in    *pb.ScanEventsRequest
			want  refusal
			field string
		}{
			{&pb.ScanEventsRequest{From: &pb.EventSort{At: at(1, 0)}}, fieldRequired, "partition"},
			{&pb.ScanEventsRequest{To: &pb.EventSort{At: at(1, 0)}}, fieldRequired, "partition"},
			{&pb.ScanEventsRequest{Partition: &pb.EventPartition{Shard: 1}}, fieldRequired, "partition.tenant"},
			{&pb.ScanEventsRequest{Partition: whole, From: &pb.EventSort{Name: new("x")}}, fieldRequired, "from.at"},
			{&pb.ScanEventsRequest{Partition: whole, To: &pb.EventSort{At: at(1, 0), Sequence: new(int64(1))}}, fieldRequired, "to.name"},
			{&pb.ScanEventsRequest{Partition: whole, From: &pb.EventSort{At: at(0, -1)}}, timeRange, "from.at"},
			{&pb.ScanEventsRequest{Partition: whole, To: &pb.EventSort{At: at(0, 1e9)}}, timeRange, "to.at"},
			{&pb.ScanEventsRequest{Partition: whole, To: &pb.EventSort{At: at(1, 0), Name: new("hush\x00")}}, fieldCharset, "to.name"},
			{&pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: strings.Repeat("hush", 17)}}, fieldTooLong, "partition.tenant"},
		} {
			_, err := t.Events.ScanEvents(t.Context(), row.in)
			t.refusedAt(err, row.want, row.field)
		}
		_, err := t.Events.ScanEvents(t.Context(), &pb.ScanEventsRequest{Partition: whole, From: &pb.EventSort{At: at(2, 1)}, To: &pb.EventSort{At: at(2, 0)}})
		t.refused(err, timeRange)
		_, err = t.Cells.ScanCells(t.Context(), &pb.ScanCellsRequest{Partition: &pb.CellPartition{}, From: &pb.CellSort{Row: new(uint64(2))}, To: &pb.CellSort{Row: new(uint64(1))}})
		t.refused(err, fieldRange)
	}},
	{name: "page sizes", rule: "a page has 100 records by default and at most 1,000; page_size 0 is the default, a negative one PAGE_SIZE_RANGE", run: func(t *check) {
		ids := numbered(1005)
		for part := range slices.Chunk(ids, 500) {
			var list []*pb.Item
			for _, id := range part {
				list = append(list, &pb.Item{ItemId: id})
			}
			putAll(t, list)
		}
		for _, row := range []struct{ size, want int32 }{{0, 100}, {1, 1}, {99, 99}, {1000, 1000}, {1001, 1000}, {1e9, 1000}} {
			out, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: row.size})
			t.ok(err)
			t.equal(fmt.Sprintf("records on a page of %d", row.size), len(out.GetRecords()), int(row.want))
			if out.GetNextPageToken() == "" {
				t.Errorf("a page of %d has no token, and there is more", row.size)
			}
		}
		for _, size := range []int32{-1, math.MinInt32} {
			_, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: size})
			t.refusedAt(err, pageSizeRange, "page_size")
		}
	}},
	{name: "exact end", rule: "a page that ends with the last record has no token, in both directions", run: func(t *check) {
		t.put(items(numbered(6)...)...)
		for _, size := range []int32{6, 3, 2, 7} {
			for _, reverse := range []bool{false, true} {
				list := pages(t, func(token string) (*pb.ScanItemsResponse, error) {
					return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: size, PageToken: token, Reverse: reverse})
				})
				t.equal(fmt.Sprintf("pages of %d", size), len(list), (6+int(size)-1)/int(size))
			}
		}
	}},
	{name: "large records", rule: "a page is below what clients accept, and has at least one record", run: func(t *check) {
		for i, id := range numbered(9) {
			t.put(&pb.Item{ItemId: id, Payload: bytes.Repeat([]byte{byte(i)}, 1<<20-i)})
		}
		for _, reverse := range []bool{false, true} {
			var got []string
			list := pages(t, func(token string) (*pb.ScanItemsResponse, error) {
				return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token, Reverse: reverse})
			})
			for _, page := range list {
				if len(page) == 0 {
					t.Errorf("a page is empty")
				}
				for _, r := range page {
					i := len(got)
					if got = append(got, r.GetItem().GetItemId()); reverse {
						i = 8 - i
					}
					if !bytes.Equal(r.GetItem().GetPayload(), bytes.Repeat([]byte{byte(i)}, 1<<20-i)) {
						t.Errorf("the payload of %s has changed", r.GetItem().GetItemId())
					}
				}
			}
			want := numbered(9)
			if reverse {
				slices.Reverse(want)
			}
			t.equal("scanned", got, want)
			if len(list) != 3 {
				t.Errorf("9 MiB came on %d pages, want 3 of three records", len(list))
			}
		}
	}},
	{name: "versions", rule: "a list answers each record as its get does", run: func(t *check) {
		t.put(items("a", "b", "c")...)
		t.put(item("b", "again"))
		out, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{})
		t.ok(err)
		for _, r := range out.GetRecords() {
			t.holds(r.GetItem(), r.GetVersion())
		}
	}},
}
