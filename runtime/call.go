package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc"
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

// Method is what the compiler knows of one RPC.
type Method struct {
	Name      string // PutUserProfile
	Service   string // shop.v1.UserProfileService
	Namespace string // user-profiles
	Write     bool
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
func (c *Call) Request() []byte { return c.request.bytes() }

// Reply sets the encoded reply, which must not alias the request. An error of
// the handler takes its place.
func (c *Call) Reply(b []byte) { c.out = b }

// binding is what grpc keeps for a service: the server that has it, and it.
type binding struct {
	server  *Server
	service any
}

// Unary returns the handler of method m of services of type S. It is the one
// place where calls begin and end: the deadline is set, a panic is answered,
// the request's buffer is freed after serve returns, the error gets its
// status, and the recorder will be told.
func Unary[S any](m *Method, serve func(S, *Call) error) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		bound := srv.(binding)
		call := new(Call)
		defer call.request.free()
		if err := dec(&call.request); err != nil {
			return nil, bound.server.fail(ctx, m, err)
		}
		ctx, cancel := deadline(ctx)
		defer cancel()
		call.ctx = ctx
		if err := run(call, bound.service.(S), serve); err != nil {
			return nil, bound.server.fail(ctx, m, err)
		}
		return reply(call.out), nil
	}
}

// run serves the call and turns a panic into an error.
func run[S any](call *Call, service S, serve func(S, *Call) error) (err error) {
	defer recovered(&err)
	if err := ContextError(call.ctx); err != nil {
		return err
	}
	if got := len(call.Request()); got > MaxRequest {
		return &Error{
			Reason: RequestTooLarge, What: fmt.Sprintf("the request has %d bytes (at most %d)", got, MaxRequest),
			Metadata: map[string]string{"got": strconv.Itoa(got), "limit": strconv.Itoa(MaxRequest)},
		}
	}
	return serve(service, call)
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
func deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, maxDeadline)
	}
	return context.WithTimeout(ctx, defaultDeadline)
}

// fail logs err where the client is not told all there is, and returns it as
// the status that is sent.
func (s *Server) fail(ctx context.Context, m *Method, err error) error {
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
			slog.String("service", m.Service), slog.String("op", m.Name), slog.String("namespace", m.Namespace),
			slog.String("reason", string(e.Reason)), slog.String("request_id", id), slog.String("cause", e.Cause.Error()))
	}
	return e.status(m, id).Err()
}

// requestID returns 64 random bits in hex: it ties an error to its log line.
func requestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
