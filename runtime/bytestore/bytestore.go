// Package bytestore is what the stores have in common that keep bytes under byte
// keys: how a record stands in them, and what generated code asks of them.
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

// Record is a record and where it stands. It is made for one write, and belongs to
// the store from then on.
type Record struct {
	// Bytes are the record as its entity encodes it. They alias the request, which
	// is gone after the call.
	Bytes   []byte
	Entries []Entry       // the first is the record's own
	TTL     time.Duration // 0: the record does not expire
	// Written is what the store says of the record once it is written.
	Written keyvalue.Written
}

// Entry is one of the keys that a record stands under.
type Entry struct {
	Key tuple.Key
	// Unique is the name of the index, if no other record may stand there.
	Unique string
}

// NewRecord returns a record that has the given key, is in no index and does
// not expire.
func NewRecord(k tuple.Key, b []byte) *Record {
	return &Record{Bytes: b, Entries: []Entry{{Key: k}}}
}

// ExpireAfter lets the record expire when ttl has passed since its write.
func (r *Record) ExpireAfter(ttl time.Duration) { r.TTL = ttl }

// Index puts the record into an index that is not unique, under a key that
// ends with the record's own.
func (r *Record) Index(k tuple.Key) { r.Entries = append(r.Entries, Entry{Key: k}) }

// Unique puts the record into the unique index called name, under a key of the
// index's values. Violations are looked for in the order of these calls.
func (r *Record) Unique(name string, k tuple.Key) {
	r.Entries = append(r.Entries, Entry{Key: k, Unique: name})
}

// Key returns the record's own key.
func (r *Record) Key() tuple.Key { return r.Entries[0].Key }

// Row returns the record as those who read it take it.
func (r *Record) Row() runtime.Row {
	return runtime.Row{Version: r.Written.Version, Expires: r.Written.Expires, Record: r.Bytes}
}

// Live reports whether the record has not expired.
func (r *Record) Live(now wire.Timestamp) bool {
	return !r.Written.Expires.Set || r.Written.Expires.Compare(now) > 0
}

// KeyValue is what generated code asks of an open store for entities of that
// abstraction, if they ask for no more than the store serves. All methods are
// safe for concurrent use, and fail with errors of package runtime.
type KeyValue interface {
	// Put stores r whatever was there.
	Put(ctx context.Context, r *Record) (keyvalue.Written, error)
	// CompareAndSwap stores r if the record there has the expected version, or if
	// none is there and 0 is expected.
	CompareAndSwap(ctx context.Context, r *Record, expected int64) (keyvalue.Written, error)
	// Get adds the record under a key, its own or one of a unique index.
	Get(ctx context.Context, k tuple.Key, add runtime.Rows) error
	// Delete deletes the record with the key, if ifVersion is 0 or its version.
	Delete(ctx context.Context, k tuple.Key, ifVersion int64) (existed bool, err error)
	// BatchPut stores all records or none. It is judged by what it leaves behind:
	// records may exchange unique values, in any order. name is what the request
	// calls them.
	BatchPut(ctx context.Context, name string, records []*Record) ([]keyvalue.Written, error)
	// BatchGet adds a row for each key, in their order, until one is not taken.
	BatchGet(ctx context.Context, keys []tuple.Key, add runtime.Rows) error
	// BatchDelete deletes the records with the keys, all at once.
	BatchDelete(ctx context.Context, keys []tuple.Key) (existed []bool, err error)
}

// Lists is what stores have besides that keep their keys in order.
type Lists interface {
	// List adds the records whose keys are at least from and less than to, in their
	// order or the reverse, until the page is full.
	List(ctx context.Context, from, to tuple.Key, page *page.Page) error
}

// Sweeper is what stores have besides in which records expire, and which do not
// delete them by themselves.
type Sweeper interface {
	// Sweep deletes some of the records that have expired, and returns how many.
	Sweep(ctx context.Context) (swept int, err error)
}
