// Package prismtest runs a proxy in the process of a test. It is what all
// generated test kits share. No proxy links it.
package prismtest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/runtime"
)

// Proxy is a proxy that serves within this process, without a port. Its methods
// and fields are safe for concurrent use.
type Proxy struct {
	Conn  *grpc.ClientConn // closed when the test ends
	Clock *Clock           // of ttl and page tokens

	t       testing.TB
	methods map[string]*method // by service and name
	stores  map[string]store   // by table
}

// store is what a test kit needs of its stores.
type store interface {
	// Stored returns the records of a table that have not expired, in the order of
	// their keys. They must not be changed.
	Stored(table string) [][]byte
}

// Stored returns the records of a table, in the order of their keys. A kit's
// Snapshot calls it.
func Stored[M any, PM interface {
	*M
	proto.Message
}](t testing.TB, p *Proxy, table string) []PM {
	t.Helper()
	all := []PM{}
	for _, record := range p.stores[table].Stored(table) {
		m := PM(new(M))
		if err := proto.Unmarshal(record, m); err != nil {
			t.Fatalf("a record of %s cannot be read: %v", table, err)
		}
		all = append(all, m)
	}
	return all
}

// Start starts d on stores of its own, which end with the test. t fails if the
// proxy does not start or stops with an error. If t has failed, it logs what
// the proxy logged. reasons are those by which a method fails and not every other,
// by the method's full name, such as shop.v1.OrderService/GetOrder.
func Start(t testing.TB, d *runtime.Deployment, reasons map[string][]runtime.Reason) *Proxy {
	t.Helper()
	p := &Proxy{Clock: &Clock{}, t: t}
	p.Clock.Set(time.Now())
	logs := &buffer{}
	env := &runtime.Env{
		Deployment: d.Name, DataDir: t.TempDir(), Now: p.Clock.Now,
		Log: slog.New(slog.NewJSONHandler(logs, nil)), Getenv: func(string) string { return "" },
	}
	server, err := runtime.Open(t.Context(), p.watched(d, reasons), env)
	if err != nil {
		t.Fatalf("%s does not start: %v", d.Name, err)
	}
	l := bufconn.Listen(1 << 20)
	p.Conn, err = grpc.NewClient("passthrough:///"+d.Name,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	// The test's context ends before its cleanup does.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l, 0) }()
	t.Cleanup(func() {
		p.Conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("%s stopped with an error: %v", d.Name, err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("%s did not close: %v", d.Name, err)
		}
		if text := logs.String(); t.Failed() && text != "" {
			t.Logf("%s logged:\n%s", d.Name, text)
		}
	})
	return p
}

// Clock is a time that stands still until it is moved. It starts at the current
// time.
type Clock struct{ now atomic.Pointer[time.Time] }

// Now returns the time.
func (c *Clock) Now() time.Time { return *c.now.Load() }

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) { c.now.Store(&t) }

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) {
	for {
		now := c.now.Load()
		if next := now.Add(d); c.now.CompareAndSwap(now, &next) {
			return
		}
	}
}

// buffer keeps a log that several goroutines write to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
