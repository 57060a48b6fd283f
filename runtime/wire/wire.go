// Package wire reads the protobuf wire format in place: one pass over the
// bytes, no allocation, no reflection. Generated record checks are written with
// it, and accept exactly what proto.Unmarshal accepts, but for field numbers
// above 2^29-1 inside unknown groups (refused, as by every other
// implementation), nesting deeper than MaxDepth, and messages that hold more
// than MaxElements or take more than MaxDecoded.
//
// Encoding: https://protobuf.dev/programming-guides/encoding
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// What can be wrong with bytes that should be a message.
var (
	ErrMalformed = errors.New("not a valid protobuf encoding")
	ErrUTF8      = errors.New("a string field holds invalid UTF-8")
	ErrTooDeep   = errors.New("messages are nested too deeply")
	ErrTooCostly = errors.New("a message holds too much")
)

// MaxDepth is how deep messages and groups may be nested, the outermost being
// 1. Clients that stop at 100 can still read such a record inside a response.
const MaxDepth = 96

// What a message may hold, so that whoever decodes it can: 4 MiB of empty
// messages would take 170 MiB decoded.
const (
	// MaxElements is how many fields a message may hold at all depths, every
	// element of a list counted.
	MaxElements = 100_000
	// MaxDecoded is how many bytes a message may take decoded, by estimate: its
	// encoding, and what the compiler charges for each message in it.
	MaxDecoded = 64 << 20
)

// Empty is a value that is present and empty. Nil is absent.
var Empty = []byte{}

// Tag is a field's number and wire type, as the wire has them: number<<3|type.
type Tag uint64

// The wire types.
const (
	Varint  = 0
	Fixed64 = 1
	Bytes   = 2
	Group   = 3
	Fixed32 = 5
)

const maxNumber = 1<<29 - 1

// Fields reads the fields of one message in the order of the wire. It keeps
// its first error, and then finds no more fields. The values of the current
// field are read by the method of its type; slices alias the message and are
// cut to their capacity, so that an append copies. A field that is not read is
// skipped, but its encoding was checked.
type Fields struct {
	Tag    Tag
	left   []byte
	data   []byte // of a length-delimited field or a group
	num    uint64 // of any other
	depth  int
	result Result
}

// Result is how the reading of a message ended, and what is left of its limits.
// It goes up from message to message by value: a pointer to one budget would
// put that on the heap.
type Result struct {
	elements, decoded int // that the message may still hold, and take
	err               error
}

// Read begins to read the message encoded in b.
func Read(b []byte) Fields {
	return Fields{left: b, depth: 1, result: Result{elements: MaxElements, decoded: MaxDecoded - len(b)}}
}

// Err returns the first error, or nil.
func (f *Fields) Err() error { return f.result.err }

// Result returns how the reading ended, for the message around this one.
func (f *Fields) Result() Result { return f.result }

// Join keeps err if there was none before: that of a nested message.
func (f *Fields) Join(err error) {
	if f.result.err == nil {
		f.result.err = err
	}
}

// Leave returns from a nested message: what that left of the limits is left,
// and its error is kept if there was none before.
func (f *Fields) Leave(nested Result) {
	err := f.result.err
	f.result = nested
	if err != nil {
		f.result.err = err
	}
}

// Next moves to the next field and reports whether there is one.
func (f *Fields) Next() bool {
	if len(f.left) == 0 || f.result.err != nil {
		return false
	}
	tag, n := uvarint(f.left)
	if number := tag >> 3; n == 0 || number == 0 || number > maxNumber {
		f.result.err = ErrMalformed
		return false
	}
	f.Tag = Tag(tag)
	b := f.left[n:]
	switch tag & 7 {
	case Varint:
		f.num, n = uvarint(b)
	case Bytes:
		f.data, n = delimited(b)
	case Fixed64:
		if n = 0; len(b) >= 8 {
			f.num, n = binary.LittleEndian.Uint64(b), 8
		}
	case Fixed32:
		if n = 0; len(b) >= 4 {
			f.num, n = uint64(binary.LittleEndian.Uint32(b)), 4
		}
	case Group:
		if f.data, n, f.result.err = group(b, tag>>3, f.depth+1); f.result.err != nil {
			return false
		}
	default:
		n = 0
	}
	if n == 0 {
		f.result.err = ErrMalformed
		return false
	}
	f.left = b[n:]
	if f.result.elements--; f.result.elements < 0 {
		f.result.err = ErrTooCostly
		return false
	}
	return true
}

// Charge records ErrTooCostly if the message may not take so many bytes more
// when it is decoded.
func (f *Fields) Charge(bytes int) {
	if f.result.decoded -= bytes; f.result.decoded < 0 {
		f.Join(ErrTooCostly)
	}
}

