// Package sql is what the SQL backends' emitters share: identifiers, and the
// layout of the tables that every SQL store has. Types and parameters are each
// dialect's own.
package sql

import (
	"fmt"
	"strings"
)

// Quote quotes an identifier. Names were checked; a quote in one is doubled all
// the same.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Tuple is the row value of parts, or the one part.
func Tuple(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// Params is n numbered parameters from first on, each after mark.
func Params(mark string, first, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s%d", mark, first+i))
	}
	return list
}

// Equal is the condition that the columns have the parameters from first on.
func Equal(columns []string, mark string, first int) string {
	var conditions []string
	for i, c := range columns {
		conditions = append(conditions, fmt.Sprintf("%s = %s%d", c, mark, first+i))
	}
	return strings.Join(conditions, " AND ")
}

// Excluded sets a column to what the row that was to be inserted has.
func Excluded(column string) string { return column + " = excluded." + column }

// Wrap joins the parts of a list in lines of about 100 columns, with newline
// between them.
func Wrap(parts []string, newline string) string {
	var b strings.Builder
	column := 0
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(',')
			if column+len(p) > 96 {
				b.WriteString(newline)
				column = 0
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(p)
		column += len(p) + 2
	}
	return b.String()
}
