package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/tap"
)

// receiveLimit bounds the time from a call's headers to the end of its request.
const receiveLimit = 5 * time.Second

// streamWindow is how much of a request a client may send before the request is
// admitted, and connectionWindow what all of a connection may send ahead, which
// is at once read into their streams. Fixed ones keep grpc from widening them by
// its estimate of the line, which a client can feign.
const (
	streamWindow     = 64 << 10
	connectionWindow = 4 << 20
)

// arrival is the context of a stream, which ends as by a deadline when abandon
// is called. It is how a receive that waits can be ended: grpc waits for the
// stream's context alone.
type arrival struct {
	context.Context
	cancel    context.CancelFunc
	abandoned atomic.Bool
}

type arrivalKey struct{}

func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// Err tells an abandoned stream from a cancelled one, as grpc's answer does.
func (a *arrival) Err() error {
	err := a.Context.Err()
	if err != nil && a.abandoned.Load() {
		return context.DeadlineExceeded
	}
	return err
}

func (a *arrival) abandon() {
	a.abandoned.Store(true)
	a.cancel()
}

// arrive is asked by grpc about every stream before it is opened.
func (s *Server) arrive(ctx context.Context, info *tap.Info) (context.Context, error) {
	if s.draining.Load() {
		return nil, s.fail(ctx, s.operation(info.FullMethodName), stopping())
	}
	if !speaksProto(info.Header.Get("content-type")) {
		return nil, s.fail(ctx, s.operation(info.FullMethodName), &Error{
			Reason: RequestMalformed, What: "the content type is not protobuf (application/grpc or application/grpc+proto)",
		})
	}
	if at, ok := ctx.Deadline(); ok && time.Until(at) <= receiveLimit {
		return ctx, nil // the caller's own deadline bounds the wait
	}
	inner, cancel := context.WithCancel(ctx)
	return &arrival{Context: inner, cancel: cancel}, nil
}

func stopping() error {
	return &Error{Reason: Draining, What: "the proxy is stopping", Metadata: outcome("none")}
}

// speaksProto reports whether the values of content-type, of which grpc has seen
// that they are its own, name protobuf and no other encoding of messages.
func speaksProto(values []string) bool {
	if len(values) != 1 {
		return false
	}
	encoding, _, _ := strings.Cut(strings.TrimPrefix(values[0], "application/grpc"), ";")
	return encoding == "" || encoding == "+proto"
}

// incoming is what grpc's stream has for reading a request. The methods are
// exported ones of a type that grpc keeps to itself, and not promised: a version
// without them answers every call INTERNAL, and every test fails.
//
// Read through them, a request is admitted when its length is known, before its
// client may send more than a window of it, and comes straight into one buffer,
// in frames of whatever size. grpc's own way keeps all frames until the last.
type incoming interface {
	// ReadMessageHeader fills into, and lets the client send that much.
	ReadMessageHeader(into []byte) error
	// RecvCompress is the value of grpc-encoding.
	RecvCompress() string
}

// request is the encoded request of one call and the buffer that holds it.
type request struct {
	pooled *[]byte // nil: none, or one that is not of the pool
	bytes  []byte  // the request, which may be read until free
	prefix [5]byte // of grpc's framing
}

// Between smallPooled and largePooled grpc's pool has buffers of 1 MiB alone.
const (
	smallPooled = 32 << 10
	largePooled = 512 << 10
)

// allocate makes bytes of length n, and charges them to held.
func (r *request) allocate(n int, held *holding) error {
	if err := held.take(n); err != nil || n == 0 {
		return err
	}
	if smallPooled < n && n < largePooled {
		r.bytes = make([]byte, n)
		return nil
	}
	r.pooled = mem.DefaultBufferPool().Get(n)
	r.bytes = (*r.pooled)[:n]
	held.resize(int(held.bytes) + cap(r.bytes) - n)
	return nil
}

// free gives the buffer back, once. Nobody reads it any more.
func (r *request) free() {
	if r.pooled != nil {
		mem.DefaultBufferPool().Put(r.pooled)
	}
	*r = request{}
}

// receive waits for the one request of a stream, of at most limit bytes, and no
// longer than receiveLimit.
func (s *Server) receive(ctx context.Context, r *request, held *holding, limit int) error {
	return within(ctx, func() error {
		switch err := s.read(ctx, r, held, limit); {
		case err == io.EOF:
			return malformed("no message came")
		case err != nil:
			return err
		}
		stream, err := incomingOf(ctx)
		if err != nil {
			return err
		}
		switch err := stream.ReadMessageHeader(r.prefix[:]); err {
		case io.EOF:
			return nil
		case nil, io.ErrUnexpectedEOF:
			return malformed("more than one message came")
		default:
			return interrupted(ctx)
		}
	})
}

// within ends a wait for what a client has to send after receiveLimit. A stream
// without an arrival ends by the caller's deadline, which is nearer.
func within(ctx context.Context, wait func() error) error {
	a, ok := ctx.Value(arrivalKey{}).(*arrival)
	if !ok {
		return wait()
	}
	late := time.AfterFunc(receiveLimit, a.abandon)
	err := wait()
	if !late.Stop() {
		return &Error{
			Reason: RequestIncomplete, What: "the request did not arrive completely (within " + receiveLimit.String() + ")", Metadata: outcome("none"),
		}
	}
	return err
}

// read waits for the next message of a stream and unpacks it. It returns io.EOF
// itself when the client has sent the last one. What does not unpack is
// malformed; grpc would make it INTERNAL, and the fault is the caller's.
func (s *Server) read(ctx context.Context, r *request, held *holding, limit int) error {
	stream, err := incomingOf(ctx)
	if err != nil {
		return err
	}
	switch err := stream.ReadMessageHeader(r.prefix[:]); err {
	case nil:
	case io.EOF:
		return err
	case io.ErrUnexpectedEOF:
		return malformed("the message is cut off")
	default:
		return interrupted(ctx)
	}
	n, packed := binary.BigEndian.Uint32(r.prefix[1:]), r.prefix[0] == 1
	switch {
	case r.prefix[0] > 1:
		return malformed("the message's framing is not grpc's")
	case packed && stream.RecvCompress() != gzipEncoding:
		return malformed("the message is packed, and grpc-encoding does not say how")
	case int64(n) > int64(limit):
		return tooLarge(int64(n), limit)
	}
	if err := r.allocate(int(n), held); err != nil {
		return err
	}
	switch err := stream.ReadMessageHeader(r.bytes); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return malformed("the message is cut off")
	default:
		return interrupted(ctx)
	}
	if packed {
		return s.gunzip.unpack(ctx, r, held, limit)
	}
	return nil
}

func incomingOf(ctx context.Context) (incoming, error) {
	if stream, ok := grpc.ServerTransportStreamFromContext(ctx).(incoming); ok {
		return stream, nil
	}
	return nil, errors.New("this version of google.golang.org/grpc does not let requests be read; use the one that Prism's go.mod names")
}

// interrupted is why a wait on a stream ended.
func interrupted(ctx context.Context) error {
	if err := ContextError(ctx); err != nil {
		return err
	}
	return &Error{Reason: Cancelled, What: "the stream ended", Metadata: outcome("none")}
}

func malformed(what string) error {
	return &Error{Reason: RequestMalformed, What: what + " (one complete message, as gRPC frames it)"}
}

func tooLarge(got int64, limit int) error {
	return &Error{
		Reason: RequestTooLarge, What: fmt.Sprintf("the request has %d bytes or more (at most %d)", got, limit),
		Metadata: map[string]string{"got": strconv.FormatInt(got, 10), "limit": strconv.Itoa(limit)},
	}
}