// count charges n elements of a packed list.
func (f *Fields) count(n int) {
	if f.result.elements -= n; f.result.elements < 0 {
		f.Join(ErrTooCostly)
	}
}

// Text returns the current string field, and records ErrUTF8 if it is not
// valid UTF-8.
func (f *Fields) Text() []byte {
	if !utf8.Valid(f.data) {
		f.Join(ErrUTF8)
	}
	return f.data
}

// Bytes returns the current bytes field.
func (f *Fields) Bytes() []byte { return f.data }

// Uint64 returns the current uint64 or fixed64 field.
func (f *Fields) Uint64() uint64 { return f.num }

// Uint32 returns the current uint32 or fixed32 field; a longer varint is
// truncated.
func (f *Fields) Uint32() uint32 { return uint32(f.num) }

// Int64 returns the current int64 or sfixed64 field.
func (f *Fields) Int64() int64 { return int64(f.num) }

// Int32 returns the current int32, sfixed32 or enum field; a longer varint is
// truncated.
func (f *Fields) Int32() int32 { return int32(f.num) }

// Sint64 returns the current sint64 field.
func (f *Fields) Sint64() int64 { return int64(f.num>>1) ^ -int64(f.num&1) }

// Sint32 returns the current sint32 field; a longer varint is truncated first.
func (f *Fields) Sint32() int32 {
	n := uint32(f.num)
	return int32(n>>1) ^ -int32(n&1)
}

// Float64 returns the current double field.
func (f *Fields) Float64() float64 { return math.Float64frombits(f.num) }

// Float32 returns the current float field.
func (f *Fields) Float32() float32 { return math.Float32frombits(uint32(f.num)) }

// Bool returns the current bool field: any number but zero is true.
func (f *Fields) Bool() bool { return f.num != 0 }

// Message begins to read the current field as a message, length-delimited or a
// group.
func (f *Fields) Message() Fields {
	m := Fields{left: f.data, depth: f.depth + 1, result: f.result}
	if m.depth > MaxDepth {
		m.result.err = ErrTooDeep
	}
	return m
}

// PackedVarints checks that the current field is a whole number of varints.
func (f *Fields) PackedVarints() {
	elements := 0
	for b := f.data; len(b) > 0; elements++ {
		_, n := uvarint(b)
		if n == 0 {
			f.Join(ErrMalformed)
			return
		}
		b = b[n:]
	}
	f.count(elements)
}

// PackedFixed checks that the current field is a whole number of values of
// size bytes.
func (f *Fields) PackedFixed(size int) {
	if len(f.data)%size != 0 {
		f.Join(ErrMalformed)
	}
	f.count(len(f.data) / size)
}

// Check reads a message in which nothing but the encoding can be wrong: no
// string and no message stands in it.
func Check(f Fields) Result {
	for f.Next() {
	}
	return f.result
}

// uvarint decodes the varint at the start of b; n is 0 when there is none. It
// takes at most ten bytes, which need not be the shortest form.
func uvarint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	v, n = binary.Uvarint(b)
	return v, max(n, 0)
}

// delimited returns the length-delimited value at the start of b and the bytes
// it takes with its length, 0 when there is none.
func delimited(b []byte) (data []byte, n int) {
	size, n := uvarint(b)
	if n == 0 || size > uint64(len(b)-n) {
		return nil, 0
	}
	end := n + int(size)
	return b[n:end:end], end
}

// group returns the fields of the group with the given number, b beginning
// behind its start, and the bytes that they take with the end of the group.
func group(b []byte, number uint64, depth int) (data []byte, n int, err error) {
	if depth > MaxDepth {
		return nil, 0, ErrTooDeep
	}
	left := b
	for {
		end := len(b) - len(left)
		tag, n := uvarint(left)
		if inner := tag >> 3; n == 0 || inner == 0 || inner > maxNumber {
			return nil, 0, ErrMalformed
		}
		left = left[n:]
		switch tag & 7 {
		case Varint:
			_, n = uvarint(left)
		case Bytes:
			_, n = delimited(left)
		case Fixed64:
			n = 8
		case Fixed32:
			n = 4
		case Group:
			if _, n, err = group(left, tag>>3, depth+1); err != nil {
				return nil, 0, err
			}
		case 4: // end of a group
			if tag>>3 != number {
				return nil, 0, ErrMalformed
			}
			return b[:end:end], len(b) - len(left), nil
		default:
			n = 0
		}
		if n == 0 || n > len(left) {
			return nil, 0, ErrMalformed
		}
		left = left[n:]
	}
}

// Merge returns the encoding of a message of which earlier is the beginning.
// It copies only when there is something to join.
func Merge(earlier, more []byte) []byte {
	if len(earlier) == 0 {
		return more
	}
	return append(earlier[:len(earlier):len(earlier)], more...)
}

// Optional is a number or bool of a field with explicit presence.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some returns v as a present value.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }
