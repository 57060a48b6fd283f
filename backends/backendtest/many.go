package backendtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// many is a namespace of n items and its model: an item's title and colour
// follow from its number, unless the map changed has another colour, "" if it
// is deleted. Nine in ten items are common, one is rare, and titles fall as
// keys rise.
type many struct {
	*check
	can     schema.Ability // what is offered
	n       int
	changed map[int]string
}

const (
	manyWrites = 1000      // of each kind
	manyMiddle = 2500      // items of the range in the middle
	manyMemory = 128 << 20 // how much a proxy may grow while answering
)

const manyRule = "what a namespace answers does not depend on how many records are in it, and no call holds more than a page of them"

var manyCases = []testCase{
	{name: "records", needs: schema.CanBatch, rule: manyRule, run: func(t *check) {
		m := newMany(t, t.backend.Emit.Store.KeyValue.Can)
		m.fill()
		m.lists()
		m.change()
		m.lists()
	}},
}

// Many runs the case of many records on a proxy in a separate process, which
// must not grow while answering. Its backend must offer batches.
func Many(t *testing.T, b Backend, p *Process) {
	t.Helper()
	proxy := &Proxy{clients: connect(dial(t, "passthrough:///"+p.Address))}
	m := newMany(&check{T: t, Proxy: proxy, rule: manyRule}, b.Emit.Store.KeyValue.Can)
	m.fill()
	before := p.resident(t)
	m.lists()
	after := p.resident(t)
	m.Logf("the proxy has %d MiB when they are stored, %d MiB when they are read", before>>20, after>>20)
	if after > before+manyMemory {
		m.Errorf("the proxy had %d MiB before the lists, and %d after", before>>20, after>>20)
	}
}

func newMany(t *check, can schema.Ability) *many {
	m := &many{check: t, can: can, n: 20_000, changed: map[int]string{}}
	if os.Getenv("PRISM_LONG") != "" {
		m.n = 1_000_000
	}
	return m
}

func (m *many) id(i int) string { return fmt.Sprintf("%08d", i) }

// colour returns the colour of item i, "" if there is no such item.
func (m *many) colour(i int) string {
	if colour, ok := m.changed[i]; ok {
		return colour
	}
	switch {
	case i == m.n/2:
		return "rare"
	case i%10 == 0:
		return "tenth"
	}
	return "common"
}

func (m *many) item(i int) *pb.Item {
	return &pb.Item{ItemId: m.id(i), Colour: new(m.colour(i)), Title: new(m.id(m.n - i))}
}

// ids returns the keys of the model's items for which has is true, in order.
func (m *many) ids(has func(i int) bool) []string {
	var ids []string
	for i := range m.n {
		if m.colour(i) != "" && has(i) {
			ids = append(ids, m.id(i))
		}
	}
	return ids
}

func (m *many) fill() {
	begun := time.Now()
	for i := 0; i < m.n; i += 1000 {
		in := &pb.BatchPutItemsRequest{}
		for j := i; j < i+1000; j++ {
			in.Items = append(in.Items, m.item(j))
		}
		_, err := m.Items.BatchPutItems(m.Context(), in)
		m.ok(err)
	}
	m.Logf("%d records are stored in %v", m.n, time.Since(begun))
}

// change puts and deletes items at random.
func (m *many) change() {
	begun, random := time.Now(), rand.New(rand.NewPCG(3, 4))
	for range manyWrites {
		i := random.IntN(m.n)
		existed, err := m.delete(m.id(i), 0)
		m.ok(err)
		m.equal("existed", existed, m.colour(i) != "")
		m.changed[i] = ""
		i = random.IntN(m.n)
		m.changed[i] = "changed"
		m.put(m.item(i))
	}
	m.Logf("%d are deleted and as many put one by one in %v", manyWrites, time.Since(begun))
}

// lists compares every list that is offered, and random gets, with the model.
func (m *many) lists() {
	if m.can&schema.CanScan != 0 {
		m.scans()
	}
	if m.can&schema.CanList != 0 {
		m.finds()
	}
	begun, random := time.Now(), rand.New(rand.NewPCG(1, 2))
	for range manyWrites {
		i := random.IntN(m.n)
		record, err := m.get(m.id(i))
		if m.colour(i) == "" {
			m.refused(err, notFound)
			continue
		}
		m.ok(err)
		m.equal("got", record.GetItem(), m.item(i))
	}
	m.Logf("%d are got one by one in %v", manyWrites, time.Since(begun))
}

func (m *many) scans() {
	everything := m.ids(func(int) bool { return true })
	same(m, "scan", everything, func(token string) (*pb.ScanItemsResponse, error) {
		return m.Items.ScanItems(m.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token})
	})
	slices.Reverse(everything)
	same(m, "scan in reverse", everything, func(token string) (*pb.ScanItemsResponse, error) {
		return m.Items.ScanItems(m.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token, Reverse: true})
	})
}

func (m *many) finds() {
	for _, colour := range []string{"rare", "none", "tenth", "changed", "common"} {
		want := m.ids(func(i int) bool { return m.colour(i) == colour })
		same(m, "find by "+colour, want, func(token string) (*pb.FindItemsByColourResponse, error) {
			return m.Items.FindItemsByColour(m.Context(), &pb.FindItemsByColourRequest{
				By: &pb.FindItemsByColourRequest_By{Colour: colour}, PageSize: 1000, PageToken: token,
			})
		})
	}
	from, to := m.n/2, m.n/2+manyMiddle
	middle := m.ids(func(i int) bool { return m.n-i >= from && m.n-i < to })
	slices.Reverse(middle)
	same(m, "range in the middle", middle, func(token string) (*pb.FindItemsByTitleResponse, error) {
		return m.Items.FindItemsByTitle(m.Context(), &pb.FindItemsByTitleRequest{
			From: &pb.FindItemsByTitleRequest_Bound{Title: new(m.id(from))}, To: &pb.FindItemsByTitleRequest_Bound{Title: new(m.id(to))},
			PageSize: 700, PageToken: token,
		})
	})
}

// same demands that a list, read page by page, has exactly the items in want,
// each as in the model.
func same[A lister[*pb.ItemRecord]](m *many, what string, want []string, read func(token string) (A, error)) {
	m.Helper()
	begun, n := time.Now(), 0
	for token := ""; ; {
		page, err := read(token)
		m.ok(err)
		for _, r := range page.GetRecords() {
			got := r.GetItem()
			if n == len(want) || got.GetItemId() != want[n] {
				m.Fatalf("%s: record %d is %s, want %q, of %d", what, n, got.GetItemId(), want[min(n, len(want)):min(n+1, len(want))], len(want))
			}
			i, _ := strconv.Atoi(want[n])
			if got.GetColour() != m.colour(i) || got.GetTitle() != m.id(m.n-i) {
				m.Fatalf("%s: record %d is %v, want %v", what, n, got, m.item(i))
			}
			n++
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if n != len(want) {
		m.Fatalf("%s: %d records, want %d", what, n, len(want))
	}
	m.Logf("%s: %d in %v", what, n, time.Since(begun))
}
