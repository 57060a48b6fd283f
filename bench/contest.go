package main

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// side is one side of a comparison.
type side struct {
	name string
	call operation
	// path is the CPU time of the processes between the caller and the data;
	// database is that of the database server among them.
	path, database func() (time.Duration, error)
}

// pace is how long and how often sides are measured.
type pace struct {
	rounds            int
	offered, saturate time.Duration
}

// result is what a side took, one element per round.
type result struct {
	path, database, all []float64 // CPU time of a call in µs; all: including the caller's
	p50, p99            []float64 // µs
	throughput          []float64 // calls/s at saturation
	latencies           *hdrhistogram.Histogram
}

// contest measures the sides in turn, round by round: first at one offered load
// for all of them, then at saturation. The load is a share of what the slowest
// side can bear, which is measured first.
func contest(ctx context.Context, p pace, callers int, sides ...side) (perSecond float64, results []result, err error) {
	const share = 0.4
	for i, s := range sides {
		got, err := saturate(ctx, callers, p.saturate, s.call)
		if err != nil {
			return 0, nil, errors.Join(errors.New(s.name), err)
		}
		if i == 0 || got*share < perSecond {
			perSecond = got * share
		}
	}
	results = make([]result, len(sides))
	for i := range results {
		results[i].latencies = newHistogram()
	}
	for range p.rounds {
		for i, s := range sides {
			if err := results[i].round(ctx, p, callers, perSecond, s); err != nil {
				return 0, nil, errors.Join(errors.New(s.name), err)
			}
		}
	}
	return perSecond, results, nil
}

// round adds a round of s.
func (r *result) round(ctx context.Context, p pace, callers int, perSecond float64, s side) error {
	n := max(int(perSecond*p.offered.Seconds()), 10)
	before, err := s.used()
	if err != nil {
		return err
	}
	took, err := offer(ctx, callers, perSecond, n, s.call)
	if err != nil {
		return err
	}
	after, err := s.used()
	if err != nil {
		return err
	}
	perCall := func(what int) float64 {
		return float64((after[what] - before[what]).Nanoseconds()) / 1000 / float64(n)
	}
	r.path = append(r.path, perCall(0))
	r.database = append(r.database, perCall(1))
	r.all = append(r.all, perCall(0)+perCall(2))

	h := newHistogram()
	if err := record(h, took); err != nil {
		return err
	}
	r.p50 = append(r.p50, float64(h.ValueAtQuantile(50)))
	r.p99 = append(r.p99, float64(h.ValueAtQuantile(99)))
	r.latencies.Merge(h)

	throughput, err := saturate(ctx, callers, p.saturate, s.call)
	r.throughput = append(r.throughput, throughput)
	return err
}

// used is the CPU time used on the path, in the database and by the caller.
func (s *side) used() (used [3]time.Duration, err error) {
	for i, f := range []func() (time.Duration, error){s.path, s.database, ownCPU} {
		if f == nil {
			continue
		}
		if used[i], err = f(); err != nil {
			return used, err
		}
	}
	return used, nil
}
