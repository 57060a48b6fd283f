package runtime_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/prism-proxy/prism/runtime"
)

// closed is the setting of a client that accepts no bytes of an answer.
var closed = http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}

// get calls a method of ThingService with an empty request.
func get(ctx context.Context, conn *grpc.ClientConn, method string) (string, error) {
	var out wrapperspb.StringValue
	err := conn.Invoke(ctx, "/"+thingService+"/"+method, new(wrapperspb.StringValue), &out)
	return out.Value, err
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Puts of 4 MiB by 64 callers, 800 bombs and 1,000 unread answers, all at once,
// take no more memory than allowed. New connections are served meanwhile, and
// in the end nothing is held.
func TestMemoryIsBounded(t *testing.T) {
	if built, _ := debug.ReadBuildInfo(); slices.Contains(built.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("SKIPPED, NOT PASSED: the race detector takes memory of its own")
	}
	child, address := startChild(t, "proxy")
	peak := func() int64 {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(child.Process.Pid), "status"))
		m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
		if err != nil || m == nil {
			t.Skip("SKIPPED, NOT PASSED: this system does not tell the memory of a process")
		}
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return n << 10
	}
	base := peak()

	for range 10 {
		raw := dialRaw(t, address, closed)
		for range 100 {
			raw.open(rawCall{path: "/" + thingService + "/GetThing", data: frame("")})
		}
	}
	bomb := frame(zipped(strings.Repeat("\x00", runtime.MaxRequest)))
	bomb[0] = 1
	for range 8 {
		raw := dialRaw(t, address)
		for range 100 {
			raw.open(rawCall{header: map[string]string{"grpc-encoding": "gzip"}, data: bomb})
		}
	}
	// The test ends by counts, since nobody knows how fast the machine is: after so
	// many calls of each kind, or so many large ones in all.
	const each, canary, most = 400, 10, 10_000
	var served, refused, late, canaries atomic.Int64
	var running sync.WaitGroup
	over := func() bool {
		large := served.Load() + refused.Load() + late.Load()
		return t.Failed() || large >= most || served.Load() >= each && refused.Load() >= each && canaries.Load() >= canary
	}
	large := strings.Repeat("x", runtime.MaxRequest-16)
	for range 64 {
		conn := dial(t, address)
		running.Go(func() {
			for !over() {
				switch _, err := put(t.Context(), conn, large); status.Code(err) {
				case codes.OK:
					served.Add(1)
				case codes.ResourceExhausted:
					refused.Add(1)
					i, _ := info(t, err)
					if retry, _ := details(err); i.Reason != "OVERLOADED" || i.Metadata["outcome"] != "none" || retry <= 0 {
						t.Errorf("a large put is refused with %v, metadata %v", err, i.Metadata)
					}
					time.Sleep(20 * time.Millisecond) // as RetryInfo asks
				case codes.DeadlineExceeded: // a busy machine
					late.Add(1)
				default:
					t.Errorf("a large put ends with %v", err)
					return
				}
			}
		})
	}
	for !over() {
		conn := dial(t, address)
		switch _, err := put(t.Context(), conn, "small"); status.Code(err) {
		case codes.OK:
			canaries.Add(1)
		case codes.DeadlineExceeded: // a busy machine
		default:
			t.Errorf("a small call on a new connection ends with %v", err)
		}
		conn.Close()
	}
	running.Wait()
	const slack = 64 << 20 // for frames in transit; garbage not yet collected is as much as what is held
	got, limit := peak()-base, int64(2*childMemory+slack)
	t.Logf("%d large puts were served and %d refused, %d small ones served; resident at most %d MiB above %d MiB", served.Load(), refused.Load(), canaries.Load(), got>>20, base>>20)
	if got > limit {
		t.Errorf("the proxy took %d MiB, want at most %d MiB", got>>20, limit>>20)
	}
	if refused.Load() < each || served.Load() < each || canaries.Load() < canary {
		t.Errorf("%d large puts were served and %d refused, and %d small ones served, want %d, %d and %d", served.Load(), refused.Load(), canaries.Load(), each, each, canary)
	}
	conn := dial(t, address)
	for polls := 0; ; polls++ { // the proxy needs 5 s to see that nobody takes the answers
		held, err := get(t.Context(), conn, "GetHeld")
		if err == nil && held == "0" {
			break
		}
		if polls == 6000 {
			t.Fatalf("%s bytes are held in the end, %v, want 0", held, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// An answer that its client does not take ends the connection after 5 s. One
// that is taken in parts does not end it, nor does idleness.
func TestAnswersNotTaken(t *testing.T) {
	t.Parallel()
	_, address := startChild(t, "proxy")
	idle := dialRaw(t, address)
	slow := dialRaw(t, address, closed)
	slow.open(rawCall{path: "/" + thingService + "/GetThing", data: frame("")})
	raw := dialRaw(t, address, closed)
	stream := raw.open(rawCall{path: "/" + thingService + "/GetThing", data: frame("")})
	small := dialRaw(t, address, closed)
	smallStream := small.open(rawCall{path: "/" + thingService + "/GetHeld", data: frame("")})
	begin := time.Now()
	var taking sync.WaitGroup
	taking.Go(func() {
		for range 7 {
			_ = slow.framer.WriteWindowUpdate(1, 1000)
			time.Sleep(time.Second) // a client that takes 1 kB a second
		}
	})
	if a := raw.answer(stream); !a.closed {
		t.Errorf("an answer that is not taken: %+v, want the connection closed", a)
	}
	if a := small.answer(smallStream); !a.closed {
		t.Errorf("a small answer that is not taken: %+v, want the connection closed", a)
	}
	if took := time.Since(begin); took < 4*time.Second || took > 9*time.Second {
		t.Errorf("the connections were closed after %s, want 5 s", took)
	}
	taking.Wait()
	for name, c := range map[string]*rawConn{"slow": slow, "idle": idle} {
		_ = c.framer.WritePing(false, [8]byte{1})
		c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		for {
			f, err := c.framer.ReadFrame()
			if err != nil {
				t.Errorf("the %s connection: %v", name, err)
				break
			}
			if f.Header().Type == http2.FramePing && f.Header().Flags.Has(http2.FlagPingAck) {
				break
			}
		}
	}
}

// Connections get a quarter of the memory. One too many is told so in HTTP/2,
// and one that ends makes room.
func TestConnectionsAreBounded(t *testing.T) {
	env := runtime.NewEnv("test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	d := things(func() int64 { return 0 })
	d.Memory = 4 * 2 * runtime.ConnectionCost
	s, err := runtime.Open(t.Context(), d, env)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, 0) }()
	defer func() {
		cancel()
		<-done
		s.Close()
	}()
	call := func(raw *rawConn) rawAnswer {
		return raw.answer(raw.open(rawCall{path: "/" + thingService + "/PutThing", data: frame("")}))
	}
	first, second := dialRaw(t, l.Addr().String()), dialRaw(t, l.Addr().String())
	for _, raw := range []*rawConn{first, second} {
		if a := call(raw); a.code != "0" {
			t.Fatalf("got %+v", a)
		}
	}
	third := dialRaw(t, l.Addr().String())
	var told string
	for {
		f, err := third.framer.ReadFrame()
		if err != nil {
			break
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			told = fmt.Sprintf("%s %s", g.ErrCode, g.DebugData())
		}
	}
	if want := "ENHANCE_YOUR_CALM too many connections; try again later"; told != want {
		t.Errorf("the third connection is told %q, want %q", told, want)
	}
	conn := dial(t, l.Addr().String())
	if _, err := put(t.Context(), conn, ""); status.Code(err) != codes.Unavailable {
		t.Errorf("a client of grpc gets %v, want UNAVAILABLE", err)
	}
	first.conn.Close()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := put(t.Context(), conn, ""); err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("no connection is served after one has ended")
		}
	}
}
