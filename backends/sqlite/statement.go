package sqlite

// Statement is a constant SQL text with a number, by which connections keep it
// prepared. It is safe for concurrent use.
type Statement struct {
	sql    string
	number int
}

// statements is how many there are.
var statements int

// NewStatement numbers a statement. It declares package variables and has no
// other use: an open store knows the statements that there were when it was
// opened.
//
//go:noinline
func NewStatement(sql string) *Statement {
	s := &Statement{sql: sql, number: statements}
	statements++
	return s
}
