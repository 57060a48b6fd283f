package runtime

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// codec takes the bytes of answers. Requests do not pass through it: the runtime
// reads them itself. It is the only user of grpc's experimental mem package.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Name is what clients know it by: they speak ordinary protobuf.
func (codec) Name() string { return "proto" }

// Marshal returns the bytes of an answer.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, ok := v.(*answer); ok {
		return mem.BufferSlice{a}, nil
	}
	return c.CodecV2.Marshal(v)
}

// answer is the encoded answer of a call from when it is handed to grpc until
// grpc has sent or dropped it. It holds its part of the budget meanwhile.
//
// grpc takes one reference to queue it and a second one when its writer begins
// to send it. A stream that the client resets between grpc's look at its state
// and the queue is a case of its own: the writer does not know it any more and
// drops the answer with its reference.
type answer struct {
	mem.SliceBuffer
	holding
	stream context.Context
	conn   *connection

	references, taken atomic.Int32
	parts             atomic.Uint32 // how often grpc looked at the bytes to send some

	// Of the connection's list, under its lock.
	listed         bool
	previous, next *answer
	seen           uint32
	begun, moved   time.Time
}

// hand makes a the answer b of a stream, to be returned to grpc, which frees it.
func (a *answer) hand(stream context.Context, b []byte) *answer {
	a.SliceBuffer, a.stream, a.conn = b, stream, connectionOf(stream)
	a.references.Store(1)
	a.conn.add(a)
	return a
}

// ReadOnlyData returns the bytes.
func (a *answer) ReadOnlyData() []byte {
	a.parts.Add(1)
	return a.SliceBuffer
}

// Ref takes a reference.
func (a *answer) Ref() {
	a.references.Add(1)
	a.taken.Add(1)
}

// Free gives a reference back. With the last one, and where the stream ended
// before the writer had the answer, the wait is over.
func (a *answer) Free() {
	left := a.references.Add(-1)
	if left > 0 && (a.taken.Load() > 1 || a.stream.Err() == nil) {
		return
	}
	a.conn.mu.Lock()
	a.conn.remove(a)
	a.conn.mu.Unlock()
}
