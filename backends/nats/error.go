package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/runtime"
)

// errDisconnected is the error of a call whose connection ended while it waited
// for the answer.
var errDisconnected = errors.New("the connection ended")

// unsent is an error that occurred before anything was sent that the server
// would act on.
type unsent struct{ error }

func (e unsent) Unwrap() error { return e.error }

// Error translates an error of the driver, or an error answered by the server,
// into the client's error. Errors of package runtime pass unchanged.
//
// What JetStream answered is identified by its err_code
// (https://github.com/nats-io/nats-server/blob/main/server/errors.json); it
// then has stored nothing, unless its storage failed during the write. Without
// an answer, the end of the context is checked first, then that of the
// connection: a write that may have been sent may have been applied, and its
// outcome is unknown. What is not recognised is INTERNAL.
//
// The logged cause contains the err_code but never a text of the server, which
// may contain subjects and so keys.
func Error(ctx context.Context, err error) error {
	var known *runtime.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	failed := runtime.Unknown
	var before unsent
	sent := !errors.As(err, &before)
	if !sent {
		failed = runtime.NotApplied
	}
	var answer *jetstream.APIError
	var network net.Error
	switch {
	case errors.As(err, &answer):
		return answered(answer)
	case errors.Is(err, driver.ErrNoResponders): // nobody received the request
		return runtime.NotApplied(runtime.BackendUnavailable, "the store does not serve its streams (a running JetStream)", cause("no responders"))
	case errors.Is(ctx.Err(), context.Canceled):
		return failed(runtime.Cancelled, "the caller cancelled the call", nil)
	case ctx.Err() != nil && !sent:
		return runtime.ContextError(ctx)
	case ctx.Err() != nil:
		return failed(runtime.BackendTimeout, "the store did not answer in time (an answer before the deadline)", cause("timeout"))
	case errors.Is(err, driver.ErrAuthorization), errors.Is(err, driver.ErrAuthExpired), errors.Is(err, driver.ErrAuthRevoked),
		errors.Is(err, driver.ErrAccountAuthExpired), errors.Is(err, driver.ErrPermissionViolation):
		return failed(runtime.BackendAuth, "the store refuses the proxy's credentials (valid ones, with rights to its streams)", cause("authorization"))
	case errors.Is(err, driver.ErrReconnectBufExceeded), errors.Is(err, driver.ErrConnectionReconnecting), errors.Is(err, driver.ErrNoServers):
		return runtime.NotApplied(runtime.BackendUnavailable, "the store cannot be reached (a connection)", cause("not connected"))
	case errors.Is(err, errDisconnected), errors.Is(err, context.Canceled), errors.Is(err, driver.ErrConnectionClosed), errors.Is(err, driver.ErrDisconnected),
		errors.Is(err, driver.ErrStaleConnection), errors.Is(err, io.EOF), errors.As(err, &network):
		return failed(runtime.BackendUnavailable, "the store ended the connection (a running store)", cause(disconnected(err)))
	case errors.Is(err, driver.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return failed(runtime.BackendTimeout, "the store did not answer in time (an answer before the deadline)", cause("timeout"))
	case errors.Is(err, driver.ErrMaxPayload):
		return runtime.NotApplied(runtime.Internal, "the store takes no message of this size (max_payload as it was at the start)", cause("max_payload"))
	}
	if !sent {
		err = before.error
	}
	return failed(runtime.Internal, "the store failed (no fault of the request)", cause(fmt.Sprintf("%T", err)))
}

// JetStream's err_codes that Error distinguishes.
const (
	codeAccountResources    = 10002
	codeClusterNotAvailable = 10008
	codeNotLeader           = 10009
	codeNoResources         = 10023
	codeNoMemory            = 10028
	codeNotEnabledOfAccount = 10039
	codeNoStorage           = 10047
	codeNoStream            = 10059
	codeNoSequence          = 10071 // a subject's last sequence is not the expected one
	codeNotEnabled          = 10076
	codeStoreFailed         = 10077
	codeSealed              = 10109
	codeOffline             = 10118
	codeBusySubject         = 10164 // another write of the subject is in progress
	codeTooMany             = 10167
	codeIncomplete          = 10176 // messages of a batch are missing or came too late
	codeOfflineBecause      = 10194
	codeTooManyBatches      = 10210
)

func answered(e *jetstream.APIError) error {
	why := cause("err_code " + strconv.Itoa(int(e.ErrorCode)))
	switch e.ErrorCode {
	case codeNoSequence, codeBusySubject, codeTooManyBatches, codeIncomplete, codeTooMany:
		return runtime.NotApplied(runtime.BackendContention, "the store gave way to other writes (fewer at a time)", why)
	case codeAccountResources, codeNoResources, codeNoMemory, codeNoStorage, codeSealed:
		return runtime.NotApplied(runtime.BackendReadOnly, "the store takes no writes (space, and a stream that is not sealed)", why)
	case codeStoreFailed:
		return runtime.Unknown(runtime.BackendReadOnly, "the store could not write (space, and a disk that works)", why)
	case codeNoStream:
		return runtime.NotApplied(runtime.BackendUnavailable, "the store has no such stream (the streams that migrate up makes)", why)
	case codeClusterNotAvailable, codeNotLeader, codeNotEnabled, codeNotEnabledOfAccount, codeOffline, codeOfflineBecause:
		return runtime.NotApplied(runtime.BackendUnavailable, "the store does not serve its streams (a running JetStream)", why)
	}
	return runtime.Unknown(runtime.Internal, "the store failed (no fault of the request)", why)
}

func cause(what string) error { return errors.New("nats: " + what) }

// contended reports whether err says that a write was not applied because of
// others, and may be tried again.
func contended(err error) bool {
	var e *runtime.Error
	return errors.As(err, &e) && e.Reason == runtime.BackendContention
}

// disconnected describes an error of the connection without its address.
func disconnected(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return "disconnected"
}
