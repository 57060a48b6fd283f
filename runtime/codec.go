package runtime

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// codec hands a generated handler the bytes of its request and takes the bytes
// of its reply. Messages of other services (health, reflection) go to the
// protobuf codec. It is the only user of grpc's experimental mem package.
//
// It never fails on a request: grpc would answer INTERNAL. The handler checks
// the bytes and answers INVALID_ARGUMENT.
type codec struct{ proto encoding.CodecV2 }

func newCodec() codec { return codec{proto: encoding.GetCodecV2("proto")} }

// request is the encoded request of one call and the buffer that holds it.
type request struct {
	buffer mem.Buffer // nil: none received yet, or freed
	bytes  []byte     // the request, which may be read until free
}

// free gives the buffer back, once.
func (r *request) free() {
	if r.buffer != nil {
		r.buffer.Free()
		*r = request{}
	}
}

// reply is the encoded reply of one call. It is sent after the handler has
// returned and its request was freed, so it must not alias the request.
type reply []byte

// Name is what clients know it by: they speak ordinary protobuf.
func (codec) Name() string { return "proto" }

// Marshal returns the bytes of a reply, or marshals a protobuf message.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(reply); ok {
		return mem.BufferSlice{mem.SliceBuffer(r)}, nil
	}
	return c.proto.Marshal(v)
}

// Unmarshal keeps the bytes of a request, or unmarshals a protobuf message.
// grpc frees data when it returns, so the request takes a reference. A second
// message on a unary call comes here with the same target.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*request)
	if !ok {
		return c.proto.Unmarshal(data, v)
	}
	r.free()
	r.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	r.bytes = r.buffer.ReadOnlyData()
	return nil
}
