package sqlite

// Statement is a constant SQL text. A connection keeps it prepared from its
// first use on and finds it by its address. It is safe for concurrent use.
type Statement struct{ sql string }

// NewStatement returns a statement with the given text.
func NewStatement(sql string) *Statement { return &Statement{sql} }
