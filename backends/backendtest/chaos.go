package backendtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Fault is something that a chaos run does to a service. Do returns when the
// fault is over.
type Fault struct {
	Name string
	Do   func(random *rand.Rand)
}

const (
	chaosWriters = 8
	chaosKeys    = 4 // per writer
	chaosSerials = 4 // unique values that all writers compete for
	// answersAgain is how long a service may take to answer after a fault.
	answersAgain = 10 * time.Second
)

// Chaos makes calls through the proxies of b at addresses while faults happen,
// for PRISM_CHAOS or else for d. PRISM_SEED decides the order of the faults:
// those of a list happen one after the other, and the lists concurrently. Each
// key has one writer, which knows what the record must be. After a call with
// unknown outcome it takes another key, since the call may still be applied; in
// the end the old key must have one of the two records.
func Chaos(t *testing.T, b Backend, d time.Duration, addresses []string, lists ...[]Fault) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	var err error
	if text := os.Getenv("PRISM_CHAOS"); text != "" {
		if d, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("PRISM_SEED") != "" {
		seed = Seeds(t)[0]
	}
	t.Logf("PRISM_SEED=%d", seed)
	c := &chaos{T: t, backend: b, holders: map[string]string{}, counts: map[string]int{}, conns: make([]*grpc.ClientConn, len(addresses))}
	connect := func(i int) {
		conn := dial(t, "passthrough:///"+addresses[i])
		c.mu.Lock()
		c.conns[i], conn = conn, c.conns[i]
		c.mu.Unlock()
		if conn != nil {
			conn.Close()
		}
	}
	for i := range addresses {
		connect(i)
	}
	lists = append(lists, []Fault{{"clients disconnected", func(r *rand.Rand) { connect(r.IntN(len(addresses))) }}})

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range chaosWriters {
		running.Go(func() { c.write(ctx, i, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	end := time.Now().Add(d)
	var faults sync.WaitGroup
	for i, list := range lists {
		faults.Go(func() { c.happen(list, rand.New(rand.NewPCG(seed, uint64(chaosWriters+i))), end) })
	}
	faults.Wait()
	for i := range addresses {
		again, cancel := context.WithTimeout(ctx, answersAgain)
		for {
			_, err := c.proxy(i).PutItem(again, &pb.PutItemRequest{Item: item(fmt.Sprint("after", i))}, grpc.WaitForReady(true))
			if err == nil {
				break
			}
			if again.Err() != nil {
				t.Errorf("rule: after the last fault each proxy answers within %s; proxy %d: %v", answersAgain, i, err)
				break
			}
			time.Sleep(20 * time.Millisecond) // a proxy reconnects in its own time
		}
		cancel()
	}
	cancel()
	running.Wait()
	c.rest()
	var summary string
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		summary += fmt.Sprintf("\n%7d %s", c.counts[name], name)
	}
	t.Logf("chaos of %s:%s", d, summary)
}

// happen makes faults happen until end: first each once, then any.
func (c *chaos) happen(faults []Fault, random *rand.Rand, end time.Time) {
	for each := random.Perm(len(faults)); time.Now().Before(end) || len(each) > 0; {
		// Calls must succeed between faults, or there is nothing to lose.
		time.Sleep(100*time.Millisecond + time.Duration(random.Int64N(int64(400*time.Millisecond))))
		fault := faults[random.IntN(len(faults))]
		if len(each) > 0 {
			fault, each = faults[each[0]], each[1:]
		}
		fault.Do(random)
		c.count("fault: " + fault.Name)
	}
}

// chaos is the model of a run.
type chaos struct {
	*testing.T
	backend Backend

	mu      sync.Mutex
	conns   []*grpc.ClientConn // to each proxy
	counts  map[string]int
	holders map[string]string // by unique value, the key that certainly has it
	owned   []*owned
}

// owned is a key and what its record may be; version 0: no record.
type owned struct {
	key, note, serial string
	version           int64
	seen              []int64 // versions answered
	unknown           bool
	other             string // the note if the unknown call was applied; "": no record
}

func (c *chaos) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[name]++
}

// proxy returns a client of the i-th proxy.
func (c *chaos) proxy(i int) *pb.ItemServiceClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	return pb.NewItemServiceClient(c.conns[i])
}

func (c *chaos) write(ctx context.Context, writer int, random *rand.Rand) {
	keys := make([]*owned, chaosKeys)
	for n := 0; ctx.Err() == nil; n++ {
		i := random.IntN(chaosKeys)
		if keys[i] == nil || keys[i].unknown {
			keys[i] = &owned{key: fmt.Sprintf("c%d-%d", writer, n)}
			c.mu.Lock()
			c.owned = append(c.owned, keys[i])
			c.mu.Unlock()
		}
		c.call(ctx, keys[i], fmt.Sprintf("n%d-%d", writer, n), random)
	}
}

// call writes a key once, and reads it back if its record is known.
func (c *chaos) call(ctx context.Context, k *owned, note string, random *rand.Rand) {
	timeout := 2 * time.Second
	if random.IntN(8) == 0 {
		timeout = time.Duration(1+random.IntN(5)) * time.Millisecond
	}
	one, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c.mu.Lock()
	if c.holders[k.serial] == k.key {
		delete(c.holders, k.serial)
	}
	c.mu.Unlock()
	items := c.proxy(random.IntN(len(c.conns)))
	written := item(k.key)
	written.Note = note
	var serial string
	if c.backend.offers(schema.CanUnique) && random.IntN(2) == 0 {
		serial = fmt.Sprint("u", random.IntN(chaosSerials))
		written.Serial = &serial
	}
	var version int64
	var err error
	if random.IntN(6) == 0 {
		note, serial = "", ""
		_, err = items.DeleteItem(one, &pb.DeleteItemRequest{Key: itemKey(k.key)})
	} else {
		var out *pb.PutItemResponse
		out, err = items.PutItem(one, &pb.PutItemRequest{Item: written})
		version = out.GetVersion()
	}
	c.count("calls")
	switch {
	case err == nil:
		c.count("acknowledged")
		if note != "" && (version <= k.version || slices.Contains(k.seen, version)) {
			c.Errorf("rule: the versions of a key grow while it has a record, and none is answered twice; %s had %d, is at %d, got %d", k.key, k.seen, k.version, version)
		}
		if note != "" {
			k.seen = append(k.seen, version)
		}
		k.note, k.version, k.serial = note, version, serial
		c.hold(k)
	case reason.Metadata(err)["outcome"] == "none", reason.Of(err) == prismv1.Reason_UNIQUE:
		c.count("refused: " + reason.Of(err).String())
		c.hold(k)
	default:
		c.count(fmt.Sprintf("unknown: %v %v", status.Code(err), reason.Of(err)))
		if reason.Of(err) == prismv1.Reason_INTERNAL {
			c.Errorf("rule: what a fault does to a call has a name; got %v", err)
		}
		k.unknown, k.other = true, note
		time.Sleep(20 * time.Millisecond) // what was killed is not yet back
		return
	}
	c.readBack(ctx, k, c.proxy(random.IntN(len(c.conns))))
}

// hold records that k has its unique value until its writer's next call.
func (c *chaos) hold(k *owned) {
	if k.serial == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.holders[k.serial]; other != "" {
		c.Errorf("rule: one record has a unique value; %s is of %s and of %s", k.serial, other, k.key)
	}
	c.holders[k.serial] = k.key
}

// readBack demands that k, which no call can change now, is as it must be, and
// returns its record, which has no item if there is none. It returns nil if the
// read fails.
func (c *chaos) readBack(ctx context.Context, k *owned, items *pb.ItemServiceClient) *pb.ItemRecord {
	one, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out, err := items.GetItem(one, &pb.GetItemRequest{Key: itemKey(k.key)}, grpc.WaitForReady(true))
	if err != nil && reason.Of(err) != prismv1.Reason_NOT_FOUND {
		return nil
	}
	note, version := out.GetRecord().GetItem().GetNote(), out.GetRecord().GetVersion()
	switch {
	case note == k.note && version == k.version, k.unknown && note == k.other:
	default:
		c.Errorf("rule: an acknowledged write is never lost, and outcome none is not applied; %s is %q of version %d, want %q of %d (unknown %t, then %q)",
			k.key, note, version, k.note, k.version, k.unknown, k.other)
	}
	if err != nil {
		return new(pb.ItemRecord)
	}
	return out.GetRecord()
}

// rest checks all keys, and the Finds and scans against them, when no call
// runs.
func (c *chaos) rest() {
	time.Sleep(3 * time.Second) // abandoned calls may still be applied
	holders := map[string]string{}
	for _, k := range c.owned {
		record := c.readBack(c.Context(), k, c.proxy(0))
		if record == nil {
			c.Errorf("rule: after the last fault all is read; %s is not", k.key)
			return
		}
		if record.Item == nil || record.Item.Serial == nil {
			continue
		}
		serial := *record.Item.Serial
		if other := holders[serial]; other != "" {
			c.Errorf("rule: one record has a unique value; %s is of %s and of %s", serial, other, k.key)
		}
		holders[serial] = k.key
	}
	if c.backend.offers(schema.CanScan) {
		c.scan(maps.Clone(holders))
	}
	if !c.backend.offers(schema.CanUnique) {
		return
	}
	for i := range chaosSerials {
		serial := fmt.Sprint("u", i)
		out, err := c.proxy(0).FindItemBySerial(c.Context(), &pb.FindItemBySerialRequest{By: &pb.FindItemBySerialRequest_By{Serial: serial}})
		if got, want := out.GetRecord().GetItem().GetItemId(), holders[serial]; got != want || err != nil && reason.Of(err) != prismv1.Reason_NOT_FOUND {
			c.Errorf("rule: a Find agrees with gets; %s is of %q, want %q: %v", serial, got, want, err)
		}
	}
}

// scan demands that a scan has exactly those records with unique values.
func (c *chaos) scan(holders map[string]string) {
	in := &pb.ScanItemsRequest{PageSize: 1000}
	for {
		page, err := c.proxy(0).ScanItems(c.Context(), in)
		if err != nil {
			c.Fatal(err)
		}
		for _, r := range page.GetRecords() {
			if r.Item.Serial == nil {
				continue
			}
			if want := holders[*r.Item.Serial]; want != r.Item.ItemId {
				c.Errorf("rule: a scan agrees with gets; %s is of %s, want %q", *r.Item.Serial, r.Item.ItemId, want)
			}
			delete(holders, *r.Item.Serial)
		}
		if in.PageToken = page.GetNextPageToken(); in.PageToken == "" {
			break
		}
	}
	if len(holders) > 0 {
		c.Errorf("rule: a scan agrees with gets; it lacks the holders of %v", holders)
	}
}

// ProxyFaults are what can happen to a proxy; spawn starts it again.
func ProxyFaults(t testing.TB, proxies []*Process, spawn func(i int) *Process) []Fault {
	t.Helper()
	return []Fault{
		{"kill -9 of a proxy", func(r *rand.Rand) { i := r.IntN(len(proxies)); proxies[i].Kill(t); proxies[i] = spawn(i) }},
		{"SIGTERM of a proxy", func(r *rand.Rand) { i := r.IntN(len(proxies)); proxies[i].Stop(t); proxies[i] = spawn(i) }},
		{"SIGSTOP of a proxy", func(r *rand.Rand) {
			proxies[r.IntN(len(proxies))].Pause(t, 100*time.Millisecond+time.Duration(r.Int64N(int64(2*time.Second))))
		}},
	}
}
