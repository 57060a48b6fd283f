package runtime_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/prism-proxy/prism/runtime"
)

// What no grpc client sends is refused with the catalogue's error before a
// method is called; the next call succeeds, and nothing is left behind.
func TestHostileCallers(t *testing.T) {
	var called atomic.Int64
	var left atomic.Int64
	conn, out, _ := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		called.Add(1)
		deadline, _ := ctx.Deadline()
		left.Store(int64(time.Until(deadline)))
		return echo(ctx, request)
	})
	if _, err := put(t.Context(), conn, "canary"); err != nil {
		t.Fatal(err)
	}
	goroutines, files := goruntime.NumGoroutine(), openFiles()
	bomb := zipped(strings.Repeat("\x00", 32<<20))
	packed := func(data string) []byte {
		f := frame(data)
		f[0] = 1
		return f
	}
	good := frame("hush")
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, tt := range []struct {
		name   string
		call   rawCall
		http   string
		code   string // grpc-status
		reason string
		reset  http2.ErrCode
		closed bool
		serves bool // the method is called
	}{
		{name: "the usual", call: rawCall{data: good}, http: "200", code: "0", serves: true},
		{name: "unknown method", call: rawCall{path: "/" + thingService + "/DropThings", data: good}, http: "200", code: "12"},
		{name: "unknown service", call: rawCall{path: "/prism.v1.Admin/Stop", data: good}, http: "200", code: "12"},
		{name: "path without a slash", call: rawCall{path: "PutThing", data: good}, http: "200", code: "12"},
		{name: "path of slashes", call: rawCall{path: "//", data: good}, http: "200", code: "12"},
		{name: "encoded path", call: rawCall{path: "/" + thingService + "%2FPutThing", data: good}, http: "200", code: "12"},
		{name: "gzip", call: rawCall{header: header("grpc-encoding", "gzip"), data: packed(zipped("hush"))}, http: "200", code: "0", serves: true},
		{name: "gzip that is not used", call: rawCall{header: header("grpc-encoding", "gzip"), data: good}, http: "200", code: "0", serves: true},
		{name: "gzip bomb", call: rawCall{header: header("grpc-encoding", "gzip"), data: packed(bomb)}, http: "200", code: "8", reason: "REQUEST_TOO_LARGE"},
		{name: "unknown encoding", call: rawCall{header: header("grpc-encoding", "rot13"), data: good}, http: "200", code: "12"},
		{name: "packed without an encoding", call: rawCall{data: append([]byte{1}, good[1:]...)}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "content type of text", call: rawCall{header: header("content-type", "text/plain"), data: good}, http: "415", code: "3"},
		{name: "content type of JSON", call: rawCall{header: header("content-type", "application/grpc+json"), data: good}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "content type of protobuf", call: rawCall{header: header("content-type", "application/grpc+proto"), data: good}, http: "200", code: "0", serves: true},
		{name: "GET", call: rawCall{method: "GET", data: good}, http: "405", code: "13"},
		{name: "timeout that is none", call: rawCall{header: header("grpc-timeout", "abc"), data: good}, http: "400", code: "13"},
		{name: "timeout below zero", call: rawCall{header: header("grpc-timeout", "-1S"), data: good}, http: "400", code: "13"},
		{name: "no time", call: rawCall{header: header("grpc-timeout", "0n"), data: good}, http: "200", code: "4"},
		{name: "a nanosecond", call: rawCall{header: header("grpc-timeout", "1n"), data: good}, http: "200", code: "4"},
		{name: "ten years", call: rawCall{header: header("grpc-timeout", "87600H"), data: good}, http: "200", code: "0", serves: true},
		{name: "frame cut off", call: rawCall{data: good[:6]}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "frame longer than said", call: rawCall{data: append(bytes.Clone(good), 0)}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "frame of 4 GiB", call: rawCall{data: []byte{0, 0xff, 0xff, 0xff, 0xff, 1}, open: true}, http: "200", code: "8", reason: "REQUEST_TOO_LARGE"},
		{name: "two messages", call: rawCall{data: append(bytes.Clone(good), good...)}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "no message", call: rawCall{}, http: "200", code: "3", reason: "REQUEST_MALFORMED"},
		{name: "binary metadata that is none", call: rawCall{header: header("x-bin", "!?!"), data: good}, http: "400", code: "13"},
		{name: "metadata over 16 KiB", call: rawCall{header: header("x-large", strings.Repeat("hush", 8<<10)), data: good}, closed: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := called.Load()
			raw := dialRaw(t, conn.Target())
			a := raw.answer(raw.open(tt.call))
			if a.http != tt.http || a.code != tt.code || a.info.GetReason() != tt.reason || a.reset != tt.reset || a.closed != tt.closed {
				t.Errorf("got %+v, want %s, code %s, reason %q, reset %s, closed %t", a, tt.http, tt.code, tt.reason, tt.reset, tt.closed)
			}
			for _, key := range []string{"namespace", "op", "request_id"} {
				if tt.reason != "" && a.info.GetMetadata()[key] == "" {
					t.Errorf("no metadata %s", key)
				}
			}
			if served := called.Load() > before; served != tt.serves {
				t.Errorf("the method was called: %t, want %t", served, tt.serves)
			}
			if got := time.Duration(left.Load()); got > time.Minute {
				t.Errorf("a call has %s, want at most a minute", got)
			}
			for what, text := range map[string]string{"answer": a.text, "log": out.String()} {
				if strings.Contains(text, "hush") || strings.Contains(text, "goroutine") {
					t.Errorf("the %s holds what was sent, or a stack: %s", what, text)
				}
			}
			raw.conn.Close()
			if _, err := put(t.Context(), conn, "canary"); err != nil {
				t.Errorf("the next call fails: %v", err)
			}
		})
	}
	for begin := time.Now(); goruntime.NumGoroutine() > goroutines || openFiles() > files; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatalf("%d goroutines and %d files are open, %d and %d were before", goruntime.NumGoroutine(), openFiles(), goroutines, files)
		}
	}
}

