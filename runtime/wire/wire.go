// Package wire reads the protobuf wire format in place: one pass over the
// bytes, no allocation, no reflection. Generated record checks use it. They
// accept exactly what proto.Unmarshal accepts, except for field numbers above
// 2^29-1 inside unknown groups (refused, as by every other implementation),
// nesting deeper than MaxDepth, and messages that hold more than MaxElements or
// take more than MaxDecoded.
//
// Encoding: https://protobuf.dev/programming-guides/encoding
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf8"
)

// What can be wrong with the encoding of a message.
var (
	ErrMalformed = errors.New("not a valid protobuf encoding")
	ErrUTF8      = errors.New("a string field holds invalid UTF-8")
	ErrTooDeep   = errors.New("messages are nested too deeply")
	ErrTooCostly = errors.New("a message holds too much")
)

// MaxDepth is how deeply messages and groups may be nested; the outermost is at
// depth 1. Clients that stop at 100 can still read such a record inside a
// response.
const MaxDepth = 96

// What a message may hold, so that clients can decode it: 4 MiB of empty
// messages would take 170 MiB decoded.
const (
	// MaxElements is how many fields a message may hold at all depths, counting
	// every element of a list.
	MaxElements = 100_000
	// MaxDecoded is how many bytes a message may take decoded, by estimate: its
	// encoding, and what the compiler charges for each message in it.
	MaxDecoded = 64 << 20
)

// Empty is a value that is present and empty; nil is absent.
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

// Fields reads the fields of one message in the order of the wire. It keeps its
// first error and finds no more fields after it. The value of the current field
// is read by the method for its type; slices alias the message, and their
// capacity is their length, so that an append copies. A field that is not read
// is skipped, but its encoding is checked.
//
// It holds positions and not slices, because storing a pointer costs a write
// barrier.
type Fields struct {
	Tag      Tag
	num      uint64 // the current field, unless it is length-delimited or a group:
	at, stop int    // it is b[at:stop] then
	next     int    // where the next field begins
	end      int    // where the current message ends
	depth    int    // of that message
	elements int    // that may still come
	decoded  int    // bytes that the rest may still take
	ascii    int    // all is ASCII from the last text up to here
	b        []byte // the outermost message
	err      error
}

// Read begins to read the message encoded in b.
func Read(b []byte) *Fields {
	return &Fields{b: b, end: len(b), depth: 1, elements: MaxElements, decoded: MaxDecoded - len(b)}
}

// Err returns the first error, or nil.
func (f *Fields) Err() error { return f.err }

// Join records err unless there is an error already.
func (f *Fields) Join(err error) {
	if f.err == nil {
		f.err = err
	}
}

// Outer is where the message around a nested one continues.
type Outer struct{ next, end int }

// Enter begins to read the current field as a message, length-delimited or a
// group: Next moves through its fields, until Leave. decoded is how many bytes
// it takes when decoded, besides its encoding.
func (f *Fields) Enter(decoded int) Outer {
	outer := Outer{f.next, f.end}
	f.next, f.end = f.at, f.stop
	if f.decoded -= decoded; f.decoded < 0 {
		f.Join(ErrTooCostly)
	}
	if f.depth++; f.depth > MaxDepth {
		f.Join(ErrTooDeep)
	}
	return outer
}

// Leave returns to the outer message, after the nested one.
func (f *Fields) Leave(outer Outer) {
	f.next, f.end = outer.next, outer.end
	f.depth--
}

// Check checks the current field as a message without strings and messages, in
// which only the encoding can be wrong. decoded is as for Enter.
func (f *Fields) Check(decoded int) {
	outer := f.Enter(decoded)
	for f.Next() {
	}
	f.Leave(outer)
}

// Next moves to the next field and reports whether there is one.
func (f *Fields) Next() bool {
	b := f.b[:f.end]
	if f.next >= len(b) || f.err != nil {
		return false
	}
	tag, i := uvarint(b, f.next)
	number := tag >> 3
	if number == 0 || number > maxNumber {
		return f.fail(ErrMalformed)
	}
	f.Tag = Tag(tag)
	switch tag & 7 {
	case Bytes:
		size, at := uvarint(b, i)
		if at == 0 || size > uint64(len(b)-at) {
			return f.fail(ErrMalformed)
		}
		i = at + int(size)
		f.at, f.stop = at, i
	case Varint:
		if f.num, i = uvarint(b, i); i == 0 {
			return f.fail(ErrMalformed)
		}
	case Fixed64:
		if len(b)-i < 8 {
			return f.fail(ErrMalformed)
		}
		f.num = binary.LittleEndian.Uint64(b[i:])
		i += 8
	case Fixed32:
		if len(b)-i < 4 {
			return f.fail(ErrMalformed)
		}
		f.num = uint64(binary.LittleEndian.Uint32(b[i:]))
		i += 4
	case Group:
		stop, next, err := group(b, i, number, f.depth+1)
		if err != nil {
			return f.fail(err)
		}
		f.at, f.stop, i = i, stop, next
	default:
		return f.fail(ErrMalformed)
	}
	f.next = i
	if f.elements--; f.elements < 0 {
		return f.fail(ErrTooCostly)
	}
	return true
}

