package runtime

import (
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
)

// Reason says why a call failed. It is ErrorInfo.reason in the domain "prism".
// Callers act on code and reason, never on text. Reasons are stable.
type Reason string

// The reasons. The table reasons says what each means to the caller.
const (
	RequestMalformed   Reason = "REQUEST_MALFORMED"
	RequestUTF8        Reason = "REQUEST_UTF8"
	RequestTooDeep     Reason = "REQUEST_TOO_DEEP"
	RequestTooLarge    Reason = "REQUEST_TOO_LARGE"
	RequestTooComplex  Reason = "REQUEST_TOO_COMPLEX"
	RequestIncomplete  Reason = "REQUEST_INCOMPLETE"
	FieldRequired      Reason = "FIELD_REQUIRED"
	FieldTooLong       Reason = "FIELD_TOO_LONG"
	FieldTooShort      Reason = "FIELD_TOO_SHORT"
	FieldRange         Reason = "FIELD_RANGE"
	FieldCharset       Reason = "FIELD_CHARSET"
	TimeRange          Reason = "TIME_RANGE"
	PageSizeRange      Reason = "PAGE_SIZE_RANGE"
	PageTokenInvalid   Reason = "PAGE_TOKEN_INVALID"
	BatchEmpty         Reason = "BATCH_EMPTY"
	BatchSize          Reason = "BATCH_SIZE"
	BatchDuplicate     Reason = "BATCH_DUPLICATE"
	NotFound           Reason = "NOT_FOUND"
	VersionMismatch    Reason = "VERSION_MISMATCH"
	Exists             Reason = "EXISTS"
	Unique             Reason = "UNIQUE"
	ReleaseFenced      Reason = "RELEASE_FENCED"
	IndexBuilding      Reason = "INDEX_BUILDING"
	RateLimited        Reason = "RATE_LIMITED"
	Overloaded         Reason = "OVERLOADED"
	Draining           Reason = "DRAINING"
	DeadlineExceeded   Reason = "DEADLINE_EXCEEDED"
	Cancelled          Reason = "CANCELLED"
	BackendUnavailable Reason = "BACKEND_UNAVAILABLE"
	BackendTimeout     Reason = "BACKEND_TIMEOUT"
	BackendReadOnly    Reason = "BACKEND_READONLY"
	BackendAuth        Reason = "BACKEND_AUTH"
	BackendContention  Reason = "BACKEND_CONTENTION"
	ValueCorrupt       Reason = "VALUE_CORRUPT"
	Panic              Reason = "PANIC"
	Internal           Reason = "INTERNAL"
)

// row is what a reason means, wherever it occurs.
type row struct {
	code      codes.Code
	retryable bool     // the same call may succeed a moment later
	metadata  []string // the keys it may carry besides namespace, op and request_id
	todo      string   // what the caller can do
}

