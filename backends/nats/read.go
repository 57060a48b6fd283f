package nats

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/tuple"
)

// Get adds the record under k, its own key or that of a unique index. It fails with
// NOT_FOUND if there is none.
func (db *DB) Get(ctx context.Context, k tuple.Key, add runtime.Rows) error {
	m, err := db.get(ctx, k)
	if err != nil {
		return err
	}
	if m == nil {
		return runtime.Absent()
	}
	add(m.row())
	return nil
}

// get returns the record under k, or nil.
func (db *DB) get(ctx context.Context, k tuple.Key) (*message, error) {
	if err := runtime.ContextError(ctx); err != nil {
		return nil, err
	}
	p, err := db.place(k)
	if err != nil {
		return nil, err
	}
	m := new(message)
	if p.subject[0] == 'u' {
		m, err = db.find(ctx, p)
	} else {
		*m, err = db.last(ctx, p)
	}
	if err != nil || m == nil || !m.live(db.clock()) {
		return nil, err
	}
	return m, m.check()
}

// find returns the record that has the unique value of an entry, or nil. The
// entry is read first, then the record, which is right if it still has the
// value. If not, it lost the value since the entry was read, perhaps to another
// record in one batch, so the entry is read again.
func (db *DB) find(ctx context.Context, entry place) (*message, error) {
	var before uint64
	for range tries {
		e, err := db.last(ctx, entry)
		if err != nil {
			return nil, err
		}
		now := db.clock()
		holder := e.holder(now)
		if holder == "" {
			return nil, nil
		}
		m, err := db.last(ctx, place{entry.table, holder})
		switch {
		case err != nil:
			return nil, err
		case m.live(now) && slices.Contains(m.header[headerUnique], entry.subject):
			return &m, nil
		case e.sequence == before: // the entry is unchanged, and its record is gone
			return nil, nil
		}
		before = e.sequence
	}
	return nil, contention()
}

// last returns the last message at a place.
func (db *DB) last(ctx context.Context, p place) (message, error) {
	if err := enter(ctx, db.reads); err != nil {
		return message{}, err
	}
	defer leave(db.reads)
	during, done := db.during(ctx)
	defer done()
	raw, err := p.stream.GetLastMsgForSubject(during, p.table.subject+p.subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return message{}, nil
	case err != nil:
		return message{}, callError(ctx, during, err)
	}
	return message{raw.Sequence, raw.Header, raw.Data}, nil
}

// callError is Error for a call in a context of DB.during.
func callError(ctx, during context.Context, err error) error {
	if why := context.Cause(during); why != nil && ctx.Err() == nil {
		err = why
	}
	return Error(ctx, err)
}

// lasts returns the last messages at places, in order.
func (db *DB) lasts(ctx context.Context, places []place) ([]message, error) {
	messages, failed := make([]message, len(places)), make([]error, len(places))
	var group sync.WaitGroup
	for first := range min(len(places), atOnce) {
		group.Go(func() {
			for i := first; i < len(places); i += atOnce {
				if messages[i], failed[i] = db.last(ctx, places[i]); failed[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// BatchGet adds a row for each key, in order, until add takes no more. It does
// not read a snapshot.
func (db *DB) BatchGet(ctx context.Context, keys []tuple.Key, add runtime.Rows) error {
	if err := runtime.ContextError(ctx); err != nil {
		return err
	}
	first := 0
	for part := range slices.Chunk(keys, atOnce) {
		places := make([]place, len(part))
		for i, k := range part {
			var err error
			if places[i], err = db.place(k); err != nil {
				return runtime.InItem("keys", first+i, err)
			}
		}
		messages, err := db.lasts(ctx, places)
		if err != nil {
			return err
		}
		now := db.clock()
		for i := range messages {
			row := runtime.Row{}
			if m := &messages[i]; m.live(now) {
				if err := m.check(); err != nil {
					return runtime.InItem("keys", first+i, err)
				}
				row = m.row()
			}
			if !add(row) {
				return nil
			}
		}
		first += len(part)
	}
	return nil
}
