package workload

import "google.golang.org/grpc/mem"

// Message is one message that stays encoded, so that what is measured is not
// the decoding of the benchmark's own programs.
type Message []byte

// Codec encodes nothing but *Message. It is called proto: what is on the wire
// are protobuf messages.
type Codec struct{}

// Name is what peers know the codec by.
func (Codec) Name() string { return "proto" }

// Marshal returns the bytes of v, which must not change any more.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*Message))}, nil
}

// Unmarshal replaces v by a copy of data, in the memory that v has if that is
// large enough.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	m := v.(*Message)
	if n := data.Len(); cap(*m) < n {
		*m = make(Message, n)
	} else {
		*m = (*m)[:n]
	}
	data.CopyTo(*m)
	return nil
}