// reasons is the one table of errors: the pipeline, the documentation and the
// tests read it.
var reasons = map[Reason]row{
	RequestMalformed:   {codes.InvalidArgument, false, nil, "send the message type that the contract declares"},
	RequestUTF8:        {codes.InvalidArgument, false, nil, "send strings as UTF-8, or declare the field as bytes"},
	RequestTooDeep:     {codes.InvalidArgument, false, []string{"limit"}, "nest messages less deeply"},
	RequestTooLarge:    {codes.ResourceExhausted, false, []string{"field", "got", "limit"}, "send less at once"},
	RequestTooComplex:  {codes.ResourceExhausted, false, []string{"limit"}, "send less at once"},
	RequestIncomplete:  {codes.DeadlineExceeded, true, []string{"outcome"}, "send the complete request"},
	FieldRequired:      {codes.InvalidArgument, false, []string{"field"}, "set the field"},
	FieldTooLong:       {codes.InvalidArgument, false, []string{"field", "got", "limit"}, "shorten the value"},
	FieldTooShort:      {codes.InvalidArgument, false, []string{"field", "got", "limit"}, "lengthen the value"},
	FieldRange:         {codes.InvalidArgument, false, []string{"field", "limit"}, "keep the value within its range"},
	FieldCharset:       {codes.InvalidArgument, false, []string{"field"}, "send UTF-8 without NUL characters"},
	TimeRange:          {codes.InvalidArgument, false, []string{"field"}, "send a time in the years 1 to 9999, and from before to"},
	PageSizeRange:      {codes.InvalidArgument, false, []string{"field", "limit"}, "leave page_size unset or make it positive"},
	PageTokenInvalid:   {codes.InvalidArgument, false, []string{"field"}, "start again without a page token, and use the same query for every page"},
	BatchEmpty:         {codes.InvalidArgument, false, []string{"field", "limit"}, "send at least one item"},
	BatchSize:          {codes.InvalidArgument, false, []string{"field", "got", "limit"}, "split the batch"},
	BatchDuplicate:     {codes.InvalidArgument, false, []string{"field"}, "name each key once"},
	NotFound:           {codes.NotFound, false, nil, "check the key"},
	VersionMismatch:    {codes.Aborted, false, []string{"current_version", "field"}, "read the record again and decide what to do"},
	Exists:             {codes.AlreadyExists, false, []string{"current_version", "field"}, "read the record, or expect its version"},
	Unique:             {codes.AlreadyExists, false, []string{"index", "field"}, "choose another value"},
	ReleaseFenced:      {codes.FailedPrecondition, false, []string{"release", "outcome"}, "call a proxy of the release that the metadata names; this one is out of date"},
	IndexBuilding:      {codes.FailedPrecondition, true, []string{"index"}, "try again when the index is built, or scan"},
	RateLimited:        {codes.ResourceExhausted, true, []string{"limit", "outcome"}, "call less often"},
	Overloaded:         {codes.ResourceExhausted, true, []string{"limit", "outcome"}, "try again later"},
	Draining:           {codes.Unavailable, true, []string{"outcome"}, "reconnect"},
	DeadlineExceeded:   {codes.DeadlineExceeded, true, []string{"limit", "outcome"}, "allow more time"},
	Cancelled:          {codes.Canceled, false, []string{"outcome"}, "nothing, if the cancellation was intended"},
	BackendUnavailable: {codes.Unavailable, true, []string{"outcome"}, "try again later"},
	BackendTimeout:     {codes.DeadlineExceeded, true, []string{"limit", "outcome"}, "read the record before you write again"},
	BackendReadOnly:    {codes.Unavailable, true, []string{"outcome"}, "try again later; reads still work"},
	BackendAuth:        {codes.Unavailable, true, []string{"outcome"}, "tell the operators that the store refuses the proxy"},
	BackendContention:  {codes.Aborted, true, []string{"outcome"}, "try again"},
	ValueCorrupt:       {codes.DataLoss, false, []string{"current_version", "field", "outcome"}, "tell the operators; the proxy's log has the cause"},
	Panic:              {codes.Internal, false, []string{"outcome"}, "report the request_id"},
	Internal:           {codes.Internal, false, []string{"outcome"}, "report the request_id"},
}

// Code returns the gRPC code of every error with this reason.
func (r Reason) Code() codes.Code { return reasons[r].code }

// Retryable reports whether the same call may succeed a moment later. The
// metadata key outcome says whether a failed write was applied.
func (r Reason) Retryable() bool { return reasons[r].retryable }

// Metadata returns the keys that ErrorInfo.metadata may have for this reason,
// besides namespace, op and request_id, which it always has.
func (r Reason) Metadata() []string { return slices.Clone(reasons[r].metadata) }

// Todo returns what the caller can do about it.
func (r Reason) Todo() string { return reasons[r].todo }

// Reasons returns all reasons, sorted.
func Reasons() []Reason { return slices.Sorted(maps.Keys(reasons)) }
