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
// admitted. connectionWindow is the same for all streams of a connection
// together, whose data is at once read into the streams. They are fixed because
// grpc would widen them by its estimate of the bandwidth, which a client can
// fake.
const (
	streamWindow     = 64 << 10
	connectionWindow = 4 << 20
)

// arrival is the context of a stream that abandon ends as a deadline would.
// This is the only way to end a waiting receive: grpc waits for nothing but the
// stream's context.
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

// Err distinguishes an abandoned stream from a cancelled one, as grpc's answer
// does.
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

// arrive is called by grpc for every stream before the stream is opened.
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

// speaksProto reports whether the values of content-type, which grpc has
// accepted as its own, name protobuf and no other message encoding.
func speaksProto(values []string) bool {
	if len(values) != 1 {
		return false
	}
	encoding, _, _ := strings.Cut(strings.TrimPrefix(values[0], "application/grpc"), ";")
	return encoding == "" || encoding == "+proto"
}

// incoming is what grpc's stream offers for reading a request. The methods are
// exported by an internal type of grpc and not promised: with a version that
// lacks them, every call is answered INTERNAL and every test fails.
//
// They let us admit a request once its length is known, before its client may
// send more than a window of it, and read it straight into one buffer, whatever
// the size of its frames. grpc itself would keep all frames until the last.
type incoming interface {
	// ReadMessageHeader fills into, and lets the client send as many bytes more.
	ReadMessageHeader(into []byte) error
	// RecvCompress is the value of grpc-encoding.
	RecvCompress() string
}

// request is the encoded request of one call and the buffer that holds it.
type request struct {
	pooled *[]byte // nil: none, or not from the pool
	bytes  []byte  // the request; may be read until free
	prefix [5]byte // grpc's frame header
}

// Between smallPooled and largePooled, grpc's pool has only buffers of 1 MiB.
const (
	smallPooled = 32 << 10
	largePooled = 512 << 10
)

// allocate makes bytes n bytes long and charges them to held.
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

// free gives the buffer back, once. Nothing may read it after that.
func (r *request) free() {
	if r.pooled != nil {
		mem.DefaultBufferPool().Put(r.pooled)
	}
	*r = request{}
}

// receive reads the one request of a stream, of at most limit bytes, within
// receiveLimit.
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

// within runs wait, which waits for the client, and ends it after receiveLimit.
// A stream without an arrival has a nearer deadline of its caller's.
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

// read waits for the next message of a stream and unpacks it. It returns
// io.EOF, unwrapped, after the client's last message. What does not unpack is
// malformed: grpc would answer INTERNAL, but the fault is the caller's.
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

// interrupted returns why a wait on a stream ended.
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
