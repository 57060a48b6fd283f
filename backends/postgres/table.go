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

// Table is the table of an entity. Its statements take the values of a record
// or a key as their first parameters and return versions.
type Table struct {
	Name string
	TTL  time.Duration // time from the last write until a record expires; 0: never
	// TTLFrom is the number of the migration without which no record has expired yet:
	// its ttl began behind the table. 0: there is none.
	TTLFrom int
	Key     int // how many of a record's values, at the beginning, are its key

	// With a ttl, the next parameter of these is when the record expires.
	Put    string // writes the record
	Create string // writes it if there is none; with a ttl the last parameter is the time
	Swap   string // writes it if its version is the next parameter; returns the versions found and written

	// With a ttl, the last parameter of these, and of Swap, is the time.
	VersionOf     string // selects the version
	Remove        string // deletes the record
	RemoveVersion string // deletes it if its version is the next parameter; returns the version found

	Unique []Unique
}

// Unique is a unique index of a table.
type Unique struct {
	Name    string // in errors
	Index   string // in the store
	Columns []int  // positions of its values among a record's
	Taken   string // selects the version of another record with these values; parameters: the values, with a ttl the time, and the key
	Free    string // with a ttl: deletes what has these values and has expired
}

// of returns those of a record's values that u contains.
func (u *Unique) of(record []any) []any {
	var values []any
	for _, c := range u.Columns {
		values = append(values, record[c])
	}
	return values
}

// key returns the values of a record's key.
func (t *Table) key(record []any) []any { return slices.Clip(record[:t.Key]) }

// written returns the values of a record, and with a ttl when it expires.
func (t *Table) written(record []any, w keyvalue.Written) []any {
	if t.TTL == 0 {
		return record
	}
	return append(record, Time(w.Expires))
}

// next returns when a record written now expires.
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
	if t.TTLFrom > 0 && db.builds.lacks(t.TTLFrom) {
		return append(values, TimeOrLowest(wire.Timestamp{}))
	}
	return append(values, db.clock())
}

// clock returns a parameter: the time by which an operation expires records.
func (db *DB) clock() any { return Time(wire.NewTimestamp(db.now())) }

// again reports whether to retry a write of records in which item failed with
// err: a unique index refused it, but no other record has the values any more.
// If not, it returns the error to answer. It first deletes expired records with
// the values.
//
// The other record gave the values up meanwhile, or is the same one: if two
// calls insert it at the same time, one fails on the other's values and finds
// the record when it retries.
func (db *DB) again(ctx context.Context, t *Table, err error, item int, records ...[]any) (bool, error) {
	if err == nil {
		return false, nil
	}
	index := violated(err)
	x := slices.IndexFunc(t.Unique, func(u Unique) bool { return u.Index == index })
	if x < 0 {
		return false, db.fences.note(t.Name, err)
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

// same reports whether two values of a column are equal.
func same(a, b any) bool {
	text, ok := a.([]byte)
	if !ok {
		return a == b
	}
	other := b.([]byte)
	return (text == nil) == (other == nil) && bytes.Equal(text, other)
}
