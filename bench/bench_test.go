package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
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
		if got.low > got.median || got.high < got.median {
			t.Errorf("%s: the median of %s is outside of its interval", tt.name, got)
		}
		if twice := got.inverse().inverse(); compare(tt.b, tt.a).median != got.inverse().median || twice.low != got.low {
			t.Errorf("%s: the inverse of %s is %s", tt.name, got, got.inverse())
		}
	}
}

// A server that stalls must not be spared the calls that should have started
// meanwhile: that they wait is its latency.
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

func TestProcessorTime(t *testing.T) {
	before, err := ownCPU()
	if err != nil {
		t.Fatal(err)
	}
	const busy = 30 * time.Millisecond
	for begin := time.Now(); time.Since(begin) < 4*busy; { // others may run as well
	}
	after, err := ownCPU()
	if err != nil {
		t.Fatal(err)
	}
	if used := after - before; used < busy {
		t.Errorf("used %s in a loop of %s", used, 4*busy)
	}
	if parent, err := parentOf(os.Getpid()); parent != os.Getppid() || err != nil {
		t.Errorf("got parent %d, %v, want %d", parent, err, os.Getppid())
	}
	tree, err := cpuOfTree(os.Getppid())
	if own, err2 := ownCPU(); err != nil || err2 != nil || tree < own/2 {
		t.Errorf("got %s, %v with a child that used %s", tree, err, own)
	}
}
