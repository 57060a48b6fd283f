package backendtest

import (
	"bytes"
	"context"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func poisoned() bool { return os.Getenv("PRISM_POISON") == "1" }

// pad adds an unknown field so that requests exceed 1 KiB and grpc takes their
// buffers from the pool. It leaves large ones alone.
func pad(ctx context.Context, method string, in, out any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if m, ok := in.(proto.Message); ok && poisoned() && proto.Size(m) < 1<<10 {
		padded := proto.Clone(m)
		unknown := protowire.AppendTag(padded.ProtoReflect().GetUnknown(), protowire.MaxValidNumber, protowire.BytesType)
		padded.ProtoReflect().SetUnknown(protowire.AppendBytes(unknown, make([]byte, 1100)))
		in = padded
	}
	return call(ctx, method, in, out, cc, opts...)
}

// poisoner is a buffer pool that never reuses a buffer.
type poisoner struct{}

const poison = 0xdb

// Get returns a fresh buffer.
func (poisoner) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put overwrites the buffer.
func (poisoner) Put(b *[]byte) {
	whole := (*b)[:cap(*b)]
	if len(whole) > 0 && bytes.Count(whole, []byte{poison}) == len(whole) {
		panic("backendtest: a buffer was given back twice")
	}
	for i := range whole {
		whole[i] = poison
	}
}
