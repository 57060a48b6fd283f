package workload

import "google.golang.org/grpc/mem"

// Message is a message that stays encoded, so that the benchmark does not
// measure its own programs' decoding.
type Message []byte

// Codec encodes only *Message. It is called proto, since the messages on the
// wire are protobuf.
type Codec struct{}

// Name is what peers know the codec by.
func (Codec) Name() string { return "proto" }

// Marshal returns the bytes of v, which must not change afterwards.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*Message))}, nil
}

// Unmarshal replaces v by a copy of data, reusing v's memory if it is large
// enough.
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
