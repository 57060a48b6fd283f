package backendtest

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/prism-proxy/prism/runtime"
)

// refusal is how a call is refused. The codes are written here, not read from
// the runtime, since clients have them compiled in.
type refusal struct {
	code   codes.Code
	reason string
}

var (
	malformed       = refusal{codes.InvalidArgument, "REQUEST_MALFORMED"}
	badUTF8         = refusal{codes.InvalidArgument, "REQUEST_UTF8"}
	tooDeep         = refusal{codes.InvalidArgument, "REQUEST_TOO_DEEP"}
	tooComplex      = refusal{codes.ResourceExhausted, "REQUEST_TOO_COMPLEX"}
	tooLarge        = refusal{codes.ResourceExhausted, "REQUEST_TOO_LARGE"}
	fieldRequired   = refusal{codes.InvalidArgument, "FIELD_REQUIRED"}
	fieldTooLong    = refusal{codes.InvalidArgument, "FIELD_TOO_LONG"}
	fieldTooShort   = refusal{codes.InvalidArgument, "FIELD_TOO_SHORT"}
	fieldRange      = refusal{codes.InvalidArgument, "FIELD_RANGE"}
	fieldCharset    = refusal{codes.InvalidArgument, "FIELD_CHARSET"}
	timeRange       = refusal{codes.InvalidArgument, "TIME_RANGE"}
	pageSizeRange   = refusal{codes.InvalidArgument, "PAGE_SIZE_RANGE"}
	tokenInvalid    = refusal{codes.InvalidArgument, "PAGE_TOKEN_INVALID"}
	batchEmpty      = refusal{codes.InvalidArgument, "BATCH_EMPTY"}
	batchSize       = refusal{codes.InvalidArgument, "BATCH_SIZE"}
	batchDuplicate  = refusal{codes.InvalidArgument, "BATCH_DUPLICATE"}
	notFound        = refusal{codes.NotFound, "NOT_FOUND"}
	versionMismatch = refusal{codes.Aborted, "VERSION_MISMATCH"}
	exists          = refusal{codes.AlreadyExists, "EXISTS"}
	unique          = refusal{codes.AlreadyExists, "UNIQUE"}
	valueCorrupt    = refusal{codes.DataLoss, "VALUE_CORRUPT"}
)

// shape is the form of an error's text.
var shape = regexp.MustCompile(`(?s)^[A-Za-z]+: .+; .+$`)

// refused demands that err is the refusal, has the given keys and values as
// metadata, and follows the rules for all errors.
func (t *check) refused(err error, want refusal, metadata ...string) {
	t.Helper()
	info := t.info(err, want)
	for i := 0; i < len(metadata); i += 2 {
		if got := info.GetMetadata()[metadata[i]]; got != metadata[i+1] {
			t.Errorf("%s: metadata %s is %q, want %q", want.reason, metadata[i], got, metadata[i+1])
		}
	}
}

// refusedAt is refused for a fault of one field of the request.
func (t *check) refusedAt(err error, want refusal, path string) {
	t.Helper()
	info, violations := t.info(err, want), violations(err)
	switch {
	case info.GetMetadata()["field"] != path:
		t.Errorf("%s: metadata field is %q, want %q: %v", want.reason, info.GetMetadata()["field"], path, err)
	case len(violations) != 1 || violations[0].GetField() != path || violations[0].GetDescription() == "":
		t.Errorf("%s: BadRequest names %v, want %q and what is wrong with it", want.reason, violations, path)
	}
}

func violations(err error) []*errdetails.BadRequest_FieldViolation {
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(*errdetails.BadRequest); ok {
			return d.FieldViolations
		}
	}
	return nil
}

// info demands the code and the reason, and returns the ErrorInfo.
func (t *check) info(err error, want refusal) *errdetails.ErrorInfo {
	t.Helper()
	s := status.Convert(err)
	var info *errdetails.ErrorInfo
	for _, detail := range s.Details() {
		if d, ok := detail.(*errdetails.ErrorInfo); ok {
			info = d
		}
	}
	if s.Code() != want.code || info.GetReason() != want.reason {
		t.Fatalf("got %v %s (%v), want %v %s", s.Code(), info.GetReason(), err, want.code, want.reason)
	}
	if info.GetDomain() != "prism" {
		t.Errorf("ErrorInfo has domain %q, want prism", info.GetDomain())
	}
	always := []string{"namespace", "op", "request_id"}
	for _, key := range always {
		if info.GetMetadata()[key] == "" {
			t.Errorf("ErrorInfo of %s has no metadata %s", want.reason, key)
		}
	}
	for key := range info.GetMetadata() {
		if !slices.Contains(append(runtime.Reason(want.reason).Metadata(), always...), key) {
			t.Errorf("ErrorInfo of %s has metadata %s, which the table of reasons has not", want.reason, key)
		}
	}
	if !shape.MatchString(s.Message()) || !strings.HasPrefix(s.Message(), info.GetMetadata()["op"]+": ") {
		t.Errorf("the text is not <op>: <what is wrong>; <what to do>: %s", s.Message())
	}
	if strings.Contains(s.Proto().String(), secret) {
		t.Errorf("the error holds a value of a field: %v", s.Proto())
	}
	return info
}

// ok demands success of all calls.
func (t *check) ok(errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("got %v, want success", err)
	}
}

// equal demands that got is want. Messages are compared as messages, and a nil
// slice is an empty one.
func (t *check) equal(what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
