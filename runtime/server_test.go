package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/prism-proxy/prism/runtime"
)

const thingService = "test.v1.ThingService"

// unary is the type of a method.
type unary func(ctx context.Context, request []byte) ([]byte, error)

// start serves PutThing and returns a client, the server's logs, and a function
// that drains the server and waits for it.
func start(t *testing.T, serve unary) (*grpc.ClientConn, *logs, func()) {
	t.Helper()
	return startLimited(t, runtime.Method{Name: "PutThing", Write: true, Unary: serve}, 0)
}

// startLimited is start with the limits of a method and of its namespace.
func startLimited(t *testing.T, method runtime.Method, inFlight int) (*grpc.ClientConn, *logs, func()) {
	t.Helper()
	return startAt(t, method, inFlight, time.Now)
}

// startAt is startLimited with a clock of rates.
func startAt(t *testing.T, method runtime.Method, inFlight int, now func() time.Time) (*grpc.ClientConn, *logs, func()) {
	t.Helper()
	out := new(logs)
	env := runtime.NewEnv("test", t.TempDir())
	env.Log = slog.New(slog.NewJSONHandler(out, nil))
	server, err := runtime.Open(t.Context(), &runtime.Deployment{Name: "test", Namespaces: []runtime.Namespace{{
		Name: "things", Backend: "none", InFlight: inFlight,
		Open: func(context.Context, *runtime.Env) (runtime.Store, error) {
			return runtime.Store{Closer: io.NopCloser(nil), Services: []runtime.Service{{Name: thingService, Methods: []runtime.Method{method}}}}, nil
		},
	}}}, env)
	if err != nil {
		t.Fatal(err)
	}
	runtime.Clock(server, now)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, 0) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, out, stop
}

// logs is a buffer that may be written and read at the same time.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// put sends a BytesValue, which the method gets encoded, and reads one back.
func put(ctx context.Context, conn *grpc.ClientConn, value string) (string, error) {
	var out wrapperspb.BytesValue
	err := conn.Invoke(ctx, "/test.v1.ThingService/PutThing", wrapperspb.Bytes([]byte(value)), &out)
	return string(out.Value), err
}

func echo(_ context.Context, request []byte) ([]byte, error) {
	return bytes.Clone(request), nil
}

// info returns the details that every error has.
func info(t *testing.T, err error) (*errdetails.ErrorInfo, map[string]bool) {
	t.Helper()
	kinds := map[string]bool{}
	var found *errdetails.ErrorInfo
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			found = d
		case *errdetails.RetryInfo:
			kinds["RetryInfo"] = true
		case *errdetails.BadRequest:
			kinds["BadRequest "+d.FieldViolations[0].Field] = true
		}
	}
	if found == nil {
		t.Fatalf("no ErrorInfo in %v", err)
	}
	return found, kinds
}

func TestCallRoundTrip(t *testing.T) {
	conn, _, _ := start(t, echo)
	for _, size := range []int{0, 1, 1 << 10, 100 << 10, 3 << 20} {
		value := strings.Repeat("x", size)
		if got, err := put(t.Context(), conn, value); err != nil || got != value {
			t.Errorf("%d bytes come back as %d bytes, %v", size, len(got), err)
		}
	}
}

func TestErrorIsSentWhole(t *testing.T) {
	conn, _, _ := start(t, func(context.Context, []byte) ([]byte, error) {
		return nil, runtime.In("thing", runtime.TooLong("name", 70, 64))
	})
	_, err := put(t.Context(), conn, "")
	if got, want := status.Code(err), codes.InvalidArgument; got != want {
		t.Errorf("code %s, want %s", got, want)
	}
	if got, want := status.Convert(err).Message(), "PutThing: thing.name has 70 bytes (at most 64); shorten the value"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	i, kinds := info(t, err)
	if i.Domain != "prism" || i.Reason != "FIELD_TOO_LONG" {
		t.Errorf("reason %s in domain %s", i.Reason, i.Domain)
	}
	for k, want := range map[string]string{"namespace": "things", "op": "PutThing", "field": "thing.name", "got": "70", "limit": "64"} {
		if got := i.Metadata[k]; got != want {
			t.Errorf("metadata %s is %q, want %q", k, got, want)
		}
	}
	if i.Metadata["request_id"] == "" || !kinds["BadRequest thing.name"] || kinds["RetryInfo"] {
		t.Errorf("details %v, metadata %v", kinds, i.Metadata)
	}
}

// What is in parentheses says what was expected.
func TestErrorTexts(t *testing.T) {
	for want, fault := range map[string]error{
		"PutThing: no record has this key or value; ":                     runtime.Absent(),
		"PutThing: the record is at version 2 (another was expected); ":   runtime.Mismatch(2),
		"PutThing: another record has the same value in unique index x; ": runtime.Taken("x"),
	} {
		conn, _, _ := start(t, func(context.Context, []byte) ([]byte, error) { return nil, fault })
		_, err := put(t.Context(), conn, "")
		if got := status.Convert(err).Message(); !strings.HasPrefix(got, want) {
			t.Errorf("text %q, want %q", got, want)
		}
	}
}

