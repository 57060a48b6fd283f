// Package keyvalue is what every KeyValue entity has in common: the framing of
// its requests and replies, whose field numbers are the same for all entities.
// Generated handlers read keys and records from the slices that it returns,
// which alias the request.
package keyvalue

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/prism-proxy/prism/number"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/wire"
)

// TagBy is the tag of the message in a Find's request that holds the values to
// find by.
const TagBy = number.Item<<3 | wire.Bytes

// Item returns the message that a request is about: the record, the key, or the
// values to find by. If it occurs twice, the encodings are joined, which is how
// protobuf merges them; if it is missing, it is empty.
func Item(request []byte) (message []byte, err error) {
	message, _, err = item(request)
	return message, err
}

// Versioned is Item for a request with an expected version in the field called
// name. It refuses a negative version.
func Versioned(request []byte, name string) (message []byte, version int64, err error) {
	message, version, err = item(request)
	if err == nil && version < 0 {
		err = runtime.OutOfRange(name, "at least 0")
	}
	return message, version, err
}

func item(request []byte) (message []byte, version int64, err error) {
	parts := 0
	f := wire.Read(request)
	for f.Next() {
		switch f.Tag {
		case number.Item<<3 | wire.Bytes:
			message = wire.Merge(message, f.Bytes())
			parts++
		case number.IfVersion<<3 | wire.Varint:
			version = f.Int64()
		}
	}
	if parts > 1 { // joined they may be valid where each part alone is not
		f = wire.Read(request)
		for f.Next() {
			if f.Tag == number.Item<<3|wire.Bytes {
				f.Check(0)
			}
		}
	}
	return message, version, runtime.Decode(f.Err())
}

// Items returns the items of a batch; name is the name of their field.
func Items(request []byte, name string) ([][]byte, error) {
	var items [][]byte
	count := 0
	f := wire.Read(request)
	for f.Next() {
		if f.Tag != number.Item<<3|wire.Bytes {
			continue
		}
		if count++; count <= runtime.MaxBatch {
			items = append(items, f.Bytes())
		}
	}
	switch limit := strconv.Itoa(runtime.MaxBatch); {
	case f.Err() != nil:
		return nil, runtime.Decode(f.Err())
	case count == 0:
		return nil, &runtime.Error{
			Reason: runtime.BatchEmpty, Field: name, What: name + " is empty (1 to " + limit + " items)",
			Metadata: map[string]string{"limit": limit},
		}
	case count > runtime.MaxBatch:
		return nil, &runtime.Error{
			Reason: runtime.BatchSize, Field: name, What: fmt.Sprintf("%s has %d items (1 to %s)", name, count, limit),
			Metadata: map[string]string{"got": strconv.Itoa(count), "limit": limit},
		}
	}
	return items, nil
}

// Keys are the encoded keys of a batch so far.
type Keys map[string]bool

// Add refuses the key of item i of the repeated field called name if an earlier
// item has it.
func (k Keys) Add(name string, i int, key []byte) error {
	if !k[string(key)] {
		k[string(key)] = true
		return nil
	}
	path := name + "[" + strconv.Itoa(i) + "]"
	return &runtime.Error{
		Reason: runtime.BatchDuplicate, Field: path, What: path + " has the same key as an earlier item",
	}
}

// CheckRecord refuses a record that is too large to be stored.
func CheckRecord(record []byte) error {
	if len(record) > runtime.MaxRecord {
		return &runtime.Error{
			Reason: runtime.RequestTooLarge, What: fmt.Sprintf("the record has %d bytes (at most %d)", len(record), runtime.MaxRecord),
			Metadata: map[string]string{"got": strconv.Itoa(len(record)), "limit": strconv.Itoa(runtime.MaxRecord)},
		}
	}
	return nil
}

// Written is what a store reports of a record that it wrote.
type Written struct {
	Version int64
	Expires wire.Timestamp // absent without a ttl
}

// AppendWritten appends the reply to a put or a swap.
func AppendWritten(b []byte, w Written) []byte {
	return wire.AppendTimestamp(wire.AppendNonZero(b, number.Version, uint64(w.Version)), number.ExpireTime, w.Expires)
}

// AppendAllWritten appends the reply to a batch put.
func AppendAllWritten(b []byte, all []Written) []byte {
	for _, w := range all {
		b = wire.AppendSize(b, number.Results, wire.SizeNonZero(number.Version, uint64(w.Version))+wire.SizeTimestamp(number.ExpireTime, w.Expires))
		b = AppendWritten(b, w)
	}
	return b
}

// AppendExisted appends the reply to a delete.
func AppendExisted(b []byte, existed bool) []byte {
	if existed {
		return wire.AppendVarint(b, number.Existed, 1)
	}
	return b
}

// AppendAllExisted appends the reply to a batch delete.
func AppendAllExisted(b []byte, all []bool) []byte {
	for _, existed := range all {
		result := AppendExisted(nil, existed)
		b = wire.AppendBytes(b, number.Results, result)
	}
	return b
}

// Result collects the reply to a get, which is one record.
type Result struct {
	Call *runtime.Call // whose answer it is; nil: nobody's
	out  []byte
}

// Add takes the record. It leaves the reply empty if the call is refused the
// memory.
func (r *Result) Add(row runtime.Row) bool {
	if r.Call.Grow(row.Size()) {
		r.out = row.Append(nil)
	}
	return false
}

// Bytes returns the reply.
func (r *Result) Bytes() []byte { return r.out }

// Results collects the reply to a batch get, in the order of the keys.
type Results struct {
	Call *runtime.Call // whose answer it is; nil: nobody's
	out  []byte
}

// Add appends the record of the next key, or that it has none. It reports false
// if the record no longer fits, so that the reply ends before it, or if the
// call is refused the memory.
func (r *Results) Add(row runtime.Row) bool {
	size := 0
	if row.Version != 0 {
		size = row.Size()
	}
	whole := wire.SizeBytes(number.Results, size)
	if size > 0 && len(r.out) > 0 && len(r.out)+whole > runtime.MaxAnswer {
		return false
	}
	grown, ok := r.Call.Extend(r.out, whole)
	if !ok {
		return false
	}
	r.out = wire.AppendSize(grown, number.Results, size)
	if size > 0 {
		r.out = row.Append(r.out)
	}
	return true
}

// Bytes returns the reply.
func (r *Results) Bytes() []byte { return r.out }

// Fits reports whether an index holds text: of at most limit bytes, UTF-8, without
// NUL.
func Fits(text []byte, limit int) bool {
	return len(text) <= limit && bytes.IndexByte(text, 0) < 0 && utf8.Valid(text)
}
