package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime/wire"
)

// sweepAnew is how often a sweep starts over at the first record, for records
// that it has passed because they were inserted late or locked by another
// transaction.
const sweepAnew = 5 * time.Minute

// How many records a sweep deletes at a time. If more expire at the same time,
// it deletes ever more of them, since each batch has to skip all before it.
const (
	sweepBatch    = 1000
	maxSweepBatch = 64 * sweepBatch
)

// sweeps are how far the tables of a store are swept. Deleted records that an
// older transaction still sees stay in the index, and every batch would have to
// skip them. The zero value is ready to use.
type sweeps struct {
	mu     sync.Mutex
	tables map[string]sweep
}

// sweep is how far one table is swept.
type sweep struct {
	begun time.Time // at the first record
	from  time.Time // all that expires before is swept, except for what sweepAnew is for
	batch int
}

// Sweep deletes some of the expired records of t, by time of expiry, and
// returns how many: 0 if none is left for now, or if another proxy sweeps. The
// parameters of statement are the latest and the earliest time of expiry, and
// how many to delete; it returns whether it is this proxy's turn, how many it
// deleted, and when the last one expired.
func (db *DB) Sweep(ctx context.Context, t *Table, statement string) (deleted int, err error) {
	if missing, err := db.builds.still(ctx, db, t.TTLFrom); missing || err != nil {
		return 0, err // proxies without the ttl renew no record
	}
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

// of returns how far t is swept at time now.
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
