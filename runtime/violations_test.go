package runtime_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/prism-proxy/prism/runtime"
)

func TestViolations(t *testing.T) {
	var none runtime.Violations
	none.Add(nil)
	if err := none.Err(); err != nil {
		t.Errorf("nothing was found, and the error is %v", err)
	}
	var key, record runtime.Violations
	key.Add(runtime.Required("id"))
	key.Add(runtime.TooLong("name", 9, 8))
	record.Add(key.Err())
	for i := range 100 {
		record.Add(runtime.HasNUL("f" + strconv.Itoa(i)))
	}
	s := runtime.StatusOf(runtime.In("user", record.Err()))
	var fields []string
	for _, detail := range s.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField()+" "+v.GetReason())
			}
		}
	}
	if got, want := strings.Join(fields[:3], ", "), "user.id FIELD_REQUIRED, user.name FIELD_TOO_LONG, user.f0 FIELD_CHARSET"; got != want || len(fields) != 20 {
		t.Errorf("%d violations, first %s; want 20, first %s", len(fields), got, want)
	}
	if got, want := s.Message(), "user.id is required and not set, and 19 more of its fields are wrong;"; !strings.Contains(got, want) {
		t.Errorf("text %q, want … %s …", got, want)
	}
	var e *runtime.Error
	if !errors.As(record.Err(), &e) || e.Reason != runtime.FieldRequired {
		t.Errorf("the reason is that of the first: %v", e)
	}
}
