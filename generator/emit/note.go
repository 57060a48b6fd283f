package emit

import (
	"fmt"
	"strings"
)

// Note is what stands above a statement of a migration, for those who review it.
type Note struct {
	What       string // the message, and its fields by number
	Class      string // safe, blocking, data-dependent, contract or destructive
	Lock       string // what the statement locks
	Rewrite    string // what it writes anew; "": nothing
	Scan       string // what it reads; "": nothing
	Reversible string // yes, no or lossy, with the reason
}

// String returns the note as a file has it: two lines of comment.
func (n Note) String() string {
	lock := n.Lock
	if n.Rewrite != "" {
		lock += " · rewrite: " + n.Rewrite
	}
	if n.Scan != "" {
		lock += " · scan: " + n.Scan
	}
	return fmt.Sprintf("-- %s\n-- class: %s · lock: %s · reversible: %s\n", n.What, n.Class, lock, n.Reversible)
}

// Take returns the note that a step's text begins with, as Dialect prints it, and the
// statements behind it, each on one line and without comments. Of a text that begins
// otherwise the note is empty.
func Take(text string) (Note, []string) {
	var n Note
	lines := strings.Split(text, "\n")
	if len(lines) > 1 {
		rest, noted := strings.CutPrefix(lines[1], "-- class: ")
		if class, rest, ok := strings.Cut(rest, " · lock: "); noted && ok {
			lock, reversible, _ := strings.Cut(rest, " · reversible: ")
			parts := strings.Split(lock, " · ")
			n = Note{What: strings.TrimPrefix(lines[0], "-- "), Class: class, Lock: parts[0], Reversible: reversible}
			for _, part := range parts[1:] {
				switch what, text, _ := strings.Cut(part, ": "); what {
				case "rewrite":
					n.Rewrite = text
				case "scan":
					n.Scan = text
				}
			}
		}
	}
	var statements []string
	var words []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "--")
		words = append(words, strings.Fields(line)...)
		if end := len(words) - 1; end >= 0 && strings.HasSuffix(words[end], ";") {
			statements = append(statements, strings.TrimSuffix(strings.Join(words, " "), ";"))
			words = nil
		}
	}
	return n, statements
}
