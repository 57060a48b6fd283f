package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// operation makes one call. Calls of one caller come one after another.
type operation func(ctx context.Context, caller int) error

// saturate makes callers call one after another for d, and returns the answers
// per second.
func saturate(ctx context.Context, callers int, d time.Duration, call operation) (perSecond float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var calls atomic.Int64
	var failed firstError
	var running sync.WaitGroup
	begin := time.Now()
	for caller := range callers {
		running.Go(func() {
			for time.Since(begin) < d {
				if err := call(ctx, caller); err != nil {
					failed.set(err)
					cancel()
					return
				}
				calls.Add(1)
			}
		})
	}
	running.Wait()
	return float64(calls.Load()) / time.Since(begin).Seconds(), failed.get()
}

// offer starts n calls at perSecond, whether or not earlier ones are answered,
// as long as callers are free. It returns how long each took from when it
// should have started.
func offer(ctx context.Context, callers int, perSecond float64, n int, call operation) (took []time.Duration, err error) {
	type due struct {
		i  int
		at time.Time
	}
	took = make([]time.Duration, n)
	queue := make(chan due, n) // never full: the pace does not wait for answers
	var failed firstError
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for d := range queue {
				if failed.get() == nil {
					failed.set(call(ctx, caller))
				}
				took[d.i] = time.Since(d.at)
			}
		})
	}
	begin := time.Now()
	for i := range n {
		at := begin.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		sleepUntil(at)
		queue <- due{i, at}
	}
	close(queue)
	running.Wait()
	return took, failed.get()
}

// sleepUntil wakes at most some 50 µs late; a timer of the Go runtime may be a
// millisecond late when nothing else runs.
func sleepUntil(t time.Time) {
	if wait := time.Until(t); wait > 0 {
		left := unix.NsecToTimespec(int64(wait))
		for unix.Nanosleep(&left, &left) == unix.EINTR {
		}
	}
}

// newHistogram returns a histogram for latencies up to a minute, to three
// digits: to 1 µs below 1 ms, to 8 µs below 10 ms.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

// record adds latencies to h, in microseconds.
func record(h *hdrhistogram.Histogram, took []time.Duration) error {
	for _, d := range took {
		if err := h.RecordValue(max(d.Microseconds(), 1)); err != nil {
			return err
		}
	}
	return nil
}

// firstError keeps the first error it is given.
type firstError struct{ err atomic.Pointer[error] }

func (f *firstError) set(err error) {
	if err != nil {
		f.err.CompareAndSwap(nil, &err)
	}
}

func (f *firstError) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
