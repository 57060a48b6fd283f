package runtime_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/runtime"
)

// details returns when a refused call may retry, and which quota it exceeded.
func details(err error) (retry time.Duration, quota string) {
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration()
		case *errdetails.QuotaFailure:
			quota = d.GetViolations()[0].GetSubject()
		}
	}
	return retry, quota
}

// Over a long time no more than the rate is served, and refusals say when to
// retry.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	method := runtime.Method{Name: "PutThing", Write: true, Rate: 40, Unary: echo}
	clock := newClock()
	conn, _, _ := startAt(t, method, 0, clock.now)
	served, refused := 0, 0
	const seconds = 10
	for range seconds * 100 {
		clock.move(10 * time.Millisecond)
		_, err := put(t.Context(), conn, "x")
		if err == nil {
			served++
			continue
		}
		refused++
		i, _ := info(t, err)
		retry, quota := details(err)
		if status.Code(err) != codes.ResourceExhausted || i.Reason != "RATE_LIMITED" || i.Metadata["outcome"] != "none" || i.Metadata["limit"] != "40" {
			t.Fatalf("got %v, metadata %v", err, i.Metadata)
		}
		if retry <= 0 || quota != "test.v1.ThingService/PutThing" {
			t.Fatalf("details: retry after %s, quota of %q", retry, quota)
		}
	}
	// The bucket holds a quarter of a second's calls when the test begins, and
	// the rounding of its fractions may take or give one.
	const want = 40*seconds + 40/4
	if served < want-1 || served > want+1 || served+refused != seconds*100 {
		t.Errorf("%d calls were served and %d refused in %d s at 40 a second, want %d served", served, refused, seconds, want)
	}
}

// clock is a time that only moves when it is told to. It may be read while it
// moves.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.nanos.Load()) }
func (c *clock) move(d time.Duration) { c.nanos.Add(int64(d)) }

// At a low rate five calls may come at once; the refusal then says when to
// retry.
func TestRateLimitTellsWhen(t *testing.T) {
	clock := newClock()
	conn, _, _ := startAt(t, runtime.Method{Name: "PutThing", Rate: 2, Unary: echo}, 0, clock.now)
	for range 5 {
		if _, err := put(t.Context(), conn, "x"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := put(t.Context(), conn, "x")
	if retry, _ := details(err); retry != 500*time.Millisecond {
		t.Errorf("%v: retry after %s, want 500ms", err, retry)
	}
	clock.move(500 * time.Millisecond)
	if _, err := put(t.Context(), conn, "x"); err != nil {
		t.Errorf("when the refusal said: %v", err)
	}
}

// The log names a limit that refuses calls and what was declared, once and not
// for every call.
func TestRefusalIsLogged(t *testing.T) {
	clock := newClock()
	conn, out, _ := startAt(t, runtime.Method{Name: "PutThing", Rate: 2, RateOf: "2 × 1 peak reads/s", Unary: echo}, 0, clock.now)
	refused := 0
	for range 20 {
		if _, err := put(t.Context(), conn, "x"); err != nil {
			refused++
		}
	}
	const want = `"msg":"calls are refused","service":"test.v1.ThingService","op":"PutThing","namespace":"things","reason":"RATE_LIMITED","limit":2,"from":"2 × 1 peak reads/s"}`
	if got := strings.Count(out.String(), want); got != 1 || refused != 15 {
		t.Errorf("%d calls were refused, and %d lines say so, want 15 and one:\n%s", refused, got, out)
	}
}

// A call beyond those that a namespace serves at a time is refused at once. A
// call that ends makes room, even by a panic.
func TestInFlightLimit(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	conn, out, _ := startLimited(t, runtime.Method{Name: "PutThing", Write: true, Unary: func(ctx context.Context, request []byte) ([]byte, error) {
		entered <- true
		if <-release {
			panic("one of them")
		}
		return echo(ctx, request)
	}}, 2)
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := put(context.Background(), conn, "x")
			done <- err
		}()
		<-entered
	}
	_, err := put(t.Context(), conn, "x")
	i, _ := info(t, err)
	if retry, _ := details(err); status.Code(err) != codes.ResourceExhausted || i.Reason != "OVERLOADED" || i.Metadata["outcome"] != "none" || i.Metadata["limit"] != "2" || retry <= 0 {
		t.Errorf("got %v, metadata %v, retry after %s", err, i.Metadata, retry)
	}
	if want := `"reason":"OVERLOADED","limit":2,`; !strings.Contains(out.String(), want) {
		t.Errorf("the log has not %s:\n%s", want, out)
	}
	release <- true
	release <- false
	<-done
	<-done
	for range 2 {
		go func() {
			<-entered
			release <- false
		}()
		if _, err := put(t.Context(), conn, "x"); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
}