// zipped returns data compressed by gzip.
func zipped(data string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, data)
	w.Close()
	return b.String()
}

// A compressed request is read like the same request uncompressed, up to the
// same size. What does not unpack is malformed. Unpacking is bounded.
func TestPackedRequests(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[string]
	conn, _, _ := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		s := string(request)
		got.Store(&s)
		return nil, nil
	})
	const malformed = "REQUEST_MALFORMED"
	largest := strings.Repeat("\x00", runtime.MaxRequest)
	for name, tt := range map[string]struct{ data, want string }{
		"empty":          {zipped(""), ""},
		"small":          {zipped("small"), "small"},
		"two members":    {zipped("one") + zipped("two"), "onetwo"},
		"the largest":    {zipped(largest), largest},
		"cut off":        {zipped("cut off")[:12], malformed},
		"another format": {"PK\x03\x04", malformed},
		"nothing":        {"", malformed},
		"another sum":    {zipped("x")[:19] + "abcdefgh", malformed},
	} {
		data := frame(tt.data)
		data[0] = 1
		raw := dialRaw(t, conn.Target())
		a := raw.answer(raw.open(rawCall{header: map[string]string{"grpc-encoding": "gzip"}, data: data}))
		if tt.want == malformed {
			if a.info.GetReason() != malformed {
				t.Errorf("%s: ends with %+v, want %s", name, a, malformed)
			}
			continue
		}
		if a.code != "0" {
			t.Errorf("%s: ends with %+v", name, a)
		} else if s := *got.Load(); s != tt.want {
			t.Errorf("%s: the method got %d bytes, %.20q, want %d, %.20q", name, len(s), s, len(tt.want), tt.want)
		}
	}
}

