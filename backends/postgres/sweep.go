package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime/wire"
)

// sweepAnew is how often a sweep begins at the first record again, for those
// that came, or were let go by another transaction, behind it.
const sweepAnew = 5 * time.Minute

// A sweep deletes so many records at a time. Where more expire at the same time
// it deletes more and more of them, since each time it passes over all before.
const (
	sweepBatch    = 1000
	maxSweepBatch = 64 * sweepBatch
)

// sweeps are how far the tables of a store are swept. What a transaction still
// sees that began before, stays in the index behind that for as long, and would
// be passed over for every batch. The zero value is ready.
type sweeps struct {
	mu     sync.Mutex
	tables map[string]sweep
}

// sweep is how far a table is swept.
type sweep struct {
	begun time.Time // at the first record
	from  time.Time // all that expires before is swept, but for what sweepAnew is for
	batch int
}

// Sweep deletes some of the records of t that have expired, in the order of their
// times, and returns how many: 0 when none is left for now, or another proxy
// sweeps. The parameters of statement are the time by which they have expired,
// the one from which, and how many; it answers whether the turn is this proxy's,
// how many it deleted, and the time of the last.
func (db *DB) Sweep(ctx context.Context, t *Table, statement string) (deleted int, err error) {
	now := db.now()
	s := db.sweeps.of(t, now)
	var mine bool
	var last pgtype.Timestamptz
	err = write(ctx, db, func(conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, statement, Time(wire.NewTimestamp(now)), Time(wire.NewTimestamp(s.from)), s.batch).Scan(&mine, &deleted, &last)
	})
	switch {
	case err != nil || !mine:
		return 0, err
	case deleted == 0:
		s.from, s.batch = now, sweepBatch
	case last.Time.Equal(s.from):
		s.batch = min(2*s.batch, maxSweepBatch)
	default:
		s.from, s.batch = last.Time, sweepBatch
	}
	db.sweeps.note(t, s)
	return deleted, nil
}

// of returns how far t is swept at the given time.
func (all *sweeps) of(t *Table, now time.Time) sweep {
	all.mu.Lock()
	defer all.mu.Unlock()
	s, ok := all.tables[t.Name]
	if age := now.Sub(s.begun); !ok || age < 0 || age >= sweepAnew {
		return sweep{begun: now, batch: sweepBatch}
	}
	return s
}

func (all *sweeps) note(t *Table, s sweep) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.tables == nil {
		all.tables = map[string]sweep{}
	}
	all.tables[t.Name] = s
}
