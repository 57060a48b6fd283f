package runtime_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/prism-proxy/prism/runtime"
)

// A stop does not wait for clients that watch health or keep a reflection
// stream open: they are told NOT_SERVING and to reconnect.
func TestStopEndsForeignStreams(t *testing.T) {
	conn, _, stop := start(t, echo)
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("got %v, %v", got, err)
	}
	reflection, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}
	for range 2 { // a stream of requests
		if err := reflection.Send(list); err != nil {
			t.Fatal(err)
		}
		if got, err := reflection.Recv(); err != nil || len(got.GetListServicesResponse().GetService()) == 0 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %s, want less than a second", took)
	}
	if got, err := watch.Recv(); err != nil || got.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the watch got %v, %v, want NOT_SERVING", got, err)
	}
	for name, recv := range map[string]func() error{
		"watch":      func() error { _, err := watch.Recv(); return err },
		"reflection": func() error { _, err := reflection.Recv(); return err },
	} {
		err := recv()
		if status.Code(err) != codes.Unavailable {
			t.Errorf("the %s ends with %v, want UNAVAILABLE", name, err)
		} else if i, _ := info(t, err); i.Reason != "DRAINING" {
			t.Errorf("the %s ends with %s, want DRAINING", name, i.Reason)
		}
	}
}

// Clients may ping every 10 s, grpc's minimum, during long calls and between
// calls.
func TestKeepaliveOfTenSeconds(t *testing.T) { synctest.Test(t, testKeepaliveOfTenSeconds) }

func testKeepaliveOfTenSeconds(t *testing.T) {
	env := runtime.NewEnv("test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	method := runtime.Method{Name: "PutThing", Unary: func(context.Context, []byte) ([]byte, error) {
		time.Sleep(55 * time.Second)
		return nil, nil
	}}
	server, err := runtime.Open(t.Context(), &runtime.Deployment{Name: "test", Namespaces: []runtime.Namespace{{
		Name: "things", Backend: "none",
		Open: func(context.Context, *runtime.Env) (runtime.Store, error) {
			return runtime.Store{Closer: io.NopCloser(nil), Services: []runtime.Service{{Name: thingService, Methods: []runtime.Method{method}}}}, nil
		},
	}}}, env)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, 0) }()
	dials := 0
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: time.Second, PermitWithoutStream: true}),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { dials++; return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := put(ctx, conn, ""); err != nil {
			t.Errorf("a call of 55 s with pings ends with %v", err)
		}
		cancel()
		time.Sleep(2 * time.Minute) // pings without a call
	}
	if dials != 1 {
		t.Errorf("the client connected %d times, want once", dials)
	}
	conn.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	server.Close()
}
