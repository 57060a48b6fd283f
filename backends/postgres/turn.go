package postgres

import (
	"context"
	"sync"

	"github.com/prism-proxy/prism/runtime"
)

// takeTurn serializes transactions that write many records of a table: two that
// each hold a key of the other would deadlock, which Postgres takes a second to
// detect.
const takeTurn = `SELECT pg_advisory_xact_lock(hashtext('prism_batch'), hashtext($1))`

// turns does the same within this proxy: a batch that waits for another batch
// of its proxy holds no connection, so that other calls can have it. The zero
// value is ready to use.
type turns struct {
	mu     sync.Mutex
	tables map[string]chan struct{} // holds a value while a batch has the turn
}

// take waits, until ctx ends, for the turn of a batch that writes table. leave
// ends the turn.
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
