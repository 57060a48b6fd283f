package runtime

// Held returns what the calls of s hold of its budget.
func Held(s *Server) int64 { return s.memory.used.Load() }
