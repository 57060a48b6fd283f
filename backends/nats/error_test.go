package nats_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/backends/nats"
	"github.com/prism-proxy/prism/runtime"
)

func TestError(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, done := context.WithTimeout(t.Context(), 0)
	defer done()
	answer := func(code jetstream.ErrorCode) error {
		return &jetstream.APIError{Code: 400, ErrorCode: code, Description: "hush"}
	}
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		want string
	}{
		{"another sequence", t.Context(), answer(10071), "BACKEND_CONTENTION none"},
		{"another write under way", t.Context(), answer(10164), "BACKEND_CONTENTION none"},
		{"too many batches", t.Context(), answer(10210), "BACKEND_CONTENTION none"},
		{"a batch that lacks messages", t.Context(), answer(10176), "BACKEND_CONTENTION none"},
		{"no space", t.Context(), answer(10047), "BACKEND_READONLY none"},
		{"sealed", t.Context(), answer(10109), "BACKEND_READONLY none"},
		{"a disk that fails", t.Context(), answer(10077), "BACKEND_READONLY unknown"},
		{"no stream", t.Context(), answer(10059), "BACKEND_UNAVAILABLE none"},
		{"no leader", t.Context(), answer(10008), "BACKEND_UNAVAILABLE none"},
		{"an answer of no row", t.Context(), answer(10999), "INTERNAL unknown"},
		{"an answer, though the caller has left", cancelled, answer(10071), "BACKEND_CONTENTION none"},
		{"no responders", t.Context(), driver.ErrNoResponders, "BACKEND_UNAVAILABLE none"},
		{"not connected", t.Context(), driver.ErrReconnectBufExceeded, "BACKEND_UNAVAILABLE none"},
		{"closed while it waits", t.Context(), driver.ErrConnectionClosed, "BACKEND_UNAVAILABLE unknown"},
		{"end of the connection", t.Context(), io.EOF, "BACKEND_UNAVAILABLE unknown"},
		{"credentials", t.Context(), driver.ErrAuthorization, "BACKEND_AUTH unknown"},
		{"cancelled", cancelled, context.Canceled, "CANCELLED unknown"},
		{"deadline", late, context.DeadlineExceeded, "BACKEND_TIMEOUT unknown"},
		{"timeout of the driver", t.Context(), driver.ErrTimeout, "BACKEND_TIMEOUT unknown"},
		{"no row", t.Context(), errors.New("hush"), "INTERNAL unknown"},
		{"of package runtime", late, runtime.NotApplied(runtime.BackendReadOnly, "x", nil), "BACKEND_READONLY none"},
	} {
		err := nats.Error(tt.ctx, tt.err)
		if got := outcome(t, err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the server's text stands in %v", tt.name, err)
		}
	}
	if err := nats.Error(t.Context(), nil); err != nil {
		t.Errorf("no error is %v", err)
	}
}
