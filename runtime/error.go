package runtime

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/prism-proxy/prism/runtime/wire"
)

// Error is a failure as the client sees it. It never holds a value of a field.
type Error struct {
	Reason Reason
	What   string // what is wrong and, where it helps, in parentheses what is expected
	Field  string // the path of the field at fault, or ""
	// Metadata holds the keys that the reason's row names, besides field.
	Metadata map[string]string
	// Cause is logged and not sent. Nil: the client is told all there is.
	Cause error

	retryAfter time.Duration // 0: retryDelay
	others     []*Error      // more violations by the same record
}

// Error returns the reason, what is wrong and the cause: a text for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Reason, e.What, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Reason, e.What)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Violations returns what is wrong with a record: the error, and those of its other
// fields.
func (e *Error) Violations() []*Error { return append([]*Error{e}, e.others...) }

// Required says that the field at path must be set.
func Required(path string) error {
	return field(FieldRequired, path, " is required and not set")
}

// TooLong says that the field at path has got bytes, which is more than limit.
func TooLong(path string, got, limit int) error {
	return fieldLength(FieldTooLong, path, got, limit, "at most")
}

// TooShort says that the field at path has got bytes, which is fewer than
// limit.
func TooShort(path string, got, limit int) error {
	return fieldLength(FieldTooShort, path, got, limit, "at least")
}

func fieldLength(r Reason, path string, got, limit int, bound string) error {
	return &Error{
		Reason: r, Field: path,
		What:     fmt.Sprintf("%s has %d bytes (%s %d)", path, got, bound, limit),
		Metadata: map[string]string{"got": strconv.Itoa(got), "limit": strconv.Itoa(limit)},
	}
}

// TooFew says that the list or the map in the field at path has fewer items than
// limit.
func TooFew(path string, limit int) error {
	return fieldItems(FieldTooShort, path, fmt.Sprintf(" has too few items (at least %d)", limit), limit)
}

// TooMany says that the list or the map in the field at path has more items than
// limit.
func TooMany(path string, limit int) error {
	return fieldItems(FieldTooLong, path, fmt.Sprintf(" has too many items (at most %d)", limit), limit)
}

func fieldItems(r Reason, path, what string, limit int) error {
	return &Error{Reason: r, Field: path, What: path + what, Metadata: map[string]string{"limit": strconv.Itoa(limit)}}
}

// OutOfRange says that the number in the field at path is not among those that
// expected describes.
//
//go:noinline
func OutOfRange(path, expected string) error {
	return &Error{
		Reason: FieldRange, Field: path,
		What:     fmt.Sprintf("%s is out of range (%s)", path, expected),
		Metadata: map[string]string{"limit": expected},
	}
}

// HasNUL says that the text in the field at path contains the character NUL.
func HasNUL(path string) error {
	return field(FieldCharset, path, " contains the character NUL (not allowed in keys and indexed text)")
}

// NotUTF8 says that the text in the field at path is not UTF-8. The field's
// declaration allows that; ordering texts does not.
func NotUTF8(path string) error {
	return field(FieldCharset, path, " is not UTF-8 (required in keys and indexed text)")
}

// BadTime says that the Timestamp in the field at path is not valid.
func BadTime(path string) error {
	return field(TimeRange, path, " is not a valid time (years 1 to 9999, nanos 0 to 999999999)")
}

// field says what is wrong with the field at path. It is not inlined: each
// entity calls it in many places, and seldom.
//
//go:noinline
func field(r Reason, path, what string) error {
	return &Error{Reason: r, Field: path, What: path + what}
}

// Absent says that there is no record with the key or the unique value asked
// for.
func Absent() error {
	return &Error{Reason: NotFound, What: "no record has this key or value"}
}

// Mismatch says that the record's version is current and not the expected one.
func Mismatch(current int64) error {
	return &Error{
		Reason: VersionMismatch, What: fmt.Sprintf("the record is at version %d (another was expected)", current),
		Metadata: currentVersion(current),
	}
}

// AlreadyExists says that the record to be created exists, at version current.
func AlreadyExists(current int64) error {
	return &Error{
		Reason: Exists, What: fmt.Sprintf("the record exists, at version %d (expected_version 0 means no record)", current),
		Metadata: currentVersion(current),
	}
}

func currentVersion(v int64) map[string]string {
	return map[string]string{"current_version": strconv.FormatInt(v, 10)}
}

// Fenced says that a later release has closed the table to writers of this one.
// release is 0 where it is not known.
func Fenced(release int, cause error) error {
	e := &Error{Reason: ReleaseFenced, What: "a later release has closed the table to this proxy", Metadata: outcome("none"), Cause: cause}
	if release > 0 {
		e.Metadata["release"] = strconv.Itoa(release)
	}
	return e
}

// Building says that the index is not there yet: a migration builds it.
func Building(index string) error {
	return &Error{Reason: IndexBuilding, What: "index " + index + " is being built", Metadata: map[string]string{"index": index}}
}

// Taken says that another record has the same value in the unique index.
func Taken(index string) error {
	return &Error{
		Reason: Unique, What: "another record has the same value in unique index " + index,
		Metadata: map[string]string{"index": index},
	}
}

