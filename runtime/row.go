package runtime

import (
	"slices"

	"github.com/prism-proxy/prism/number"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Row is a record as a store holds it.
type Row struct {
	Version int64          // 0: there is no record
	Expires wire.Timestamp // absent without a ttl
	Record  []byte         // the entity's bytes
}

// Rows takes the rows that a store finds, one by one, and reports whether it
// takes another. It copies what it keeps: the bytes of a row are the store's
// and may change afterwards.
type Rows func(Row) bool

// Append appends the row as a record of a reply: the entity's stored bytes
// after a few bytes of framing.
func (r Row) Append(b []byte) []byte {
	size := r.size()
	b = slices.Grow(b, wire.SizeBytes(number.Record, size))
	b = wire.AppendSize(b, number.Record, size)
	b = wire.AppendNonZero(b, number.RecordVersion, uint64(r.Version))
	b = wire.AppendTimestamp(b, number.RecordExpireTime, r.Expires)
	return append(wire.AppendSize(b, number.Entity, len(r.Record)), r.Record...)
}

// Size returns how many bytes Append appends.
func (r Row) Size() int { return wire.SizeBytes(number.Record, r.size()) }

func (r Row) size() int {
	return wire.SizeNonZero(number.RecordVersion, uint64(r.Version)) +
		wire.SizeTimestamp(number.RecordExpireTime, r.Expires) + wire.SizeBytes(number.Entity, len(r.Record))
}