// The cause is logged under the request ID that the client gets, but not sent.
func TestCauseIsLoggedAndNotSent(t *testing.T) {
	conn, out, _ := start(t, func(context.Context, []byte) ([]byte, error) {
		return nil, runtime.NotApplied(runtime.BackendUnavailable, "the store cannot be reached (a store that answers)", errors.New("secret-host:5432"))
	})
	_, err := put(t.Context(), conn, "")
	if strings.Contains(err.Error(), "secret-host") {
		t.Errorf("the cause was sent: %v", err)
	}
	i, kinds := info(t, err)
	if status.Code(err) != codes.Unavailable || i.Metadata["outcome"] != "none" || !kinds["RetryInfo"] {
		t.Errorf("%v, metadata %v, details %v", err, i.Metadata, kinds)
	}
	if got := out.String(); !strings.Contains(got, "secret-host") || !strings.Contains(got, i.Metadata["request_id"]) {
		t.Errorf("the log has not the cause and the request id: %s", got)
	}
}

// A handler that panics fails only its call, and the panic's value is not
// logged: it may be personal.
func TestPanicFailsOneCall(t *testing.T) {
	conn, out, _ := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		if bytes.Contains(request, []byte("ada@example.com")) {
			panic("ada@example.com")
		}
		return echo(ctx, request)
	})
	_, err := put(t.Context(), conn, "ada@example.com")
	i, _ := info(t, err)
	if i.Reason != "PANIC" || status.Code(err) != codes.Internal || i.Metadata["outcome"] != "unknown" || i.Metadata["request_id"] == "" {
		t.Errorf("got %v, metadata %v", err, i.Metadata)
	}
	if !strings.Contains(out.String(), i.Metadata["request_id"]) {
		t.Errorf("the log has not the request id: %s", out)
	}
	if strings.Contains(out.String(), "ada@example.com") || strings.Contains(err.Error(), "ada@") {
		t.Error("the value was logged or sent")
	}
	if _, err := put(t.Context(), conn, "canary"); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
}

func TestRequestTooLarge(t *testing.T) {
	conn, _, _ := start(t, echo)
	_, err := put(t.Context(), conn, strings.Repeat("x", runtime.MaxRequest))
	i, _ := info(t, err)
	if i.Reason != "REQUEST_TOO_LARGE" || status.Code(err) != codes.ResourceExhausted || i.Metadata["got"] != "4194309" || i.Metadata["limit"] != "4194304" {
		t.Errorf("got %v, metadata %v", err, i.Metadata)
	}
	if _, err = put(t.Context(), conn, strings.Repeat("x", 64<<20)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("64 MiB: got %v", err)
	}
	if _, err = put(t.Context(), conn, "canary"); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
}

// Only a write has an outcome.
func TestReadHasNoOutcome(t *testing.T) {
	conn, _, _ := startLimited(t, runtime.Method{Name: "PutThing", Unary: func(context.Context, []byte) ([]byte, error) {
		return nil, runtime.Unknown(runtime.BackendUnavailable, "the store cannot be reached (a store that answers)", nil)
	}}, 0)
	_, err := put(t.Context(), conn, "")
	if i, _ := info(t, err); i.Reason != "BACKEND_UNAVAILABLE" || len(i.Metadata) != 3 {
		t.Errorf("got %v, metadata %v", err, i.Metadata)
	}
}

func TestDeadline(t *testing.T) {
	left := make(chan time.Duration, 1)
	conn, _, _ := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return nil, errors.New("no deadline")
		}
		left <- time.Until(deadline)
		return nil, nil
	})
	if _, err := put(t.Context(), conn, ""); err != nil {
		t.Fatal(err)
	}
	if got := <-left; got > 5*time.Second || got < 4*time.Second {
		t.Errorf("a call without a deadline has %s, want 5 s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := put(ctx, conn, ""); err != nil {
		t.Fatal(err)
	}
	if got := <-left; got > 60*time.Second || got < 50*time.Second {
		t.Errorf("a call with an hour has %s, want 60 s", got)
	}
}

// Calls in progress when the server is told to stop are finished.
func TestDrainFinishesCalls(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	conn, _, stop := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		entered <- true
		<-release
		return echo(ctx, request)
	})
	result := make(chan error, 1)
	go func() {
		_, err := put(context.Background(), conn, "x")
		result <- err
	}()
	<-entered
	stopped := make(chan bool)
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		t.Fatal("the server stopped with a call under way")
	case <-time.After(50 * time.Millisecond): // long enough for a drain that does not wait
	}
	close(release)
	if err := <-result; err != nil {
		t.Errorf("the call under way failed: %v", err)
	}
	<-stopped
}

func TestHealth(t *testing.T) {
	conn, _, _ := start(t, echo)
	for _, name := range []string{"", thingService} {
		got, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, got, err)
		}
	}
}

// An error about a deadline that the caller did not set says how long it was.
func TestImposedDeadlineIsNoted(t *testing.T) {
	conn, _, _ := start(t, func(context.Context, []byte) ([]byte, error) {
		return nil, runtime.Unknown(runtime.BackendTimeout, "the store did not answer in time", errors.New("slow"))
	})
	for given, want := range map[time.Duration]string{0: "5s", time.Hour: "1m0s", 10 * time.Second: ""} {
		ctx := t.Context()
		if given > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, given)
			defer cancel()
		}
		_, err := put(ctx, conn, "")
		if i, _ := info(t, err); i.Metadata["limit"] != want || i.Metadata["outcome"] != "unknown" {
			t.Errorf("with a deadline of %s: metadata %v, want limit %q", given, i.Metadata, want)
		}
	}
}
