package runtime

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
)

// receiveLimit bounds the time from a call's headers to the end of its request.
const receiveLimit = 5 * time.Second

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
		return nil, s.fail(ctx, s.operation(info.FullMethodName), &Error{
			Reason: Draining, What: "the proxy is stopping (a connection to another)", Metadata: outcome("none"),
		})
	}
	if !speaksProto(info.Header.Get("content-type")) {
		return nil, s.fail(ctx, s.operation(info.FullMethodName), &Error{
			Reason: RequestMalformed, What: "the content type is not that of protobuf (application/grpc or application/grpc+proto)",
		})
	}
	if at, ok := ctx.Deadline(); ok && time.Until(at) <= receiveLimit {
		return ctx, nil // the caller's own deadline bounds the wait
	}
	inner, cancel := context.WithCancel(ctx)
	return &arrival{Context: inner, cancel: cancel}, nil
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

// receive waits for the request. grpc itself answers when the wait is given
// up, so the reason goes ahead, as the details of the status. A call without an
// arrival ends by the caller's deadline, which is nearer.
func (b *bound) receive(ctx context.Context, dec func(any) error, into *request) error {
	a, ok := ctx.Value(arrivalKey{}).(*arrival)
	if !ok {
		return dec(into)
	}
	late := time.AfterFunc(receiveLimit, func() {
		err := b.fail(ctx, &Error{
			Reason: RequestIncomplete, What: "the request did not arrive whole (within " + receiveLimit.String() + ")", Metadata: outcome("none"),
		})
		if details, err := proto.Marshal(status.Convert(err).Proto()); err == nil {
			_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-status-details-bin", string(details)))
		}
		a.abandon()
	})
	defer late.Stop()
	return dec(into)
}
