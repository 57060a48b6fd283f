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
	// Rate limits how many calls begin in a second; a quarter of it, but at least
	// five, may come at once. 0: no limit.
	Rate int
	// RateOf says where Rate comes from, for the log: 2 × 250 peak writes/s.
	RateOf string
	// Unary serves one call: it takes an encoded request and returns the encoded
	// reply. It is called by many goroutines at once. ctx has a deadline at most
	// 60 s away.
	//
	// Unary must not change the request, nor read it after it has returned, except
	// where it returned because ctx ended. The reply must not alias the request,
	// and is ignored if there is an error.
	Unary func(ctx context.Context, request []byte) (reply []byte, err error)
}

// Call is an RPC being served, and the context that its method gets. Only the
// methods of context.Context may be used outside of the goroutine that serves
// it.
type Call struct {
	context.Context
	request request
	answer  answer // holds the call's share of the budget from the beginning
	wanted  int    // bytes announced for the answer
	charged int    // bytes of wanted that the call holds
	refused error  // why wanted was refused
}

type callKey struct{}

// Value returns the call itself to CallOf.
func (c *Call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// CallOf returns the call that ctx is or comes from, or nil.
func CallOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Grow announces that the answer will take n bytes more. It reports false if
// they are refused: the call then ends with OVERLOADED, whatever it replies.
// For a nil call it reports true.
func (c *Call) Grow(n int) bool {
	if c == nil {
		return true
	}
	if c.wanted += n; c.wanted <= freeAnswer {
		return true
	}
	if err := c.answer.take(c.wanted - c.charged); err != nil {
		c.refused = err
		return false
	}
	c.charged = c.wanted
	return true
}

// leastAnswer is the initial capacity of an answer that grows.
const leastAnswer = 256

// Extend returns b, the answer of c so far, with room for n bytes more. The
// room is charged to c; Extend reports false if it is refused. c may be nil.
func (c *Call) Extend(b []byte, n int) ([]byte, bool) {
	if cap(b)-len(b) >= n {
		return b, true
	}
	size := max(len(b)+n, min(2*cap(b), MaxAnswer), leastAnswer)
	if !c.Grow(size - cap(b)) {
		return b, false
	}
	return append(make([]byte, 0, size), b...), true
}

// bound is a method of a service that a server serves.
type bound struct {
	Method
	server             *Server
	service, namespace string
	rate               *rate.Limiter // nil: no limit
	gate               *gate         // of the namespace
	tooFast, tooMany   minutely
}

// handle is the one place where calls begin and end. It admits and receives the
// request, enforces the limits, sets the deadline, recovers a panic, frees the
// request's buffer after the method has returned (unless its context ended
// before), and turns the error into a status.
func (b *bound) handle(_ any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	call := new(Call)
	call.answer.of = b.server.memory
	reply, err := b.serve(ctx, call)
	if err != nil {
		call.answer.resize(0)
		return nil, b.fail(ctx, err)
	}
	return call.answer.hand(ctx, reply), nil
}

// serve receives and runs the call. Of what the call holds, only the answer is
// kept. A write's answer is never refused: it is small, and the write is done.
func (b *bound) serve(ctx context.Context, call *Call) (reply []byte, err error) {
	held := &call.answer.holding
	defer call.request.free()
	if err := held.take(CallCost); err != nil {
		return nil, err
	}
	if err := b.server.receive(ctx, &call.request, held, MaxRequest); err != nil {
		return nil, err
	}
	ctx, imposed, cancel := deadline(ctx)
	defer cancel()
	call.Context = ctx
	reply, err = b.run(call)
	if call.Err() != nil { // what goes on after the call may still read it: left to the garbage collector
		call.request = request{}
	}
	if call.refused != nil {
		return nil, call.refused
	}
	if err != nil {
		return nil, late(err, imposed)
	}
	call.request.free()
	held.resize(CallCost + call.charged)
	if extra := cap(reply) - max(call.charged, freeAnswer); extra > 0 && !b.Write {
		if err := held.take(extra); err != nil {
			return nil, err
		}
	}
	held.resize(CallCost + cap(reply))
	return reply, nil
}

// run serves the call within the limits and turns a panic into an error.
func (b *bound) run(call *Call) (reply []byte, err error) {
	defer recovered(&err)
	if err := ContextError(call); err != nil {
		return nil, err
	}
	if b.rate != nil && !b.rate.AllowN(b.server.now(), 1) {
		if b.tooFast.first(b.server.now()) {
			b.refusing(call, RateLimited, b.Rate, b.RateOf)
		}
		return nil, rateLimited(b.Rate)
	}
	if !b.gate.enter() {
		if b.tooMany.first(b.server.now()) {
			b.refusing(call, Overloaded, int(b.gate.limit), b.gate.from)
		}
		return nil, overloaded(b.gate.limit)
	}
	defer b.gate.leave()
	return b.Unary(call, call.request.bytes)
}

// refusing logs that a limit refuses calls, and where the limit comes from: the
// declared load may be too low.
func (b *bound) refusing(ctx context.Context, r Reason, limit int, from string) {
	b.server.log.LogAttrs(ctx, slog.LevelWarn, "calls are refused",
		slog.String("service", b.service), slog.String("op", b.Name), slog.String("namespace", b.namespace),
		slog.String("reason", string(r)), slog.Int("limit", limit), slog.String("from", from))
}

func (b *bound) fail(ctx context.Context, err error) error {
	return b.server.fail(ctx, b.operation(), err)
}

func (b *bound) operation() operation {
	return operation{name: b.Name, service: b.service, namespace: b.namespace, write: b.Write}
}

// operation is what errors and logs say about a method.
type operation struct {
	name, service, namespace string
	write                    bool
}

// recovered turns a panic of the function that defers it into its error. The
// value is not logged: it may be personal.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = Unknown(Panic, "the proxy failed; the request is not at fault", fmt.Errorf("panic: %T\n%s", p, debug.Stack()))
	}
}

// deadline gives ctx a deadline if the caller set none, or one too far away.
// imposed is the deadline that we set, or 0 if the caller's is kept.
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

// late adds the deadline that we imposed to the metadata of an error about it.
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

// fail returns the status to send for err, and logs err if the client does not
// get all of it.
func (s *Server) fail(ctx context.Context, op operation, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		if _, ok := status.FromError(err); ok {
			return err
		}
		e = &Error{Reason: Internal, What: "the proxy failed; the request is not at fault", Cause: err, Metadata: outcome("unknown")}
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