// Decode says what is wrong with a request's encoding: err is an error of
// package wire, or already one of this package.
func Decode(err error) error {
	if err == nil { // the usual case, which must not allocate
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, wire.ErrUTF8):
		return &Error{Reason: RequestUTF8, What: "a string in the request is not valid UTF-8"}
	case errors.Is(err, wire.ErrTooDeep):
		return &Error{
			Reason: RequestTooDeep, What: fmt.Sprintf("the request is nested too deeply (at most %d)", wire.MaxDepth),
			Metadata: map[string]string{"limit": strconv.Itoa(wire.MaxDepth)},
		}
	}
	if errors.Is(err, wire.ErrTooCostly) {
		return &Error{
			Reason: RequestTooComplex, What: fmt.Sprintf("a message is too complex (at most %d elements, and %d MiB decoded)", wire.MaxElements, wire.MaxDecoded>>20),
			Metadata: map[string]string{"limit": strconv.Itoa(wire.MaxElements)},
		}
	}
	return &Error{Reason: RequestMalformed, What: "the request cannot be decoded as the method's request message"}
}

// In puts the field at fault, if err names one, inside the message at path:
// "email" in "user_profile" is "user_profile.email".
func In(path string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return Decode(err)
	}
	moved := e.in(path)
	moved.others = nil
	for _, other := range e.others {
		moved.others = append(moved.others, other.in(path))
	}
	return moved
}

func (e *Error) in(path string) *Error {
	moved := *e
	if e.Field == "" {
		moved.Field = path
	} else {
		moved.Field = shortPath(path + "." + e.Field)
		moved.What = strings.Replace(e.What, e.Field, moved.Field, 1)
	}
	return &moved
}

// shortPath returns a path of at most some 256 bytes: of a longer one, which leads
// through messages that contain themselves, the middle is left out.
func shortPath(path string) string {
	if len(path) <= 256 {
		return path
	}
	return strings.ToValidUTF8(path[:128], "") + "…" + strings.ToValidUTF8(path[len(path)-120:], "")
}

// InItem is In for item i of the repeated field at path.
func InItem(path string, i int, err error) error {
	return In(path+"["+strconv.Itoa(i)+"]", err)
}

// ContextError returns the error of a call whose context ended before the store
// was asked to change anything, or nil if ctx has not ended.
func ContextError(ctx context.Context) error {
	switch ctx.Err() {
	case nil:
		return nil
	case context.Canceled:
		return &Error{Reason: Cancelled, What: "the caller cancelled the call", Metadata: outcome("none")}
	}
	return &Error{Reason: DeadlineExceeded, What: "the deadline passed before the store was asked", Metadata: outcome("none")}
}

// Unknown says that it is not known whether the store applied a write, or that
// the store did not answer a read.
func Unknown(r Reason, what string, cause error) error {
	return &Error{Reason: r, What: what, Metadata: outcome("unknown"), Cause: cause}
}

// NotApplied says that the store failed and applied nothing.
func NotApplied(r Reason, what string, cause error) error {
	return &Error{Reason: r, What: what, Metadata: outcome("none"), Cause: cause}
}

// Corrupt says that the bytes a store holds for a record cannot be decoded.
func Corrupt(cause error) error {
	return &Error{Reason: ValueCorrupt, What: "a stored record cannot be decoded", Cause: cause}
}

// Damaged says that the bytes of a stored record are not those that were
// written with its version. An operator finds the record by the version.
func Damaged(version int64) error {
	return &Error{
		Reason: ValueCorrupt, What: fmt.Sprintf("the stored record of version %d is damaged", version),
		Metadata: currentVersion(version),
		Cause:    fmt.Errorf("prism_record of the record of version %d has another checksum than prism_checksum", version),
	}
}

func outcome(o string) map[string]string { return map[string]string{"outcome": o} }

// retryDelay is the least that RetryInfo tells clients to wait.
const retryDelay = 100 * time.Millisecond

// maxText bounds a status message: clients cap trailers, some at 8 KiB.
const maxText = 512

// maxDetails bounds the texts of the violations in one error, for the same reason.
const maxDetails = 3 << 10

// statusOf returns e as op sends it. It is not a method, so that a package that
// makes errors compiles without the types of status.Status.
func statusOf(e *Error, op operation, requestID string) *status.Status {
	row := reasons[e.Reason]
	more := ""
	if n := len(e.others); n > 0 {
		more = fmt.Sprintf(", and %d more of its fields are wrong", n)
	}
	text := fmt.Sprintf("%s: %s%s; %s", op.name, e.What, more, row.todo)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	info := &errdetails.ErrorInfo{
		Reason: string(e.Reason), Domain: "prism",
		Metadata: map[string]string{"namespace": op.namespace, "op": op.name, "request_id": requestID},
	}
	for k, v := range e.Metadata {
		if k != "outcome" || op.write {
			info.Metadata[k] = v
		}
	}
	details := []protoadapt.MessageV1{info}
	if e.Field != "" {
		info.Metadata["field"] = e.Field
		bad := new(errdetails.BadRequest)
		room := maxDetails
		for i, v := range e.Violations() {
			if room -= len(v.Field) + len(v.What); room < 0 && i > 0 {
				break
			}
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.What, Reason: string(v.Reason)})
		}
		details = append(details, bad)
	}
	if e.Reason == RateLimited {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: op.service + "/" + op.name, Description: e.What},
		}})
	}
	if row.retryable {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(max(e.retryAfter, retryDelay))})
	}
	s := status.New(row.code, text)
	if detailed, err := s.WithDetails(details...); err == nil {
		return detailed
	}
	return s
}
