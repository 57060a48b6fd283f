package runtime

import (
	"errors"
	"time"

	"google.golang.org/grpc/status"
)

// Held returns how much of its budget the calls of s hold.
func Held(s *Server) int64 { return s.memory.used.Load() }

// PingEvery makes s ping its stores at intervals of d.
func PingEvery(s *Server, d time.Duration) { s.pingEvery = d }

// Clock makes s measure rates by now. It must be called before s serves.
func Clock(s *Server, now func() time.Time) { s.now = now }

// StatusOf returns the status that a call sends for an Error.
func StatusOf(err error) *status.Status {
	var e *Error
	errors.As(err, &e)
	return statusOf(e, operation{name: "PutUser"}, "1")
}
