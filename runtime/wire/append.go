package wire

import (
	"encoding/binary"
	"math/bits"
)

// Code generated for each entity appends keys to queries and cursors. If
// AppendVarint and AppendBytes were inlined there, they would be repeated many
// times.

// AppendVarint appends field number as an integer, bool or enum.
//
//go:noinline
func AppendVarint(b []byte, number int32, v uint64) []byte {
	return binary.AppendUvarint(AppendTag(b, number, Varint), v)
}

// AppendNonZero appends field number as AppendVarint does, unless v is zero.
func AppendNonZero(b []byte, number int32, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(AppendTag(b, number, Varint), v)
}

// AppendZigZag appends field number as a sint32 or sint64.
func AppendZigZag(b []byte, number int32, v int64) []byte {
	return AppendVarint(b, number, uint64(v)<<1^uint64(v>>63))
}

// AppendFixed32 appends field number as a fixed32 or sfixed32.
func AppendFixed32(b []byte, number int32, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(AppendTag(b, number, Fixed32), v)
}

// AppendFixed64 appends field number as a fixed64 or sfixed64.
func AppendFixed64(b []byte, number int32, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(AppendTag(b, number, Fixed64), v)
}

// AppendBytes appends field number as a string, bytes or message field.
//
//go:noinline
func AppendBytes(b []byte, number int32, data []byte) []byte {
	return append(AppendSize(b, number, len(data)), data...)
}

// AppendSize appends the start of a length-delimited field, which size bytes
// must follow.
func AppendSize(b []byte, number int32, size int) []byte {
	return binary.AppendUvarint(AppendTag(b, number, Bytes), uint64(size))
}

// AppendTimestamp appends field number as a google.protobuf.Timestamp, unless
// t is absent.
func AppendTimestamp(b []byte, number int32, t Timestamp) []byte {
	if !t.Set {
		return b
	}
	b = AppendSize(b, number, SizeNonZero(1, uint64(t.Seconds))+SizeNonZero(2, uint64(t.Nanos)))
	return AppendNonZero(AppendNonZero(b, 1, uint64(t.Seconds)), 2, uint64(t.Nanos))
}

// AppendTag appends the tag of a field.
func AppendTag(b []byte, number int32, wireType uint64) []byte {
	return binary.AppendUvarint(b, uint64(number)<<3|wireType)
}

// SizeNonZero returns how many bytes AppendNonZero appends.
func SizeNonZero(number int32, v uint64) int {
	if v == 0 {
		return 0
	}
	return uvarintSize(uint64(number)<<3) + uvarintSize(v)
}

// SizeBytes returns how many bytes AppendBytes appends for size bytes of data.
func SizeBytes(number int32, size int) int {
	return uvarintSize(uint64(number)<<3) + uvarintSize(uint64(size)) + size
}

// SizeTimestamp returns how many bytes AppendTimestamp appends.
func SizeTimestamp(number int32, t Timestamp) int {
	if !t.Set {
		return 0
	}
	return SizeBytes(number, SizeNonZero(1, uint64(t.Seconds))+SizeNonZero(2, uint64(t.Nanos)))
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// AppendBool appends field number as a bool.
func AppendBool(b []byte, number int32, v bool) []byte {
	if v {
		return AppendVarint(b, number, 1)
	}
	return AppendVarint(b, number, 0)
}
