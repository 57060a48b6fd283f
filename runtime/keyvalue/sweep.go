package keyvalue

import (
	"context"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// sweepEvery is how long expired records may lie in a store that has nothing
// else to sweep.
const sweepEvery = 10 * time.Second

// Sweep returns the task that deletes the records which expired: sweep deletes
// some of them and returns how many, 0 when none is left for now. An expired
// record is absent before it is swept.
func Sweep(sweep func(ctx context.Context) (int, error)) runtime.Task {
	return runtime.Task{Name: "sweep", Every: sweepEvery, Run: func(ctx context.Context) (more bool, err error) {
		n, err := sweep(ctx)
		return n > 0, err
	}}
}
