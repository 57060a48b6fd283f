package runtime

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// codec passes the bytes of answers through. Requests bypass it: the runtime
// reads them itself. It is the only user of grpc's experimental mem package.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Name is the codec's name on the wire: clients speak ordinary protobuf.
func (codec) Name() string { return "proto" }

// Marshal returns the bytes of an answer.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, ok := v.(*answer); ok {
		return mem.BufferSlice{a}, nil
	}
	return c.CodecV2.Marshal(v)
}

// answer is the encoded answer of a call. It holds its share of the budget
// until grpc has sent or dropped it.
//
// grpc takes one reference to queue it and a second one when its writer begins
// to send it. If the client resets the stream after grpc checked its state and
// before the answer is queued, the writer no longer knows the stream: it drops
// the answer without giving its reference back.
type answer struct {
	mem.SliceBuffer
	holding
	stream context.Context
	conn   *connection

	references, taken atomic.Int32
	parts             atomic.Uint32 // how often grpc read the bytes to send some

	// The connection's list, guarded by its lock.
	listed         bool
	previous, next *answer
	seen           uint32
	begun, moved   time.Time
}

// hand makes b the answer of a stream and returns it for grpc, which frees it.
func (a *answer) hand(stream context.Context, b []byte) *answer {
	a.SliceBuffer, a.stream, a.conn = b, stream, connectionOf(stream)
	a.references.Store(1)
	a.conn.add(a)
	return a
}

// ReadOnlyData returns the bytes; grpc calls it for each part that it sends.
func (a *answer) ReadOnlyData() []byte {
	a.parts.Add(1)
	return a.SliceBuffer
}

// Ref takes a reference.
func (a *answer) Ref() {
	a.references.Add(1)
	a.taken.Add(1)
}

// Free drops a reference. The wait is over when none is left, or when the
// stream ended before the writer took the answer.
func (a *answer) Free() {
	left := a.references.Add(-1)
	if left > 0 && (a.taken.Load() > 1 || a.stream.Err() == nil) {
		return
	}
	a.conn.mu.Lock()
	a.conn.remove(a)
	a.conn.mu.Unlock()
}
