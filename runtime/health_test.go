package runtime_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	"github.com/prism-proxy/prism/runtime"
)

// A service whose store cannot be reached is not serving until the store is
// back; the others and the proxy itself are.
func TestHealthFollowsTheStore(t *testing.T) {
	var away atomic.Bool
	d := &runtime.Deployment{Name: "test"}
	for name, ping := range map[string]func(context.Context) error{
		"orders": func(context.Context) error {
			if away.Load() {
				return errors.New("connection refused")
			}
			return nil
		},
		"users": func(context.Context) error { return nil },
		"local": nil,
	} {
		d.Namespaces = append(d.Namespaces, runtime.Namespace{Name: name, Backend: "x", Open: func(context.Context, *runtime.Env) (runtime.Store, error) {
			return runtime.Store{Closer: io.NopCloser(nil), Services: []runtime.Service{{Name: "test.v1." + name}}, Ping: ping}, nil
		}})
	}
	out := new(logs)
	env := runtime.NewEnv("test", t.TempDir())
	env.Log = slog.New(slog.NewJSONHandler(out, nil))
	server, err := runtime.Open(t.Context(), d, env)
	if err != nil {
		t.Fatal(err)
	}
	runtime.PingEvery(server, time.Millisecond)
	l := bufconn.Listen(1 << 16)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l, 0) }()
	defer func() {
		cancel()
		if err := errors.Join(<-served, server.Close()); err != nil {
			t.Error(err)
		}
	}()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	watch, err := client.Watch(ctx, &healthpb.HealthCheckRequest{Service: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []healthpb.HealthCheckResponse_ServingStatus{
		healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING, healthpb.HealthCheckResponse_SERVING,
	} {
		away.Store(status == healthpb.HealthCheckResponse_NOT_SERVING)
		got, err := watch.Recv()
		if err != nil || got.Status != status {
			t.Fatalf("namespace orders is %v, %v, want %s", got, err, status)
		}
		if status == healthpb.HealthCheckResponse_SERVING {
			continue
		}
		for _, name := range []string{"", "users", "test.v1.users", "local", "test.v1.local"} {
			if got, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: name}); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("%q beside it is %v, %v", name, got, err)
			}
		}
	}
	// The service's health changes after its namespace's.
	for {
		got, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "test.v1.orders"})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == healthpb.HealthCheckResponse_SERVING {
			break
		}
	}
	for _, want := range []string{`"the store is away","namespace":"orders","backend":"x","cause":"connection refused"`, `"the store is back","namespace":"orders"`} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("the log has not once %s:\n%s", want, out)
		}
	}
}
