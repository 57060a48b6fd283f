package postgres

import (
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// fenced is how long a table that has refused a write as a later release's is not
// asked again: Postgres logs every row that a fence refuses.
const fenced = 10 * time.Second

// fences are the tables that have refused a write, and until when they are not asked.
// It is nil as long as there are none.
type fences struct {
	tables atomic.Pointer[map[string]standing]
}

type standing struct {
	until time.Time
	err   error
}

// check returns the refusal of the table if it is still fresh.
func (f *fences) check(table string) error {
	all := f.tables.Load()
	if all == nil {
		return nil
	}
	if r, ok := (*all)[table]; ok && time.Now().Before(r.until) {
		return r.err
	}
	return nil
}

// note remembers err if a fence of the table is the cause of it, and returns it.
func (f *fences) note(table string, err error) error {
	var e *runtime.Error
	if !errors.As(err, &e) || e.Reason != runtime.ReleaseFenced {
		return err
	}
	for {
		before := f.tables.Load()
		after := map[string]standing{}
		if before != nil {
			maps.Copy(after, *before)
		}
		after[table] = standing{time.Now().Add(fenced), err}
		if f.tables.CompareAndSwap(before, &after) {
			return err
		}
	}
}
