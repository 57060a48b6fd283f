package sql

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
)

// Held returns the statements that leave out of r what an index cannot hold: bounds
// are today's, and records may be yesterday's.
func Held(e *schema.Entity) string {
	var b strings.Builder
	for _, f := range e.Columns() {
		if f.Role != schema.Indexed || !f.Filled {
			continue
		}
		beyond, none := "", "nil"
		switch f.Type {
		case schema.Text:
			beyond = fmt.Sprintf("!@keyvalue.Fits(r.%s, %d)", f.GoName, f.MaxLength)
		case schema.Bytes:
			beyond = fmt.Sprintf("len(r.%s) > %d", f.GoName, f.MaxLength)
		case schema.Timestamp:
			beyond, none = fmt.Sprintf("r.%[1]s.Set && !r.%[1]s.Valid()", f.GoName), "@wire.Timestamp{}"
		default:
			continue
		}
		fmt.Fprintf(&b, "if %s {\nr.%s, unheld = %s, %q\n}\n", beyond, f.GoName, none, f.Name)
	}
	return b.String()
}
