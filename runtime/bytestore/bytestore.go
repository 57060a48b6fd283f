// Package bytestore is what stores of bytes under byte keys have in common: how
// they hold a record, and the interface that generated code needs.
package bytestore

import (
	"context"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Record is a record and the keys it is stored under. It is made for one write
// and belongs to the store from then on.
type Record struct {
	// Bytes is the entity's encoding of the record. It aliases the request, which
	// is gone after the call.
	Bytes   []byte
	Entries []Entry       // the first is the record's own
	TTL     time.Duration // 0: the record does not expire
	// Written is what the store reports of the record once it is written.
	Written keyvalue.Written
}

// Entry is one of the keys that a record is stored under.
type Entry struct {
	Key tuple.Key
	// Unique is the name of the index if no other record may have this key.
	Unique string
}

// NewRecord returns a record with the given key that is in no index and does
// not expire.
func NewRecord(k tuple.Key, b []byte) *Record {
	return &Record{Bytes: b, Entries: []Entry{{Key: k}}}
}

// ExpireAfter makes the record expire ttl after its write.
func (r *Record) ExpireAfter(ttl time.Duration) { r.TTL = ttl }

// Index puts the record into an index that is not unique, under a key that
// ends with the record's own.
func (r *Record) Index(k tuple.Key) { r.Entries = append(r.Entries, Entry{Key: k}) }

// Unique puts the record into the unique index called name, under a key of the
// index's values. Violations are checked in the order of these calls.
func (r *Record) Unique(name string, k tuple.Key) {
	r.Entries = append(r.Entries, Entry{Key: k, Unique: name})
}

// Key returns the record's own key.
func (r *Record) Key() tuple.Key { return r.Entries[0].Key }

// Row returns the record as a reader gets it.
func (r *Record) Row() runtime.Row {
	return runtime.Row{Version: r.Written.Version, Expires: r.Written.Expires, Record: r.Bytes}
}

// Live reports whether the record has not expired.
func (r *Record) Live(now wire.Timestamp) bool {
	return !r.Written.Expires.Set || r.Written.Expires.Compare(now) > 0
}

// KeyValue is what generated code needs of an open store to serve KeyValue
// entities. All methods are safe for concurrent use, and fail with errors of
// package runtime.
type KeyValue interface {
	// Put stores r, replacing any record with its key.
	Put(ctx context.Context, r *Record) (keyvalue.Written, error)
	// CompareAndSwap stores r if the stored record has the expected version, or if
	// there is none and 0 is expected.
	CompareAndSwap(ctx context.Context, r *Record, expected int64) (keyvalue.Written, error)
	// Get adds the record under a key, its own or one of a unique index.
	Get(ctx context.Context, k tuple.Key, add runtime.Rows) error
	// Delete deletes the record with the key, if ifVersion is 0 or equals its
	// version.
	Delete(ctx context.Context, k tuple.Key, ifVersion int64) (existed bool, err error)
	// BatchPut stores all records or none. Only the final state has to satisfy
	// unique indexes: records may exchange unique values, in any order. name is
	// the request's field that holds the records.
	BatchPut(ctx context.Context, name string, records []*Record) ([]keyvalue.Written, error)
	// BatchGet adds a row for each key, in order, until add takes no more.
	BatchGet(ctx context.Context, keys []tuple.Key, add runtime.Rows) error
	// BatchDelete deletes the records with the keys, atomically.
	BatchDelete(ctx context.Context, keys []tuple.Key) (existed []bool, err error)
}

// Lists is what a store that keeps its keys in order has besides.
type Lists interface {
	// List adds the records whose keys are at least from and less than to, in
	// ascending or descending order, until the page is full.
	List(ctx context.Context, from, to tuple.Key, page *page.Page) error
}

// Sweeper is what a store has besides that does not delete expired records by
// itself.
type Sweeper interface {
	// Sweep deletes some of the records that have expired, and returns how many.
	Sweep(ctx context.Context) (swept int, err error)
}