// fail records the first error.
func (f *Fields) fail(err error) bool {
	f.err = err
	return false
}

// count charges n elements of a packed list.
func (f *Fields) count(n int) {
	if f.elements -= n; f.elements < 0 {
		f.Join(ErrTooCostly)
	}
}

// Text returns the current string field, and records ErrUTF8 if it is not
// valid UTF-8.
func (f *Fields) Text() []byte {
	if f.stop > f.ascii {
		f.checkText()
	}
	return f.b[f.at:f.stop:f.stop]
}

// lookahead is how many bytes after a string are checked together with it.
const lookahead = 256

// checkText records ErrUTF8 if the current string field is not valid UTF-8. It
// finds how far the ASCII from its start reaches, eight bytes at a time; texts
// within that need no check of their own.
func (f *Fields) checkText() {
	i := f.at
	for b := f.b[:min(f.stop+lookahead, len(f.b))]; len(b)-i >= 8; i += 8 {
		if high := binary.LittleEndian.Uint64(b[i:]) & 0x8080808080808080; high != 0 {
			i += bits.TrailingZeros64(high) / 8
			break
		}
	}
	f.ascii = i
	if i < f.stop && !utf8.Valid(f.b[i:f.stop]) {
		f.Join(ErrUTF8)
	}
}

// Bytes returns the current bytes field.
func (f *Fields) Bytes() []byte { return f.b[f.at:f.stop:f.stop] }

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

// Message returns a reader of its own for the current field as a message,
// length-delimited or a group.
func (f *Fields) Message() *Fields {
	m := *f
	m.Enter(0)
	return &m
}

// Number moves to the next number of the current field, a list whose numbers have the
// wire type t: to each of a packed field, to the only one of another.
func (f *Fields) Number(t Tag) bool {
	if f.Tag&7 != Bytes {
		f.Tag = f.Tag&^7 | Bytes // of which nothing is left
		f.at = f.stop
		return true
	}
	if f.at >= f.stop || f.err != nil {
		return false
	}
	b, i := f.b[:f.stop], f.at
	switch {
	case t == Varint:
		if f.num, i = uvarint(b, i); i == 0 {
			return f.fail(ErrMalformed)
		}
	case t == Fixed64 && len(b)-i >= 8:
		f.num = binary.LittleEndian.Uint64(b[i:])
		i += 8
	case t == Fixed32 && len(b)-i >= 4:
		f.num = uint64(binary.LittleEndian.Uint32(b[i:]))
		i += 4
	default:
		return f.fail(ErrMalformed)
	}
	f.at = i
	f.count(1)
	return true
}

// PackedVarints checks that the current field is a whole number of varints.
func (f *Fields) PackedVarints() {
	elements := 0
	for b, i := f.b[:f.stop], f.at; i < len(b); elements++ {
		if _, i = uvarint(b, i); i == 0 {
			f.Join(ErrMalformed)
			return
		}
	}
	f.count(elements)
}

// PackedFixed checks that the current field is a whole number of values of
// size bytes.
func (f *Fields) PackedFixed(size int) {
	if (f.stop-f.at)%size != 0 {
		f.Join(ErrMalformed)
	}
	f.count((f.stop - f.at) / size)
}

// uvarint decodes the varint at b[i:] and returns where it ends, or 0 and 0 if
// there is none. It accepts up to ten bytes, not only the shortest form.
func uvarint(b []byte, i int) (v uint64, next int) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	for shift := 0; shift < 64 && i < len(b); shift += 7 {
		c := b[i]
		i++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				break
			}
			return v, i
		}
	}
	return 0, 0
}

// group finds the end of the group with the given number whose fields begin at
// b[i:]: the fields end at stop, and what follows the group begins at next.
func group(b []byte, i int, number uint64, depth int) (stop, next int, err error) {
	if depth > MaxDepth {
		return 0, 0, ErrTooDeep
	}
	for {
		stop = i
		var tag, size uint64
		if tag, i = uvarint(b, i); i == 0 || tag>>3 == 0 || tag>>3 > maxNumber {
			return 0, 0, ErrMalformed
		}
		switch tag & 7 {
		case Varint:
			if _, i = uvarint(b, i); i == 0 {
				return 0, 0, ErrMalformed
			}
		case Bytes:
			if size, i = uvarint(b, i); i == 0 {
				return 0, 0, ErrMalformed
			}
		case Fixed64:
			size = 8
		case Fixed32:
			size = 4
		case Group:
			if _, i, err = group(b, i, tag>>3, depth+1); err != nil {
				return 0, 0, err
			}
		case 4: // end of a group
			if tag>>3 != number {
				return 0, 0, ErrMalformed
			}
			return stop, i, nil
		default:
			return 0, 0, ErrMalformed
		}
		if size > uint64(len(b)-i) {
			return 0, 0, ErrMalformed
		}
		i += int(size)
	}
}

// Merge returns the encoding of a message that begins with earlier and
// continues with more. It copies only if neither is empty. earlier must come
// from Bytes or Merge.
func Merge(earlier, more []byte) []byte {
	if len(earlier) == 0 {
		return more
	}
	return append(earlier, more...)
}

// Optional is a number or bool of a field with explicit presence.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some returns v as a present value.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }
