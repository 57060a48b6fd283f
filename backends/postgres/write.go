package postgres

import (
	"context"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
)

// Put stores the record with the given values, replacing any with its key.
func (db *DB) Put(ctx context.Context, t *Table, record []any) (w keyvalue.Written, err error) {
	if err := db.fences.check(t.Name); err != nil {
		return w, err
	}
	for again := true; again; {
		w = db.next(t)
		w.Version, err = db.version(ctx, t.Put, t.written(record, w)...)
		again, err = db.again(ctx, t, err, 0, record)
	}
	return w, err
}

// CompareAndSwap is Put if the record has the expected version, or if it is
// absent and expected is 0. Otherwise it fails with NOT_FOUND, EXISTS or
// VERSION_MISMATCH.
func (db *DB) CompareAndSwap(ctx context.Context, t *Table, record []any, expected int64) (w keyvalue.Written, err error) {
	if err := db.fences.check(t.Name); err != nil {
		return w, err
	}
	for again := true; again; {
		w = db.next(t)
		if expected == 0 {
			w.Version, err = db.create(ctx, t, record, w)
		} else {
			w.Version, err = db.swap(ctx, t.Swap, db.alive(t, append(t.written(record, w), expected))...)
		}
		again, err = db.again(ctx, t, err, 0, record)
	}
	return w, err
}

// create stores a record if there is none; otherwise the error has the stored
// version.
func (db *DB) create(ctx context.Context, t *Table, record []any, w keyvalue.Written) (int64, error) {
	for {
		version, err := db.version(ctx, t.Create, db.alive(t, t.written(record, w))...)
		if version != 0 || err != nil {
			return version, err
		}
		current, err := db.version(ctx, t.VersionOf, db.alive(t, t.key(record))...)
		if err != nil {
			return 0, err
		}
		if current != 0 { // otherwise it was deleted in between
			return 0, runtime.AlreadyExists(current)
		}
	}
}

// Delete removes a record if ifVersion is 0 or equals its version, and reports
// whether the record existed. It fails with VERSION_MISMATCH if the record has
// another version.
func (db *DB) Delete(ctx context.Context, t *Table, key []any, ifVersion int64) (existed bool, err error) {
	if ifVersion == 0 {
		removed, err := db.version(ctx, t.Remove, db.alive(t, key)...)
		return removed != 0, err
	}
	found, err := db.version(ctx, t.RemoveVersion, db.alive(t, append(key, ifVersion))...)
	if found != 0 && found != ifVersion {
		return false, runtime.Mismatch(found)
	}
	return found != 0, err
}

// BatchPut is Put for n records: all are stored or none. Records may exchange
// unique values, in any order. Its error names the record at fault as an item of the
// request's field called name.
func (db *DB) BatchPut(ctx context.Context, t *Table, name string, n int, record func(i int) []any) ([]keyvalue.Written, error) {
	if err := db.fences.check(t.Name); err != nil {
		return nil, err
	}
	records := make([][]any, n)
	for i := range records {
		records[i] = record(i)
	}
	var removed [][]any // the keys of the records that are removed first
	for {
		w := db.next(t)
		versions, item, err := db.versions(ctx, t, removed, t.Put, n, func(i int) []any { return t.written(records[i], w) })
		again, err := db.again(ctx, t, err, item, records...)
		switch {
		case again:
			continue
		case violated(err) != "" && removed == nil && n > 1:
			// The value may belong to a later record of the batch, which gives it up.
			for _, r := range records {
				removed = append(removed, db.alive(t, t.key(r)))
			}
			continue
		case violated(err) != "":
			return nil, runtime.InItem(name, item, err)
		case err != nil:
			return nil, err
		}
		written := make([]keyvalue.Written, n)
		for i, version := range versions {
			written[i] = keyvalue.Written{Version: version, Expires: w.Expires}
		}
		return written, nil
	}
}

// BatchDelete removes n records or none, and reports which existed.
func (db *DB) BatchDelete(ctx context.Context, t *Table, n int, key func(i int) []any) ([]bool, error) {
	removed, _, err := db.versions(ctx, t, nil, t.Remove, n, func(i int) []any { return db.alive(t, key(i)) })
	if err != nil {
		return nil, err
	}
	existed := make([]bool, n)
	for i, version := range removed {
		existed[i] = version != 0
	}
	return existed, nil
}
