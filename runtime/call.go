package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limits that hold for every call, whatever the schema.
const (
	MaxRequest = 4 << 20       // bytes of a request
	MaxRecord  = 3 << 20       // bytes of a record
	MaxAnswer  = 3<<20 + 1<<19 // bytes of an answer: below the 4 MiB that clients accept
	MaxBatch   = 1000          // items of a batch

	// maxReceive is where grpc itself stops reading a request, and answers
	// RESOURCE_EXHAUSTED without a reason. What lies between is read, refused
	// and told why.
	maxReceive = MaxRequest + 1<<20

	defaultDeadline = 5 * time.Second
	maxDeadline     = 60 * time.Second
)

// Method is what the compiler decided about one RPC.
type Method struct {
	Name  string // PutUserProfile
	Write bool
	// Rate is how many calls are begun in a second, at most; a quarter of it, or
	// five, may come at once. 0: no limit.
	Rate int
	// Serve serves one call. It is called by many goroutines at once.
	Serve func(*Call) error
}

// Call is one RPC being served. It is used by the goroutine that serves it.
type Call struct {
	ctx     context.Context
	request request
	out     []byte
}

// Context carries the call's deadline, which is never more than 60 s away.
func (c *Call) Context() context.Context { return c.ctx }

// Request returns the encoded request. The bytes are only read, and not after
// the handler has returned.
func (c *Call) Request() []byte { return c.request.bytes }

// Reply sets the encoded reply, which must not alias the request, and returns
// err, which takes its place.
func (c *Call) Reply(b []byte, err error) error {
	c.out = b
	return err
}

// bound is a method of a service that a server serves.
type bound struct {
	Method
	server             *Server
	service, namespace string
	rate               *rate.Limiter // nil: no limit
	gate               *gate         // of the namespace
}

// handle is the one place where calls begin and end: the request is waited for,
// the limits are kept, the deadline is set, a panic is answered, the request's
// buffer is freed after the method has returned, the error gets its status, and
// the recorder will be told.
func (b *bound) handle(_ any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	call := new(Call)
	defer call.request.free()
	if err := b.receive(ctx, dec, &call.request); err != nil {
		return nil, b.fail(ctx, err)
	}
	ctx, imposed, cancel := deadline(ctx)
	defer cancel()
	call.ctx = ctx
	if err := b.run(call); err != nil {
		return nil, b.fail(ctx, late(err, imposed))
	}
	return reply(call.out), nil
}

// run serves the call within the limits and turns a panic into an error.
func (b *bound) run(call *Call) (err error) {
	defer recovered(&err)
	if err := ContextError(call.ctx); err != nil {
		return err
	}
	if got := len(call.Request()); got > MaxRequest {
		return &Error{
			Reason: RequestTooLarge, What: fmt.Sprintf("the request has %d bytes or more (at most %d)", got, MaxRequest),
			Metadata: map[string]string{"got": strconv.Itoa(got), "limit": strconv.Itoa(MaxRequest)},
		}
	}
	if b.rate != nil && !b.rate.Allow() {
		return rateLimited(b.Rate)
	}
	if !b.gate.enter() {
		return overloaded(b.gate.limit)
	}
	defer b.gate.leave()
	return b.Serve(call)
}

func (b *bound) fail(ctx context.Context, err error) error {
	return b.server.fail(ctx, b.operation(), err)
}

func (b *bound) operation() operation {
	return operation{name: b.Name, service: b.service, namespace: b.namespace, write: b.Write}
}

// operation is what errors and logs say of a method.
type operation struct {
	name, service, namespace string
	write                    bool
}

// recovered turns a panic of the function that defers it into its error. The
// value is not logged: it may be personal.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = Unknown(Panic, "the proxy failed (no fault of the request)", fmt.Errorf("panic: %T\n%s", p, debug.Stack()))
	}
}

// deadline gives ctx the deadline of a call that has none, and brings one that
// is too far away nearer.
// imposed is what it set, 0 where the caller's own holds.
func deadline(ctx context.Context) (_ context.Context, imposed time.Duration, cancel context.CancelFunc) {
	at, ok := ctx.Deadline()
	switch {
	case !ok:
		imposed = defaultDeadline
	case time.Until(at) > maxDeadline:
		imposed = maxDeadline
	default:
		return ctx, 0, func() {}
	}
	ctx, cancel = context.WithTimeout(ctx, imposed)
	return ctx, imposed, cancel
}

// late notes in an error of a deadline that the caller did not set how long it
// was.
func late(err error, imposed time.Duration) error {
	var e *Error
	if imposed == 0 || !errors.As(err, &e) || e.Reason.Code() != codes.DeadlineExceeded {
		return err
	}
	noted := *e
	noted.Metadata = maps.Clone(e.Metadata)
	if noted.Metadata == nil {
		noted.Metadata = map[string]string{}
	}
	noted.Metadata["limit"] = imposed.String()
	return &noted
}

// fail logs err where the client is not told all there is, and returns it as
// the status that is sent.
func (s *Server) fail(ctx context.Context, op operation, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		if _, ok := status.FromError(err); ok {
			return err
		}
		e = &Error{Reason: Internal, What: "the proxy failed (no fault of the request)", Cause: err, Metadata: outcome("unknown")}
	}
	id := requestID()
	if e.Cause != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "call failed",
			slog.String("service", op.service), slog.String("op", op.name), slog.String("namespace", op.namespace),
			slog.String("reason", string(e.Reason)), slog.String("request_id", id), slog.String("cause", e.Cause.Error()))
	}
	return statusOf(e, op, id).Err()
}

// requestID returns 64 random bits in hex: it ties an error to its log line.
func requestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
