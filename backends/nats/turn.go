package nats

import (
	"context"
	"hash/maphash"
	"slices"
)

// turns serializes writes of this proxy that read the same places: otherwise
// all but one of them would be in vain. Several places share a turn.
type turns struct {
	seed  maphash.Seed
	gates [64]chan struct{}
}

func newTurns() *turns {
	t := &turns{seed: maphash.MakeSeed()}
	for i := range t.gates {
		t.gates[i] = make(chan struct{}, 1)
	}
	return t
}

// take waits for the turn of all places and returns the function that ends it.
func (t *turns) take(ctx context.Context, at []place) (end func(), err error) {
	var all []int // sorted, so that no two writes wait for each other
	for _, p := range at {
		all = append(all, int(maphash.String(t.seed, p.table.subject+p.subject)%uint64(len(t.gates))))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	taken := 0
	end = func() {
		for _, i := range all[:taken] {
			leave(t.gates[i])
		}
	}
	for _, i := range all {
		if err := enter(ctx, t.gates[i]); err != nil {
			end()
			return nil, err
		}
		taken++
	}
	return end, nil
}
