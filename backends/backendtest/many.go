package backendtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// many is a namespace of n items, of which every value follows from an item's
// number: nine in ten are common, one is rare, and titles fall as keys rise.
type many int

func (n many) id(i int) string { return fmt.Sprintf("%08d", i) }

func (n many) item(i int) *pb.Item {
	colour, title := "common", n.id(int(n)-i)
	switch {
	case i == int(n)/2:
		colour = "rare"
	case i%10 == 0:
		colour = "tenth"
	}
	return &pb.Item{ItemId: n.id(i), Colour: &colour, Title: &title}
}

var manyCases = []testCase{
	{name: "records", rule: "what a namespace answers does not depend on how many records are in it, and no call holds more than a page of them", run: func(t *check) {
		n := many(5000)
		if os.Getenv("PRISM_LONG") != "" {
			n = 1_000_000
		}
		begun := time.Now()
		for i := 0; i < int(n); i += 1000 {
			in := &pb.BatchPutItemsRequest{}
			for j := i; j < i+1000; j++ {
				in.Items = append(in.Items, n.item(j))
			}
			_, err := t.Items.BatchPutItems(t.Context(), in)
			t.ok(err)
		}
		t.Logf("%d records are stored in %v", n, time.Since(begun))
		heap := live()

		for _, reverse := range []bool{false, true} {
			begun = time.Now()
			next := 0
			n.list(t, func(token string) ([]*pb.ItemRecord, string, error) {
				out, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token, Reverse: reverse})
				return out.GetRecords(), out.GetNextPageToken(), err
			}, func(got string) {
				want := n.id(next)
				if reverse {
					want = n.id(int(n) - 1 - next)
				}
				if next++; got != want {
					t.Fatalf("record %d of the scan, reverse %t, is %s, want %s", next, reverse, got, want)
				}
			})
			t.equal("scanned", next, int(n))
			t.Logf("all are scanned, reverse %t, in %v", reverse, time.Since(begun))
		}
		found := func(colour string) (count int) {
			n.list(t, func(token string) ([]*pb.ItemRecord, string, error) {
				out, err := t.Items.FindItemsByColour(t.Context(), &pb.FindItemsByColourRequest{By: &pb.FindItemsByColourRequest_By{Colour: colour}, PageSize: 1000, PageToken: token})
				return out.GetRecords(), out.GetNextPageToken(), err
			}, func(string) { count++ })
			return count
		}
		t.equal("found by the rare colour", found("rare"), 1)
		t.equal("found by no colour", found("none"), 0)
		tenth := (int(n) + 9) / 10
		if int(n)/2%10 == 0 {
			tenth--
		}
		t.equal("found by a tenth", found("tenth"), tenth)
		from, to := n.id(int(n)/2), n.id(int(n)/2+2500)
		middle := 0
		n.list(t, func(token string) ([]*pb.ItemRecord, string, error) {
			out, err := t.Items.FindItemsByTitle(t.Context(), &pb.FindItemsByTitleRequest{
				From: &pb.FindItemsByTitleRequest_Bound{Title: &from}, To: &pb.FindItemsByTitleRequest_Bound{Title: &to}, PageSize: 700, PageToken: token,
			})
			return out.GetRecords(), out.GetNextPageToken(), err
		}, func(got string) {
			if want := n.id(int(n) - int(n)/2 - middle); got != want {
				t.Fatalf("record %d of the range is %s, want %s", middle, got, want)
			}
			middle++
		})
		t.equal("found in the middle", middle, 2500)

		random := rand.New(rand.NewPCG(1, 2))
		begun = time.Now()
		for range 1000 {
			i := random.IntN(int(n))
			out, err := t.Items.GetItem(t.Context(), &pb.GetItemRequest{Key: itemKey(n.id(i))})
			t.ok(err)
			t.equal("got", out.GetRecord().GetItem(), n.item(i))
		}
		t.Logf("1000 are got one by one in %v", time.Since(begun))
		if grown := int64(live()) - int64(heap); grown > 64<<20 {
			t.Errorf("%d MiB are held after the lists", grown>>20)
		}
	}},
}

// list reads a list to its end.
func (n many) list(t *check, page func(token string) ([]*pb.ItemRecord, string, error), each func(id string)) {
	t.Helper()
	for token := ""; ; {
		records, next, err := page(token)
		t.ok(err)
		for _, r := range records {
			each(r.GetItem().GetItemId())
		}
		if token = next; token == "" {
			return
		}
	}
}

// live returns how many bytes of the heap are in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
