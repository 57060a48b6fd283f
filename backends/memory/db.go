package memory

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"github.com/google/btree"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Backend is the run-time half of memory.
var Backend = runtime.Backend[*DB, Config]{Name: "memory", Open: Open}

// Config is what the compiler decided about one namespace's store: nothing.
// Namespaces do not share records.
type Config struct{}

var _ interface {
	bytestore.KeyValue
	bytestore.Lists
	bytestore.Sweeper
} = (*DB)(nil)

// DB is an open store. It is safe for concurrent use and keeps no slice that it
// is given. If their context has ended, its methods fail and change nothing.
type DB struct {
	// Tokens seals the page tokens of the namespace.
	Tokens *page.Tokens

	now     func() time.Time
	mu      sync.RWMutex
	items   items
	version int64 // the last one issued
}

// item is a record under one of its keys.
type item struct {
	key    tuple.Key
	record *bytestore.Record
}

// items is a tree. It is an interface so that packages which use a DB need not
// each compile the tree's methods for item.
type items interface {
	AscendRange(from, to item, visit btree.ItemIteratorG[item])
	Delete(item) (item, bool)
	DescendLessOrEqual(to item, visit btree.ItemIteratorG[item])
	Get(item) (item, bool)
	ReplaceOrInsert(item) (item, bool)
	clone() items
}

type tree struct{ *btree.BTreeG[item] }

func (t tree) clone() items { return tree{t.Clone()} }

// expiry is the prefix of the keys that order records by when they expire. All
// other keys begin with a name.
const expiry tuple.Key = "\x00"

// degree is the tree's degree: each node but the root holds at least degree-1
// items.
const degree = 32

// Open returns an empty store.
func Open(_ context.Context, env *runtime.Env, _ runtime.Namespace, _ Config) (*DB, error) {
	tokens, err := page.NewTokens(page.NewKey(), env.Now)
	if err != nil {
		return nil, err
	}
	byKey := func(a, b item) bool { return a.key < b.key }
	return &DB{Tokens: tokens, now: env.Now, version: epoch(), items: tree{btree.NewG(degree, byKey)}}, nil
}

// epoch returns the number above which a store's versions begin: 42 random
// bits, with room for all that is issued until the next start. Callers may
// remember versions from before this start; the store does not.
func epoch() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint64(b[:])>>22) << 20
}

// Close does nothing: the records go with the last reference to the DB.
func (db *DB) Close() error { return nil }

// Put stores r, replacing any record with its key. It fails with UNIQUE if
// another record has the values of r in a unique index.
func (db *DB) Put(ctx context.Context, r *bytestore.Record) (keyvalue.Written, error) {
	if err := runtime.ContextError(ctx); err != nil {
		return keyvalue.Written{}, err
	}
	r.Bytes = bytes.Clone(r.Bytes)
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.write(r, db.clock())
}

// CompareAndSwap is Put if the record with r's key has the expected version, or
// if there is none and expected is 0. Otherwise it fails with NOT_FOUND, EXISTS
// or VERSION_MISMATCH.
func (db *DB) CompareAndSwap(ctx context.Context, r *bytestore.Record, expected int64) (keyvalue.Written, error) {
	if err := runtime.ContextError(ctx); err != nil {
		return keyvalue.Written{}, err
	}
	r.Bytes = bytes.Clone(r.Bytes)
	db.mu.Lock()
	defer db.mu.Unlock()
	now := db.clock()
	switch old := db.find(r.Key(), now); {
	case old != nil && expected == 0:
		return keyvalue.Written{}, runtime.AlreadyExists(old.Written.Version)
	case old != nil && expected != old.Written.Version:
		return keyvalue.Written{}, runtime.Mismatch(old.Written.Version)
	case old == nil && expected != 0:
		return keyvalue.Written{}, runtime.Absent()
	}
	return db.write(r, now)
}

// Get adds the record under k, its own key or that of a unique index. It fails
// with NOT_FOUND if there is none.
func (db *DB) Get(ctx context.Context, k tuple.Key, add runtime.Rows) error {
	if err := runtime.ContextError(ctx); err != nil {
		return err
	}
	db.mu.RLock()
	r := db.find(k, db.clock())
	db.mu.RUnlock()
	if r == nil {
		return runtime.Absent()
	}
	add(r.Row())
	return nil
}

