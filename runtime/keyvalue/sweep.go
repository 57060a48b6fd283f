package keyvalue

import (
	"context"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// sweepEvery is the pause between sweeps of a store that had nothing left to sweep.
const sweepEvery = 10 * time.Second

// Sweep returns the task that deletes expired records: sweep deletes some of them and
// returns how many, 0 if none is left for now. An expired record is absent even before
// it is swept.
func Sweep(sweep func(ctx context.Context) (int, error)) runtime.Task {
	return runtime.Task{Name: "sweep", Every: sweepEvery, Run: func(ctx context.Context) (more bool, err error) {
		n, err := sweep(ctx)
		return n > 0, err
	}}
}
