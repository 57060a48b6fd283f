package runtime

import "time"

// Held returns what the calls of s hold of its budget.
func Held(s *Server) int64 { return s.memory.used.Load() }

// PingEvery has s ask its stores so often.
func PingEvery(s *Server, d time.Duration) { s.pingEvery = d }
