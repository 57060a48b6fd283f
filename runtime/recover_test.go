package runtime

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Panics are recovered in services outside the contract too.
func TestForeignPanicFailsOneCall(t *testing.T) {
	var logs bytes.Buffer
	s, ctx := stillServer(t, 0)
	s.log = slog.New(slog.NewJSONHandler(io.Writer(&logs), nil))
	const method = "/test.v1.ThingService/Foreign"
	err := s.serveForeign(ctx, method, func(*foreign) error { panic("hush") })
	info, _ := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
	if info.GetReason() != "PANIC" || info.GetMetadata()["op"] != "Foreign" {
		t.Errorf("got %v, metadata %v", err, info.GetMetadata())
	}
	if strings.Contains(err.Error(), "goroutine") || strings.Contains(logs.String(), "hush") {
		t.Errorf("the stack was sent or the value logged: %v", err)
	}
	want := errors.New("as it was")
	if err := s.serveForeign(ctx, method, func(*foreign) error { return status.Error(3, want.Error()) }); status.Convert(err).Message() != want.Error() {
		t.Errorf("a status becomes %v", err)
	}
}
