package backendtest

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// scanPage reads one page of all items and returns the ids on it.
func (t *check) scanPage(size int32, reverse bool, token string) (ids []string, next string) {
	t.Helper()
	out, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: size, PageToken: token, Reverse: reverse})
	t.ok(err)
	for _, r := range out.GetRecords() {
		ids = append(ids, r.GetItem().GetItemId())
	}
	return ids, out.GetNextPageToken()
}

var changeCases = []testCase{
	{name: "around the cursor", rule: "between two pages, what is deleted ahead is not answered, what is inserted ahead is, and what changes behind does not matter", run: func(t *check) {
		t.put(items("a", "c", "e", "g", "i")...)
		first, token := t.scanPage(2, false, "")
		t.equal("the first page", first, []string{"a", "c"})
		t.remove("c")
		t.remove("e")
		t.put(items("b", "f", "z")...)
		t.put(item("i", "rewritten"))
		second, token := t.scanPage(3, false, token)
		t.equal("the second page", second, []string{"f", "g", "i"})
		third, token := t.scanPage(3, false, token)
		t.equal("the third page", third, []string{"z"})
		t.equal("its token", token, "")
	}},
	{name: "around the cursor in reverse", rule: "a reverse scan goes on where it stood, whatever changed", run: func(t *check) {
		t.put(items("a", "c", "e", "g", "i")...)
		first, token := t.scanPage(2, true, "")
		t.equal("the first page", first, []string{"i", "g"})
		t.remove("g")
		t.remove("e")
		t.put(items("h", "d", "0")...)
		second, token := t.scanPage(2, true, token)
		t.equal("the second page", second, []string{"d", "c"})
		third, token := t.scanPage(10, true, token)
		t.equal("the third page", third, []string{"a", "0"})
		t.equal("its token", token, "")
	}},
	{name: "nothing left", rule: "a token whose records are all gone resumes at an empty last page", run: func(t *check) {
		t.put(items("a", "b", "c")...)
		_, token := t.scanPage(1, false, "")
		t.removeAll("a", "b", "c")
		ids, next := t.scanPage(1, false, token)
		t.equal("the page", ids, []string(nil))
		t.equal("its token", next, "")
	}},
	{name: "find around the cursor", needs: schema.CanList, rule: "between two pages of a Find, entries that leave the index ahead are not answered and those that enter it are", run: func(t *check) {
		red := func(id string) *pb.Item {
			i := item(id)
			i.Colour = new("red")
			return i
		}
		t.put(red("a"), red("b"), red("c"), red("d"))
		read := func(token string) ([]string, string) {
			out, err := t.Items.FindItemsByColour(t.Context(), &pb.FindItemsByColourRequest{By: &pb.FindItemsByColourRequest_By{Colour: "red"}, PageSize: 1, PageToken: token})
			t.ok(err)
			var ids []string
			for _, r := range out.GetRecords() {
				ids = append(ids, r.GetItem().GetItemId())
			}
			return ids, out.GetNextPageToken()
		}
		_, token := read("")
		t.put(item("b"), item("d"), red("e"))
		second, token := read(token)
		t.equal("the second page", second, []string{"c"})
		third, token := read(token)
		t.equal("the third page", third, []string{"e"})
		t.equal("its token", token, "")
	}},
	{name: "concurrent", rule: "a record that is there throughout a scan is answered exactly once, one that comes and goes at most once", run: func(t *check) {
		const kept = 60
		for i := range kept {
			t.put(item(fmt.Sprintf("k%03d kept", i)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var churn sync.WaitGroup
		for worker := range 3 {
			churn.Go(func() {
				for i := worker; ctx.Err() == nil; i += 7 {
					id := fmt.Sprintf("k%03d %d", i%kept, worker)
					if _, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: item(id)}); err != nil {
						t.Errorf("put: %v", err)
						return
					}
					if _, err := t.delete(fmt.Sprintf("k%03d %d", (i+31)%kept, worker), 0); err != nil {
						t.Errorf("delete: %v", err)
						return
					}
				}
			})
		}
		defer churn.Wait()
		defer cancel()
		for _, size := range pageSizes {
			for _, reverse := range []bool{false, true} {
				seen := map[string]int{}
				for _, r := range all(t, func(token string) (*pb.ScanItemsResponse, error) {
					return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: size, PageToken: token, Reverse: reverse})
				}) {
					seen[r.GetItem().GetItemId()]++
				}
				found := 0
				for id, n := range seen {
					if n > 1 {
						t.Errorf("%s was answered %d times in pages of %d", id, n, size)
					}
					if strings.HasSuffix(id, "kept") {
						found++
					}
				}
				t.equal(fmt.Sprintf("kept records in pages of %d", size), found, kept)
			}
		}
	}},
	{name: "concurrent large", rule: "pages that end by their bytes lose nothing under concurrent change", run: func(t *check) {
		const kept = 12
		for i := range kept {
			t.put(&pb.Item{ItemId: fmt.Sprintf("k%02d kept", i), Payload: make([]byte, 700<<10)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		var churn sync.WaitGroup
		churn.Go(func() {
			for i := 0; ctx.Err() == nil; i += 5 {
				id := fmt.Sprintf("k%02d churned", i%kept)
				if _, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: id, Payload: make([]byte, 300<<10)}}); err != nil {
					t.Errorf("put: %v", err)
					return
				}
				if _, err := t.delete(fmt.Sprintf("k%02d churned", (i+7)%kept), 0); err != nil {
					t.Errorf("delete: %v", err)
					return
				}
			}
		})
		defer churn.Wait()
		defer cancel()
		for _, reverse := range []bool{false, true} {
			found := 0
			for _, r := range all(t, func(token string) (*pb.ScanItemsResponse, error) {
				return t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token, Reverse: reverse})
			}) {
				if strings.HasSuffix(r.GetItem().GetItemId(), "kept") {
					found++
				}
			}
			t.equal("kept records", found, kept)
		}
	}},
}
