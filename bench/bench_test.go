package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCompare(t *testing.T) {
	tests := []struct {
		name    string
		a, b    []float64
		median  float64
		verdict string
	}{
		{"equal", []float64{3, 5, 7}, []float64{3, 5, 7}, 1, "no difference"},
		{"twice the cost, whatever the round", []float64{2, 20, 200, 4}, []float64{1, 10, 100, 2}, 2, "**worse**"},
		{"half the cost", []float64{1, 1, 1}, []float64{2, 2, 2}, 0.5, "better"},
		{"either way", []float64{1, 3, 1, 3, 2}, []float64{2, 2, 2, 2, 2}, 1, "no difference"},
	}
	for _, tt := range tests {
		got := compare(tt.a, tt.b)
		if got.median != tt.median || got.verdict() != tt.verdict {
			t.Errorf("%s: got %s %s, want %g %s", tt.name, got, got.verdict(), tt.median, tt.verdict)
		}
		for _, r := range []ratio{got, got.inverse()} {
			if r.low > r.median || r.median > r.high {
				t.Errorf("%s: the median of %s is outside of its interval", tt.name, r)
			}
		}
		if got, want := got.inverse().median, 1/tt.median; got != want {
			t.Errorf("%s: the inverse has the median %g, want %g", tt.name, got, want)
		}
	}
}

// Calls that should have started while a server stalls must count: their wait
// is its latency.
func TestOfferCountsWaiting(t *testing.T) {
	const stall = 50 * time.Millisecond
	first := true
	took, err := offer(t.Context(), 1, 1000, 10, func(context.Context, int) error {
		if first {
			time.Sleep(stall)
			first = false
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range took {
		if least := stall - time.Duration(i)*time.Millisecond; d < least {
			t.Errorf("call %d took %s, want at least %s", i, d, least)
		}
	}
}

func TestOfferKeepsThePace(t *testing.T) {
	begin := time.Now()
	if _, err := offer(t.Context(), 4, 1000, 50, func(context.Context, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 49*time.Millisecond {
		t.Errorf("50 calls at 1000/s took %s", took)
	}
}

func TestFailedCallsAreReported(t *testing.T) {
	broken := errors.New("broken")
	call := func(_ context.Context, caller int) error {
		if caller == 1 {
			return broken
		}
		return nil
	}
	if _, err := saturate(t.Context(), 2, 20*time.Millisecond, call); !errors.Is(err, broken) {
		t.Errorf("saturate returns %v", err)
	}
	fail := func(context.Context, int) error { return broken }
	if _, err := offer(t.Context(), 2, 1000, 5, fail); !errors.Is(err, broken) {
		t.Errorf("offer returns %v", err)
	}
}

// The clock agrees with getrusage(2), which covers this process only.
func TestProcessorTime(t *testing.T) {
	rusage := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	own := func() time.Duration {
		used, err := ownCPU()
		if err != nil {
			t.Fatal(err)
		}
		return used
	}
	const busy = 50 * time.Millisecond
	least, before := own(), rusage()
	for rusage()-before < busy {
	}
	most := own()
	if used := most - least; used < busy*8/10 || used > busy*3 {
		t.Errorf("used %s where getrusage says %s", used, busy)
	}
	if parent, err := parentOf(os.Getpid()); parent != os.Getppid() || err != nil {
		t.Errorf("got parent %d, %v, want %d", parent, err, os.Getppid())
	}
	if tree, err := cpuOfTree(os.Getppid()); tree < most || err != nil {
		t.Errorf("got %s, %v with a child that used %s", tree, err, most)
	}
}
