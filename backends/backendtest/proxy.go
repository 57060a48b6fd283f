package backendtest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Proxy is a deployment of the conformance schema that serves in this process,
// with clients that call it over their own connection.
type Proxy struct {
	DataDir string                   // where embedded stores keep their files
	Getenv  func(name string) string // leads to the other stores
	Server  *runtime.Server

	clients

	backend Backend
	clock   clock
	log     logBuffer
	conn    *grpc.ClientConn
	address string
	stop    func() error
}

// Open starts a proxy on empty stores. It stops when t ends, and t fails if
// the proxy's log holds a value that was marked secret.
func Open(t testing.TB, b Backend) *Proxy {
	t.Helper()
	p := &Proxy{DataDir: t.TempDir(), Getenv: func(string) string { return "" }, backend: b}
	if b.Getenv != nil {
		p.Getenv = b.Getenv(t)
	}
	p.clock.set(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC))
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Errorf("the proxy stopped with an error: %v", err)
		}
		switch text := p.log.String(); {
		case strings.Contains(text, secret):
			t.Errorf("rule: a log holds no value of a field\n%s", text)
		case t.Failed() && text != "":
			t.Logf("the proxy's log:\n%s", text)
		}
	})
	if err := p.start(t.Context()); err != nil {
		t.Fatalf("the proxy does not start: %v", err)
	}
	return p
}

// Restart stops the proxy and starts it again on the same stores.
func (p *Proxy) Restart(t testing.TB) {
	t.Helper()
	p.Stop(t)
	p.Start(t)
}

// Stop stops the proxy; its stores stay.
func (p *Proxy) Stop(t testing.TB) {
	t.Helper()
	if err := p.close(); err != nil {
		t.Fatalf("the proxy stopped with an error: %v", err)
	}
}

// Start starts the proxy that was stopped.
func (p *Proxy) Start(t testing.TB) {
	t.Helper()
	// The proxy may outlive the case that restarts it.
	if err := p.start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatalf("the proxy does not start again: %v", err)
	}
}

// Advance moves the clock of ttl and page tokens.
func (p *Proxy) Advance(d time.Duration) { p.clock.set(p.clock.now().Add(d)) }

// Env is what the proxy is started with.
func (p *Proxy) Env() *runtime.Env {
	return &runtime.Env{
		Deployment: Deployment(p.backend.Emit.Name).Name, DataDir: p.DataDir, Now: p.clock.now, Getenv: p.Getenv,
		Log: slog.New(slog.NewJSONHandler(&p.log, nil)),
	}
}

// Namespace returns the namespace called name of the proxy, with its references
// resolved.
func (p *Proxy) Namespace(t testing.TB, name string) runtime.Namespace {
	t.Helper()
	all := Namespaces(t, p.backend.Emit.Name, p.Env())
	i := slices.IndexFunc(all, func(n runtime.Namespace) bool { return n.Name == name })
	if i < 0 {
		t.Fatalf("the conformance schema has no namespace %s", name)
	}
	return all[i]
}

// Namespaces returns the namespaces of the conformance deployment on a backend,
// with their references resolved in env.
func Namespaces(t testing.TB, backend string, env *runtime.Env) []runtime.Namespace {
	t.Helper()
	all, err := Deployment(backend).Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *Proxy) start(ctx context.Context) error {
	if err := p.migrate(ctx); err != nil {
		return err
	}
	server, err := runtime.Open(ctx, Deployment(p.backend.Emit.Name), p.Env())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, l, 0) }()

	p.Server, p.address = server, l.Addr().String()
	p.conn, err = grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(pad))
	p.clients = connect(p.conn)
	p.stop = func() error {
		if p.conn != nil {
			p.conn.Close()
		}
		cancel()
		return errors.Join(<-served, server.Close())
	}
	return err
}

func (p *Proxy) migrate(ctx context.Context) error {
	namespaces, err := Deployment(p.backend.Emit.Name).Resolve(p.Env())
	if err != nil {
		return err
	}
	for _, n := range namespaces {
		if n.Migrate == nil {
			continue
		}
		if _, err := n.Migrate(ctx, p.Env(), migration.Run{}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Proxy) close() error {
	if p.stop == nil {
		return nil
	}
	stop := p.stop
	p.stop = nil
	return stop()
}

// clock is a time that stands still until it is set.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time  { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) set(t time.Time) { c.nanos.Store(t.UnixNano()) }

// secret is part of every value that may leave the proxy only in records.
const secret = "hush"

// logBuffer keeps a log that several goroutines write to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
