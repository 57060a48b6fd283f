package runtime

import (
	"errors"
	"time"

	"google.golang.org/grpc/status"
)

// Held returns what the calls of s hold of its budget.
func Held(s *Server) int64 { return s.memory.used.Load() }

// PingEvery has s ask its stores so often.
func PingEvery(s *Server, d time.Duration) { s.pingEvery = d }

// StatusOf returns an Error as a call of some method sends it.
func StatusOf(err error) *status.Status {
	var e *Error
	errors.As(err, &e)
	return statusOf(e, operation{name: "PutUser"}, "1")
}
