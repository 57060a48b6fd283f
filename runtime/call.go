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
	answer  answer // which holds the call's part of the budget from the beginning
	wanted  int    // bytes that the answer was said to take
	charged int    // of them, bytes that the call holds
	refused error  // the refusal of what was wanted
}

// Context carries the call's deadline, which is never more than 60 s away.
func (c *Call) Context() context.Context { return (*callContext)(c) }

// Grow says that the answer is about to take n bytes more, and reports false if
// they are refused: the call then ends with OVERLOADED, whatever it replies.
func (c *Call) Grow(n int) bool {
	if c.wanted += n; c.wanted <= freeAnswer {
		return true
	}
	if c.refused = c.answer.take(c.wanted - c.charged); c.refused != nil {
		return false
	}
	c.charged = c.wanted
	return true
}

// Grow is the method of the call whose context ctx is or comes from, and
// returns its refusal. Without a call it does nothing.
func Grow(ctx context.Context, n int) error {
	if n <= freeAnswer {
		return nil // CallCost has room for it, and what is not looked up costs nothing
	}
	if c, ok := ctx.Value(callKey{}).(*Call); ok && !c.Grow(n) {
		return c.refused
	}
	return nil
}

// callContext is a call as its context.
type callContext Call

type callKey struct{}

func (c *callContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (c *callContext) Done() <-chan struct{}       { return c.ctx.Done() }
func (c *callContext) Err() error                  { return c.ctx.Err() }

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return (*Call)(c)
	}
	return c.ctx.Value(key)
}

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

// handle is the one place where calls begin and end: the request is admitted
// and waited for, the limits are kept, the deadline is set, a panic is answered,
// the request's buffer is freed after the method has returned, the error gets its
// status, and the recorder will be told.
func (b *bound) handle(_ any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	call := new(Call)
	call.answer.of = b.server.memory
	if err := b.serve(ctx, call); err != nil {
		call.answer.resize(0)
		return nil, b.fail(ctx, err)
	}
	return call.answer.hand(ctx, call.out), nil
}

// serve receives and runs the call, and keeps of what it holds the answer. That
// of a write is small, and has no way back.
func (b *bound) serve(ctx context.Context, call *Call) error {
	held := &call.answer.holding
	defer call.request.free()
	if err := held.take(CallCost); err != nil {
		return err
	}
	if err := b.server.receive(ctx, &call.request, held, MaxRequest); err != nil {
		return err
	}
	ctx, imposed, cancel := deadline(ctx)
	defer cancel()
	call.ctx = ctx
	if err := b.run(call); err != nil {
		return late(err, imposed)
	}
	if call.refused != nil {
		return call.refused
	}
	call.request.free()
	held.resize(CallCost + call.charged)
	if extra := cap(call.out) - max(call.charged, freeAnswer); extra > 0 && !b.Write {
		if err := held.take(extra); err != nil {
			return err
		}
	}
	held.resize(CallCost + cap(call.out))
	return nil
}

// run serves the call within the limits and turns a panic into an error.
func (b *bound) run(call *Call) (err error) {
	defer recovered(&err)
	if err := ContextError(call.ctx); err != nil {
		return err
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
