package postgres

import (
	"context"
	"sync"

	"github.com/prism-proxy/prism/runtime"
)

// takeTurn lets the transactions that write many records of a table go one
// after another: two that each held a key of the other would end in a deadlock,
// which Postgres takes a second to see.
const takeTurn = `SELECT pg_advisory_xact_lock(hashtext('prism_batch'), hashtext($1))`

// turns are the turns of takeTurn within this proxy: a batch that waits for
// another one of its own proxy holds no connection meanwhile, so that batches
// leave those to other calls. The zero value is ready.
type turns struct {
	mu     sync.Mutex
	tables map[string]chan struct{} // holds a value while a batch has the turn
}

// take waits for the turn of a batch that writes table until ctx ends. leave
// gives it up.
func (t *turns) take(ctx context.Context, table string) (leave func(), err error) {
	t.mu.Lock()
	turn := t.tables[table]
	if turn == nil {
		if t.tables == nil {
			t.tables = map[string]chan struct{}{}
		}
		turn = make(chan struct{}, 1)
		t.tables[table] = turn
	}
	t.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, runtime.ContextError(ctx)
	}
}
