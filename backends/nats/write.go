package nats

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/tuple"
)

// Put stores r, replacing any record with its key. It fails with UNIQUE if
// another record has the values of r in a unique index.
func (db *DB) Put(ctx context.Context, r *bytestore.Record) (keyvalue.Written, error) {
	return db.putOne(ctx, r, nil)
}

// CompareAndSwap is Put if the record with r's key has the expected version, or
// if there is none and expected is 0. Otherwise it fails with NOT_FOUND, EXISTS
// or VERSION_MISMATCH.
func (db *DB) CompareAndSwap(ctx context.Context, r *bytestore.Record, expected int64) (keyvalue.Written, error) {
	return db.putOne(ctx, r, func(old *message) error {
		switch {
		case old != nil && expected == 0:
			return runtime.AlreadyExists(old.version())
		case old != nil && expected != old.version():
			return runtime.Mismatch(old.version())
		case old == nil && expected != 0:
			return runtime.Absent()
		}
		return nil
	})
}

// putOne puts r unless allow, if it is not nil, returns an error. allow gets
// the record that r replaces, or nil.
func (db *DB) putOne(ctx context.Context, r *bytestore.Record, allow func(old *message) error) (keyvalue.Written, error) {
	at, err := db.places(r)
	if err != nil {
		return keyvalue.Written{}, err
	}
	blind := allow == nil && !at[0].indexed
	err = db.write(ctx, at, blind, "", func(w *writing) error {
		if allow != nil {
			if err := allow(w.record(at[0])); err != nil {
				return err
			}
		}
		return w.put(r, at[0], at[1:])
	})
	return r.Written, err
}

// Delete removes the record with key k if ifVersion is 0 or equals its version,
// and reports whether the record existed. It fails with VERSION_MISMATCH if the
// record has another version.
func (db *DB) Delete(ctx context.Context, k tuple.Key, ifVersion int64) (existed bool, err error) {
	at, err := db.place(k)
	if err != nil {
		return false, err
	}
	err = db.write(ctx, []place{at}, false, "", func(w *writing) error {
		old := w.record(at)
		existed = old != nil
		switch {
		case !existed:
			return nil
		case ifVersion != 0 && ifVersion != old.version():
			return runtime.Mismatch(old.version())
		}
		w.remove(at)
		return nil
	})
	return existed && err == nil, err
}

// BatchPut puts all records or none. Records may exchange unique values, in any
// order. Its error names the record at fault as an item of the request's field called
// name.
func (db *DB) BatchPut(ctx context.Context, name string, records []*bytestore.Record) ([]keyvalue.Written, error) {
	at, all, blind := make([][]place, len(records)), []place(nil), true
	for i, r := range records {
		var err error
		if at[i], err = db.places(r); err != nil {
			return nil, runtime.InItem(name, i, err)
		}
		blind = blind && !at[i][0].indexed
		all = append(all, at[i]...)
	}
	err := db.write(ctx, all, blind, name, func(w *writing) error {
		if w.putAll(name, records, at) == nil {
			return nil
		}
		// A value may belong to a later record of the batch, which gives it up.
		w.reset()
		for _, places := range at {
			w.free(places[0], nil)
		}
		return w.putAll(name, records, at)
	})
	if err != nil {
		return nil, err
	}
	written := make([]keyvalue.Written, len(records))
	for i, r := range records {
		written[i] = r.Written
	}
	return written, nil
}

// BatchDelete removes all records with the keys and reports which existed.
func (db *DB) BatchDelete(ctx context.Context, keys []tuple.Key) (existed []bool, err error) {
	const name = "keys"
	at := make([]place, len(keys))
	for i, k := range keys {
		if at[i], err = db.place(k); err != nil {
			return nil, runtime.InItem(name, i, err)
		}
	}
	err = db.write(ctx, at, false, name, func(w *writing) error {
		existed = make([]bool, len(keys))
		for i, p := range at {
			if existed[i] = w.record(p) != nil; existed[i] {
				w.remove(p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return existed, nil
}

// places returns where r and its entries are stored.
func (db *DB) places(r *bytestore.Record) ([]place, error) {
	at := make([]place, len(r.Entries))
	for i, e := range r.Entries {
		var err error
		if at[i], err = db.place(e.Key); err != nil {
			return nil, err
		}
	}
	return at, nil
}

const (
	// tries is how often a write is attempted while others get in between.
	tries = 5
	// pause is the longest wait after the first attempt; it doubles with each
	// attempt.
	pause = 2 * time.Millisecond
)

// write reads what is stored at the places, lets plan decide what to write, and
// commits that if none of the subjects written has changed since; otherwise it
// starts again. All places belong to one table. name is the request's field
// that holds the items of a batch. A blind write reads nothing and replaces
// whatever is there.
func (db *DB) write(ctx context.Context, at []place, blind bool, name string, plan func(*writing) error) error {
	if err := runtime.ContextError(ctx); err != nil {
		return err
	}
	if !blind {
		end, err := db.turns.take(ctx, at)
		if err != nil {
			return err
		}
		defer end()
	}
	for try := range tries {
		w := &writing{table: at[0].table, now: db.clock(), blind: blind, read: map[string]message{}, planned: map[string]int{}}
		if !blind {
			if err := w.fill(ctx, db, at); err != nil {
				return err
			}
		}
		if err := plan(w); err != nil {
			return err
		}
		err := w.commit(ctx, db, name)
		if !contended(err) {
			return err
		}
		select {
		case <-time.After(rand.N(pause << try)):
		case <-ctx.Done():
			return err
		}
	}
	return contention()
}

// contention is the error of a call that other writes preceded at every
// attempt.
func contention() error {
	return runtime.NotApplied(runtime.BackendContention, "other writes came before this one each time (fewer of a key or value at a time)", nil)
}
