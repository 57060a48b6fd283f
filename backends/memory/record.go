package memory

import (
	"bytes"
	"time"

	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Record is a record as a DB keeps it. It is made for one write, and belongs to
// the DB from then on, which changes it no more once the write is done.
type Record struct {
	bytes   []byte
	entries []entry // the first is the record's own key
	ttl     time.Duration
	written keyvalue.Written
}

// entry is one of the keys that a record stands under.
type entry struct {
	key    Key
	unique string // the index's name, if no other record may stand there
}

// NewRecord returns a record that has the given key, is in no index and does
// not expire. It copies b.
func NewRecord(k Key, b []byte) *Record {
	return &Record{bytes: bytes.Clone(b), entries: []entry{{key: k}}}
}

// ExpireAfter lets the record expire when ttl has passed since its write.
func (r *Record) ExpireAfter(ttl time.Duration) { r.ttl = ttl }

// Index puts the record into an index that is not unique, under a key that
// holds the record's own.
func (r *Record) Index(k Key) { r.entries = append(r.entries, entry{key: k}) }

// Unique puts the record into the unique index called name, under a key of the
// index's values. Violations are looked for in the order of these calls.
func (r *Record) Unique(name string, k Key) {
	r.entries = append(r.entries, entry{key: k, unique: name})
}

// key returns the record's own key.
func (r *Record) key() Key { return r.entries[0].key }

// live reports whether the record has not expired.
func (r *Record) live(now wire.Timestamp) bool {
	return !r.written.Expires.Set || r.written.Expires.Compare(now) > 0
}
