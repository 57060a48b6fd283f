package sqlite

// Statement is a constant SQL text, which a connection keeps prepared from its
// first use on, and finds by its address. It is safe for concurrent use.
type Statement struct{ sql string }

// NewStatement returns the statement with the text.
func NewStatement(sql string) *Statement { return &Statement{sql} }
