package backendtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Cycles is how often tests crash or restart something: 20 times, or
// PRISM_CYCLES.
func Cycles(t testing.TB) int {
	t.Helper()
	text := os.Getenv("PRISM_CYCLES")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PRISM_CYCLES is %q, want a number of cycles", text)
	}
	return n
}

// FreeAddress returns an address on the loopback interface on which nothing
// listens now.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const (
	crashWriters = 8
	// recovered is how long after a crash writes may remain unacknowledged.
	recovered = 5 * time.Second
)

// Crash writes through the proxy of b at address while crash is called
// repeatedly at random moments; crash must return when what it ended is up
// again. The test fails if an acknowledged write is missing at the end, if a
// call fails with an error that does not say that the store or the proxy was
// away, or if writes are not acknowledged again soon afterwards.
func Crash(t *testing.T, b Backend, address string, cycles int, crash func()) {
	t.Helper()
	items := pb.NewItemServiceClient(dial(t, "passthrough:///"+address))
	w := &writers{items: items, versions: map[string]int64{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range crashWriters {
		running.Go(func() { w.write(ctx, i) })
	}
	for cycle := range cycles {
		before := w.count.Load()
		for begin := time.Now(); w.count.Load() < before+crashWriters; time.Sleep(time.Millisecond) {
			if time.Since(begin) > recovered {
				t.Errorf("rule: the proxy recovers without a restart within %s; before crash %d nothing is acknowledged: %v", recovered, cycle, w.last.Load())
				cancel()
				running.Wait()
				return
			}
		}
		time.Sleep(rand.N(150 * time.Millisecond)) // the kill may come at any moment of a write
		crash()
	}
	before := w.count.Load()
	for begin := time.Now(); w.count.Load() == before && time.Since(begin) < recovered; {
		time.Sleep(time.Millisecond)
	}
	cancel()
	running.Wait()
	if w.count.Load() == before {
		t.Errorf("rule: the proxy recovers; after the last crash nothing is acknowledged: %v", w.last.Load())
	}
	for _, err := range w.unexplained {
		t.Errorf("rule: a call that a crash ends says so; got %v", err)
	}
	t.Logf("%d writes acknowledged in %d cycles", w.count.Load(), cycles)
	w.find(t, b.offers(schema.CanBatch))
}

// writers put items, each under its own key, and remember what was
// acknowledged.
type writers struct {
	items *pb.ItemServiceClient
	count atomic.Int64
	last  atomic.Value // the last error, of type failed

	mu          sync.Mutex
	versions    map[string]int64 // of what was acknowledged
	unexplained []error
}

type failed struct{ error }

func (w *writers) write(ctx context.Context, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("w%d-%d", writer, i)
		one, cancel := context.WithTimeout(ctx, 2*time.Second)
		out, err := w.items.PutItem(one, &pb.PutItemRequest{Item: item(id)}, grpc.WaitForReady(true))
		cancel()
		w.mu.Lock()
		switch {
		case err == nil:
			w.versions[id] = out.GetVersion()
			w.count.Add(1)
		case ctx.Err() == nil:
			w.last.Store(failed{err})
			if !explained(err) {
				w.unexplained = append(w.unexplained, err)
			}
		}
		w.mu.Unlock()
		if err != nil {
			time.Sleep(5 * time.Millisecond) // what was killed is not yet back
		}
	}
}

// explained reports whether an error is one of the catalogue's for a proxy or
// store that is away: it has the outcome of the write, says that it is worth
// retrying, and does not reveal where the store is.
func explained(err error) bool {
	code := codes.DeadlineExceeded
	switch reason.Of(err) {
	case prismv1.Reason_REASON_UNSPECIFIED: // grpc's own: the connection to the proxy
		return status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded
	case prismv1.Reason_BACKEND_UNAVAILABLE:
		code = codes.Unavailable
	case prismv1.Reason_BACKEND_TIMEOUT, prismv1.Reason_DEADLINE_EXCEEDED:
	default:
		return false
	}
	s, retry := status.Convert(err), false
	for _, detail := range s.Details() {
		_, ok := detail.(*errdetails.RetryInfo)
		retry = retry || ok
	}
	metadata := reason.Metadata(err)
	return s.Code() == code && retry && (metadata["outcome"] == "none" || metadata["outcome"] == "unknown") &&
		metadata["request_id"] != "" && !strings.Contains(s.Proto().String(), "127.0.0.1")
}

// find demands every acknowledged item, each with a distinct version. batches
// says that several can be read at a time.
func (w *writers) find(t *testing.T, batches bool) {
	t.Helper()
	of := map[int64]string{}
	for id, version := range w.versions {
		if other := of[version]; other != "" {
			t.Errorf("rule: a version is issued once; %s and %s both have %d", id, other, version)
		}
		of[version] = id
	}
	most := 1
	if batches {
		most = 500
	}
	var lost []string
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(w.versions)), most) {
		for i, r := range w.read(t, ids) {
			if r.GetItem().GetNote() != item(ids[i]).Note || r.GetVersion() != w.versions[ids[i]] {
				lost = append(lost, ids[i])
			}
		}
	}
	if len(lost) > 0 {
		t.Errorf("rule: an acknowledged write is never lost; of %d these are: %v", len(w.versions), lost[:min(len(lost), 10)])
	}
}

// read returns the records of items, nil for a missing one.
func (w *writers) read(t *testing.T, ids []string) []*pb.ItemRecord {
	t.Helper()
	if len(ids) == 1 {
		out, err := w.items.GetItem(t.Context(), &pb.GetItemRequest{Key: itemKey(ids[0])}, grpc.WaitForReady(true))
		if err != nil && reason.Of(err) != prismv1.Reason_NOT_FOUND {
			t.Fatalf("the items cannot be read back: %v", err)
		}
		return []*pb.ItemRecord{out.GetRecord()}
	}
	in := new(pb.BatchGetItemsRequest)
	for _, id := range ids {
		in.Keys = append(in.Keys, itemKey(id))
	}
	out, err := w.items.BatchGetItems(t.Context(), in, grpc.WaitForReady(true))
	if err != nil || len(out.GetResults()) != len(ids) {
		t.Fatalf("the items cannot be read back: %d of %d, %v", len(out.GetResults()), len(ids), err)
	}
	var records []*pb.ItemRecord
	for _, r := range out.GetResults() {
		records = append(records, r.GetRecord())
	}
	return records
}
