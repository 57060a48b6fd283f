package reason_test

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

func TestOf(t *testing.T) {
	info := func(domain, reason string) error {
		s, err := status.New(codes.Aborted, "x").WithDetails(
			&errdetails.RetryInfo{},
			&errdetails.ErrorInfo{Reason: reason, Domain: domain, Metadata: map[string]string{"current_version": "8"}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Err()
	}
	tests := []struct {
		name  string
		err   error
		want  prismv1.Reason
		value string
	}{
		{"no error", nil, 0, ""},
		{"of Prism", info("prism", "VERSION_MISMATCH"), prismv1.Reason_VERSION_MISMATCH, "8"},
		{"wrapped", fmt.Errorf("save: %w", info("prism", "VERSION_MISMATCH")), prismv1.Reason_VERSION_MISMATCH, "8"},
		{"newer than this package", info("prism", "LATER"), 0, "8"},
		{"of another domain", info("example.com", "VERSION_MISMATCH"), 0, ""},
		{"without details", status.Error(codes.Internal, "x"), 0, ""},
		{"not of gRPC", errors.New("x"), 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := reason.Of(test.err); got != test.want {
				t.Errorf("Of = %v, want %v", got, test.want)
			}
			if got := reason.Metadata(test.err)["current_version"]; got != test.value {
				t.Errorf("current_version = %q, want %q", got, test.value)
			}
		})
	}
}
