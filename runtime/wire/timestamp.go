package wire

import (
	"cmp"
	"time"
)

// Timestamp is the value of a google.protobuf.Timestamp field. The zero value
// is an absent field and comes before every other.
type Timestamp struct {
	Seconds int64 // since 1970-01-01T00:00:00Z
	Nanos   int32
	Set     bool
}

// NewTimestamp returns t as a Timestamp.
func NewTimestamp(t time.Time) Timestamp {
	return Timestamp{Seconds: t.Unix(), Nanos: int32(t.Nanosecond()), Set: true}
}

// Timestamp reads the current field as a google.protobuf.Timestamp and merges
// it into t, as protobuf does with a message that occurs twice.
func (f *Fields) Timestamp(t Timestamp) Timestamp {
	t.Set = true
	outer := f.Enter(0)
	for f.Next() {
		switch f.Tag {
		case 1<<3 | Varint:
			t.Seconds = f.Int64()
		case 2<<3 | Varint:
			t.Nanos = f.Int32()
		}
	}
	f.Leave(outer)
	return t
}

// The range that google/protobuf/timestamp.proto allows: the years 1 to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// Valid reports whether t is a time that google/protobuf/timestamp.proto
// allows. An absent Timestamp is.
func (t Timestamp) Valid() bool {
	return t.Seconds >= minSeconds && t.Seconds <= maxSeconds && t.Nanos >= 0 && t.Nanos < 1e9
}

// Compare orders valid Timestamps by time, an absent one first.
func (t Timestamp) Compare(u Timestamp) int {
	switch {
	case t.Set != u.Set && u.Set:
		return -1
	case t.Set != u.Set:
		return 1
	}
	return cmp.Or(cmp.Compare(t.Seconds, u.Seconds), cmp.Compare(t.Nanos, u.Nanos))
}

// Time returns t in UTC.
func (t Timestamp) Time() time.Time { return time.Unix(t.Seconds, int64(t.Nanos)).UTC() }
