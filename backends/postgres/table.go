package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Table is where the records of an entity are. Its statements have the values of
// a record or of a key as their first parameters, and answer versions.
type Table struct {
	Name string
	TTL  time.Duration // after its last write a record expires; 0: never
	Key  int           // so many values of a record, the first, are its key

	// With a ttl the next parameter of these is when the record expires.
	Put    string // writes the record
	Create string // writes it where there is none; with a ttl the last parameter is the time
	Swap   string // writes it if it has the version that comes next; answers those found and written

	// With a ttl the last parameter of these is the time, as it is of Swap.
	VersionOf     string // selects the version
	Remove        string // deletes the record
	RemoveVersion string // deletes it if it has the version that comes next; answers the one found

	Unique []Unique
}

// Unique is a unique index of a table.
type Unique struct {
	Name    string // in errors
	Index   string // in the store
	Columns []int  // those of a record's values that it has
	Taken   string // selects the version of another record by these values, with a ttl the time, and the key
	Free    string // with a ttl: deletes what has these values and expired by the time
}

// of returns the values of a record that u has.
func (u *Unique) of(record []any) []any {
	var values []any
	for _, c := range u.Columns {
		values = append(values, record[c])
	}
	return values
}

// key returns the values of the key of a record.
func (t *Table) key(record []any) []any { return slices.Clip(record[:t.Key]) }

// written returns the values of a record, and with a ttl when it expires.
func (t *Table) written(record []any, w keyvalue.Written) []any {
	if t.TTL == 0 {
		return record
	}
	return append(record, Time(w.Expires))
}

// next returns when a record expires that is written now.
func (db *DB) next(t *Table) (w keyvalue.Written) {
	if t.TTL > 0 {
		w.Expires = wire.NewTimestamp(db.now().Add(t.TTL).Truncate(time.Microsecond))
	}
	return w
}

// alive returns values, and with a ttl the time.
func (db *DB) alive(t *Table, values []any) []any {
	if t.TTL == 0 {
		return values
	}
	return append(values, db.clock())
}

// clock returns what binds the time that an operation expires records by.
func (db *DB) clock() any { return Time(wire.NewTimestamp(db.now())) }

// again reports whether a write of records, of which item failed with err, is to
// be tried again: a unique index refused it, and no other record has the values
// any more. If not, it returns the error to answer. Records that have expired
// with the values are deleted before.
//
// What had the values gave them up meanwhile, or is the same record: of two
// that insert it at the same time one fails on the other's values, and finds
// the record when it looks again.
func (db *DB) again(ctx context.Context, t *Table, err error, item int, records ...[]any) (bool, error) {
	if err == nil {
		return false, nil
	}
	index := violated(err)
	x := slices.IndexFunc(t.Unique, func(u Unique) bool { return u.Index == index })
	if x < 0 {
		return false, err
	}
	u := &t.Unique[x]
	if t.TTL > 0 {
		free := func(i int) []any { return db.alive(t, u.of(records[i])) }
		if _, _, err := db.versions(ctx, t, nil, u.Free, len(records), free); err != nil {
			return false, err
		}
	}
	values, taken := u.of(records[item]), runtime.Taken(u.Name)
	if slices.ContainsFunc(records[:item], func(before []any) bool { return slices.EqualFunc(u.of(before), values, same) }) {
		return false, taken
	}
	other, err := db.version(ctx, u.Taken, append(db.alive(t, values), t.key(records[item])...)...)
	if err == nil && other != 0 {
		err = taken
	}
	return err == nil, err
}

// same reports whether two values of a column are the same.
func same(a, b any) bool {
	text, ok := a.([]byte)
	if !ok {
		return a == b
	}
	other := b.([]byte)
	return (text == nil) == (other == nil) && bytes.Equal(text, other)
}