// A call whose request does not arrive ends after 5 s with its reason, and a
// connection has at most 100 such calls. A call whose request has arrived may
// take longer.
func TestIncompleteRequests(t *testing.T) {
	t.Parallel()
	conn, _, _ := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		if bytes.Contains(request, []byte("slow")) {
			time.Sleep(5500 * time.Millisecond) // longer than a request may take to arrive
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return echo(ctx, request)
	})
	slow := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, err := put(ctx, conn, "slow")
		slow <- err
	}()
	other := dialRaw(t, conn.Target())
	half := other.open(rawCall{data: frame("hush")[:7], open: true})
	raw := dialRaw(t, conn.Target())
	first := raw.open(rawCall{open: true})
	for range 99 {
		raw.open(rawCall{open: true})
	}
	if a := raw.answer(raw.open(rawCall{open: true})); a.reset != http2.ErrCodeRefusedStream {
		t.Errorf("stream 101 of a connection ends with %+v, want REFUSED_STREAM", a)
	}
	begin := time.Now()
	hasty := dialRaw(t, conn.Target())
	if a := hasty.answer(hasty.open(rawCall{header: map[string]string{"grpc-timeout": "1S"}, open: true})); a.code != "4" && a.reset != http2.ErrCodeCancel {
		t.Errorf("a call of 1 s without a request ends with %+v", a)
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("it ended after %s, want 1 s", took)
	}
	a := raw.answer(first)
	if a.code != "4" || a.info.GetReason() != "REQUEST_INCOMPLETE" || a.info.GetMetadata()["outcome"] != "none" || !a.retry {
		t.Errorf("a call without a request ends with %+v", a)
	}
	if took := time.Since(begin); took < 4*time.Second || took > 7*time.Second {
		t.Errorf("it ended after %s, want 5 s", took)
	}
	if a := other.answer(half); a.code != "4" || a.info.GetReason() != "REQUEST_INCOMPLETE" {
		t.Errorf("a call with half a request ends with %+v", a)
	}
	if err := <-slow; err != nil {
		t.Errorf("a call that takes longer than its request may ends with %v", err)
	}
	if _, err := put(t.Context(), conn, "canary"); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
}

// Pings faster than any allowed keepalive end the connection.
func TestPingFlood(t *testing.T) {
	conn, _, _ := start(t, echo)
	raw := dialRaw(t, conn.Target())
	for range 10 {
		_ = raw.framer.WritePing(false, [8]byte{1})
	}
	raw.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		f, err := raw.framer.ReadFrame()
		if err != nil {
			t.Fatalf("the connection ends with %v, want GOAWAY", err)
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			if g.ErrCode != http2.ErrCodeEnhanceYourCalm || string(g.DebugData()) != "too_many_pings" {
				t.Errorf("got GOAWAY %s %s", g.ErrCode, g.DebugData())
			}
			return
		}
	}
}

// A client that goes on calling after it was told to go is refused; calls in
// progress finish.
func TestDrainingRefusesLateCalls(t *testing.T) {
	t.Parallel()
	entered, release := make(chan bool, 2), make(chan bool)
	conn, _, stop := start(t, func(ctx context.Context, request []byte) ([]byte, error) {
		entered <- true
		<-release
		return echo(ctx, request)
	})
	finish := sync.OnceFunc(func() { close(release) })
	t.Cleanup(finish)
	raw := dialRaw(t, conn.Target())
	under := raw.open(rawCall{data: frame("x")})
	<-entered
	stopped := make(chan bool)
	go func() {
		stop()
		close(stopped)
	}()
	time.Sleep(1500 * time.Millisecond) // calls on their way are served for 1 s
	if a := raw.answer(raw.open(rawCall{data: frame("late")})); a.code != "14" || a.info.GetReason() != "DRAINING" || a.info.GetMetadata()["outcome"] != "none" || !a.retry || a.info.GetMetadata()["namespace"] != "things" {
		t.Errorf("a late call ends with %+v, want UNAVAILABLE DRAINING", a)
	}
	finish()
	if a := raw.answer(under); a.code != "0" {
		t.Errorf("the call under way ends with %+v", a)
	}
	raw.conn.Close()
	<-stopped
}
