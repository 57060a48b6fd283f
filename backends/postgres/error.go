package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/prism-proxy/prism/runtime"
)

// Error translates an error of the driver into the client's. Errors of package
// runtime pass unchanged.
//
// If Postgres answered without ending the connection, the outcome is known: the
// statement and its transaction were undone, and the SQLSTATE says why
// (https://www.postgresql.org/docs/15/errcodes-appendix.html). Without an
// answer, the end of the context is checked first, then that of the connection.
// A write that may have been sent may have been applied: its outcome is
// unknown. What is not recognised is INTERNAL.
//
// The logged cause contains the SQLSTATE and the name of a constraint, but
// never a message or detail of Postgres, which quote values.
func Error(ctx context.Context, err error) error {
	var known *runtime.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	failed := runtime.Unknown
	if pgconn.SafeToRetry(err) {
		failed = runtime.NotApplied
	}
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && answer.Code == "57014" && errors.Is(ctx.Err(), context.Canceled): // query_canceled
		return runtime.NotApplied(runtime.Cancelled, "the caller cancelled the call", nil)
	case errors.As(err, &answer):
		return answered(answer, failed)
	case errors.Is(ctx.Err(), context.Canceled):
		return failed(runtime.Cancelled, "the caller cancelled the call", nil)
	case ctx.Err() != nil && pgconn.SafeToRetry(err):
		return runtime.ContextError(ctx)
	case ctx.Err() != nil || pgconn.Timeout(err):
		return failed(runtime.BackendTimeout, "the store did not answer in time", cause("timeout"))
	case disconnected(err):
		return failed(runtime.BackendUnavailable, "the store cannot be reached", cause(network(err)))
	}
	return failed(runtime.Internal, "the store failed; the request is not at fault", cause(typeOf(err)))
}

// failure is runtime.NotApplied or runtime.Unknown.
type failure func(r runtime.Reason, what string, cause error) error

// answered translates what Postgres answered: whole SQLSTATEs first, then
// classes. failed is for answers after which the connection is gone, perhaps
// between the commit and its report: a server that finds its disk full while
// writing the log panics, but has the transaction when it comes back.
func answered(e *pgconn.PgError, failed failure) error {
	why := cause(e.Code)
	if e.ConstraintName != "" {
		why = cause(e.Code + " " + e.ConstraintName)
	}
	undone := runtime.NotApplied
	if e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" {
		undone = failed
	}
	switch e.Code {
	case "23505": // unique_violation
		return runtime.Taken(e.ConstraintName)
	case "23514": // check_violation
		if release, ok := fenceOf(e.ConstraintName); ok {
			return runtime.Fenced(release, why)
		}
	case "42703", "42P01": // undefined_column, undefined_table: contract files drop them
		return runtime.Fenced(0, why)
	case "57014": // query_canceled
		return undone(runtime.BackendTimeout, "the store cancelled the statement at its time limit", why)
	case "40001", "40P01", "55P03": // serialization_failure, deadlock_detected, lock_not_available
		return undone(runtime.BackendContention, "the store gave way to concurrent writes", why)
	case "40003": // statement_completion_unknown
		return runtime.Unknown(runtime.BackendUnavailable, "the store does not know whether it applied the write", why)
	case "53100", "25006": // disk_full, read_only_sql_transaction
		return undone(runtime.BackendReadOnly, "the store accepts no writes (it must be a primary with free space)", why)
	case "42501": // insufficient_privilege
		return undone(runtime.BackendAuth, "the store refuses the proxy's role (it needs rights to the tables)", why)
	case "3D000": // invalid_catalog_name
		return undone(runtime.BackendUnavailable, "the store does not have the database named in the url", why)
	case "XX001", "XX002": // data_corrupted, index_corrupted
		return undone(runtime.ValueCorrupt, "the store found its data damaged", why)
	case "57P03": // cannot_connect_now
		return undone(runtime.BackendUnavailable, "the store is starting or stopping", why)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "28": // invalid_authorization_specification
		return undone(runtime.BackendAuth, "the store refuses the proxy's credentials", why)
	case "53": // insufficient_resources
		return undone(runtime.BackendUnavailable, "the store is out of connections or memory", why)
	case "08", "57": // connection_exception, operator_intervention
		return failed(runtime.BackendUnavailable, "the store closed the connection", why)
	}
	return undone(runtime.Internal, "the store failed; the request is not at fault", why)
}

// fenceOf returns the release whose fence the constraint is: orders_fence_3.
func fenceOf(constraint string) (release int, ok bool) {
	i := strings.LastIndex(constraint, "_fence_")
	if i < 0 {
		return 0, false
	}
	release, err := strconv.Atoi(constraint[i+len("_fence_"):])
	return release, err == nil
}

func cause(what string) error { return errors.New("postgres: " + what) }

// violated returns the constraint in err if another record has the same value
// in a unique index, otherwise "".
func violated(err error) string {
	var e *runtime.Error
	if errors.As(err, &e) && e.Reason == runtime.Unique {
		return e.Metadata["index"]
	}
	return ""
}

// contended reports whether err says that a write was undone and may be tried
// again. A lock timeout does not count: what held the lock may still hold it.
func contended(err error) bool {
	code := sqlstate(err)
	return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
}

// unprepared reports whether err says that a statement was not run because the
// server no longer knows it: a person or a pooler sent DEALLOCATE ALL.
func unprepared(err error) bool { return sqlstate(err) == "26000" } // invalid_sql_statement_name

// sqlstate returns the SQLSTATE that Postgres answered, "" if there was no
// answer.
func sqlstate(err error) string {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.Code
}

// disconnected reports whether err is an error of the connection.
func disconnected(err error) bool {
	var connecting *pgconn.ConnectError
	var network net.Error
	var errno syscall.Errno
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.As(err, &errno) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// network describes an error of the connection without its address.
func network(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dns):
		return "the server's name cannot be resolved"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	case refusedTLS(err):
		return "the server does not speak TLS"
	}
	return typeOf(err)
}

// typeOf names the type of err, whether anything was sent or not.
func typeOf(err error) string {
	if before, ok := err.(unsent); ok {
		err = before.error
	}
	return fmt.Sprintf("%T", err)
}

// unsent is an error that occurred before anything was sent to the server.
type unsent struct{ error }

func (e unsent) Unwrap() error { return e.error }

// SafeToRetry is what pgconn.SafeToRetry asks for.
func (unsent) SafeToRetry() bool { return true }
