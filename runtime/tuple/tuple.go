// Package tuple encodes tuples of values as bytes that sort in the same order.
package tuple

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/prism-proxy/prism/runtime/wire"
)

// Key is an encoded tuple of values. Keys of the same types sort as their
// tuples do: value by value, and a prefix before what continues it. Each method
// returns the key with one more value and leaves the key itself unchanged.
type Key string

// Text adds text, which is ordered by its bytes and may contain any.
//
// NUL is written as 00 FF and the end as 00 01, so that a text sorts before
// those it is a prefix of, whatever follows it in the tuple.
func (k Key) Text(v []byte) Key {
	text := string(v)
	if bytes.IndexByte(v, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "\x00\xff")
	}
	return k + Key(text) + "\x00\x01"
}

// Int adds an integer.
func (k Key) Int(v int64) Key { return k.Uint(uint64(v) ^ 1<<63) }

// Uint adds an unsigned integer.
func (k Key) Uint(v uint64) Key {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	return k + Key(b[:])
}

// Bool adds a bool: false comes before true.
func (k Key) Bool(v bool) Key {
	if v {
		return k + "\x01"
	}
	return k + "\x00"
}

// Time adds a valid time. An absent one sorts before all others, which begin
// with 7F or 80.
func (k Key) Time(v wire.Timestamp) Key {
	if !v.Set {
		return k + "\x00"
	}
	return k.Int(v.Seconds).Int(int64(v.Nanos))
}

// End returns the least key after all keys that begin with k. k must not
// consist of FF bytes only.
func (k Key) End() Key {
	last := len(k) - 1
	for k[last] == 0xff {
		last--
	}
	return k[:last] + Key([]byte{k[last] + 1})
}
