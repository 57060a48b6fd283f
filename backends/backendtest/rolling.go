package backendtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

const (
	rollingRate = 200 // calls per second, if the machine can serve them
	// rollingCalls bounds the calls in progress, so that on a slow store fewer
	// calls are made instead of some waiting until their deadline. Calls in
	// progress use different keys.
	rollingCalls = 32
	// settle is how long a client may take to find a replica that is back,
	// before the other one goes.
	settle = 300 * time.Millisecond
)

// RollingRestarts makes calls through two replicas of b at a steady rate while
// they are restarted in turn, cycles times in all. The test fails if a call
// fails: clients that honour GOAWAY, as grpc's do, must not notice. spawn
// starts a replica on an address.
func RollingRestarts(t *testing.T, b Backend, cycles int, spawn func(address string) *Process) {
	t.Helper()
	addresses := []string{FreeAddress(t), FreeAddress(t)}
	replicas := []*Process{spawn(addresses[0]), spawn(addresses[1])}

	both := manual.NewBuilderWithScheme("replicas")
	both.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: addresses[0]}, {Addr: addresses[1]}}})
	items := pb.NewItemServiceClient(dial(t, "replicas:///", grpc.WithResolvers(both),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`)))

	var calls atomic.Int64
	var running sync.WaitGroup
	one := func(i int) {
		calls.Add(1)
		var err error
		switch id := fmt.Sprintf("r%d", i%100); {
		case i%2 == 0:
			_, err = items.GetItem(t.Context(), &pb.GetItemRequest{Key: itemKey("0")})
		case !b.offers(schema.CanBatch):
			_, err = items.PutItem(t.Context(), &pb.PutItemRequest{Item: item(id)})
		default: // a call that takes long enough to be cut off
			var batch []*pb.Item
			for n := range 20 {
				batch = append(batch, item(fmt.Sprint(id, "-", n)))
			}
			_, err = items.BatchPutItems(t.Context(), &pb.BatchPutItemsRequest{Items: batch})
		}
		if err != nil {
			t.Errorf("rule: a restart fails no call; call %d: %v", i, err)
		}
	}
	if _, err := items.PutItem(t.Context(), &pb.PutItemRequest{Item: item("0")}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(settle)
	ctx, cancel := context.WithCancel(t.Context())
	begin := time.Now()
	under := make(chan struct{}, rollingCalls)
	running.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / rollingRate)))
			under <- struct{}{}
			running.Go(func() { one(i); <-under })
		}
	})
	for cycle := range cycles {
		i := cycle % 2
		replicas[i].Stop(t)
		replicas[i] = spawn(addresses[i])
		time.Sleep(settle)
	}
	cancel()
	running.Wait()
	for _, r := range replicas {
		r.Stop(t)
	}
	if n := calls.Load(); n < int64(rollingCalls*cycles) {
		t.Errorf("%d calls in %d restarts, too few to tell", n, cycles)
	}
	t.Logf("%d calls in %d restarts", calls.Load(), cycles)
}