// Delete removes the record with key k if ifVersion is 0 or equals its version,
// and reports whether the record existed. It fails with VERSION_MISMATCH if the
// record has another version.
func (db *DB) Delete(ctx context.Context, k tuple.Key, ifVersion int64) (existed bool, err error) {
	if err := runtime.ContextError(ctx); err != nil {
		return false, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	r := db.find(k, db.clock())
	if r == nil {
		return false, nil
	}
	if ifVersion != 0 && ifVersion != r.Written.Version {
		return false, runtime.Mismatch(r.Written.Version)
	}
	db.remove(r)
	return true, nil
}

// BatchPut puts all records or none. Records may exchange unique values, in any
// order. Its error names the record at fault as an item of the request's field
// called name.
func (db *DB) BatchPut(ctx context.Context, name string, records []*bytestore.Record) ([]keyvalue.Written, error) {
	if err := runtime.ContextError(ctx); err != nil {
		return nil, err
	}
	for _, r := range records {
		r.Bytes = bytes.Clone(r.Bytes)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	before, now := db.items.clone(), db.clock()
	for _, r := range records {
		if i, ok := db.items.Get(item{key: r.Key()}); ok {
			db.remove(i.record)
		}
	}
	written := make([]keyvalue.Written, len(records))
	for i, r := range records {
		var err error
		if written[i], err = db.write(r, now); err != nil {
			db.items = before
			return nil, runtime.InItem(name, i, err)
		}
	}
	return written, nil
}

// BatchGet adds a row for each key, in order, until add takes no more. It reads
// a snapshot.
func (db *DB) BatchGet(ctx context.Context, keys []tuple.Key, add runtime.Rows) error {
	if err := runtime.ContextError(ctx); err != nil {
		return err
	}
	records := make([]*bytestore.Record, len(keys))
	db.mu.RLock()
	now := db.clock()
	for i, k := range keys {
		records[i] = db.find(k, now)
	}
	db.mu.RUnlock()
	for _, r := range records {
		var row runtime.Row
		if r != nil {
			row = r.Row()
		}
		if !add(row) {
			break
		}
	}
	return nil
}

// BatchDelete removes all records with the keys and reports which existed.
func (db *DB) BatchDelete(ctx context.Context, keys []tuple.Key) (existed []bool, err error) {
	if err := runtime.ContextError(ctx); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	now := db.clock()
	existed = make([]bool, len(keys))
	for i, k := range keys {
		if r := db.find(k, now); r != nil {
			db.remove(r)
			existed[i] = true
		}
	}
	return existed, nil
}

// List adds the records under keys from from (inclusive) to to (exclusive) to
// page, in its direction. It reads a snapshot.
func (db *DB) List(ctx context.Context, from, to tuple.Key, page *page.Page) error {
	if err := runtime.ContextError(ctx); err != nil {
		return err
	}
	for _, r := range db.list(from, to, page) {
		if !page.Add(r.Row()) {
			break
		}
	}
	return nil
}

// list finds what List adds. Records never change once written, so pages are
// copied without the lock.
func (db *DB) list(from, to tuple.Key, page *page.Page) []*bytestore.Record {
	var records []*bytestore.Record
	now, limit := db.clock(), int(page.Limit())
	add := func(i item) bool {
		if i.record.Live(now) {
			records = append(records, i.record)
		}
		return len(records) < limit
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	if !page.Reverse() {
		db.items.AscendRange(item{key: from}, item{key: to}, add)
		return records
	}
	db.items.DescendLessOrEqual(item{key: to}, func(i item) bool {
		return i.key == to || i.key >= from && add(i)
	})
	return records
}

// Stored returns the records of a table, in the order of their keys, for tests
// that inspect the store. They must not be changed.
func (db *DB) Stored(table string) [][]byte {
	var records [][]byte
	now := db.clock()
	db.mu.RLock()
	defer db.mu.RUnlock()
	from := tuple.Key(table + "\x00")
	db.items.AscendRange(item{key: from}, item{key: from.End()}, func(i item) bool {
		if i.record.Live(now) {
			records = append(records, i.record.Bytes)
		}
		return true
	})
	return records
}

// maxSweep is how many records a sweep deletes at most; writes wait for it.
const maxSweep = 1000

// Sweep deletes some of the namespace's expired records and returns how many.
func (db *DB) Sweep(ctx context.Context) (swept int, err error) {
	if err := runtime.ContextError(ctx); err != nil {
		return 0, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	var expired []*bytestore.Record
	db.items.AscendRange(item{key: expiry}, item{key: expiry.Time(db.clock()).End()}, func(i item) bool {
		expired = append(expired, i.record)
		return len(expired) < maxSweep
	})
	for _, r := range expired {
		db.remove(r)
	}
	return len(expired), nil
}

// clock returns the time by which an operation expires records, truncated to
// microseconds.
func (db *DB) clock() wire.Timestamp { return wire.NewTimestamp(db.now().Truncate(time.Microsecond)) }

// find returns the live record under k, or nil. The caller holds the lock, here
// and in the functions below.
func (db *DB) find(k tuple.Key, now wire.Timestamp) *bytestore.Record {
	if i, ok := db.items.Get(item{key: k}); ok && i.record.Live(now) {
		return i.record
	}
	return nil
}

// write stores r in place of the record with its key and of expired ones with
// its unique values. If a live record has one of those, it changes nothing and
// fails.
func (db *DB) write(r *bytestore.Record, now wire.Timestamp) (keyvalue.Written, error) {
	for _, e := range r.Entries {
		if holder := db.find(e.Key, now); holder != nil && holder.Key() != r.Key() {
			return keyvalue.Written{}, runtime.Taken(e.Unique)
		}
	}
	for _, e := range r.Entries {
		if i, ok := db.items.Get(item{key: e.Key}); ok {
			db.remove(i.record)
		}
	}
	db.version++
	r.Written = keyvalue.Written{Version: db.version}
	if r.TTL > 0 {
		r.Written.Expires = wire.NewTimestamp(now.Time().Add(r.TTL))
		r.Entries = append(r.Entries, bytestore.Entry{Key: expiry.Time(r.Written.Expires) + r.Key()})
	}
	for _, e := range r.Entries {
		db.items.ReplaceOrInsert(item{e.Key, r})
	}
	return r.Written, nil
}

func (db *DB) remove(r *bytestore.Record) {
	for _, e := range r.Entries {
		db.items.Delete(item{key: e.Key})
	}
}
