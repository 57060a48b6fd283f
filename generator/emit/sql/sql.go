// Package sql is what the SQL backends' emitters share: identifiers, and the
// layout of the tables that every SQL store has. Types and parameters are each
// dialect's own.
package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
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

// Dialect is what differs between the tables of two stores.
type Dialect struct {
	// Columns returns the columns of a field: one, or more where no type of the
	// store holds all of it.
	Columns func(*schema.Field) []Column
	// Own are the types of the columns that every table has.
	Record, Version, Release, Expires string
	// Before and After stand around the table; %s is its name. Close ends the
	// list of its columns.
	Before, Close, After string
}

// Column is a column of a table. Its name is not quoted.
type Column struct{ Name, Type, Comment string }

// FieldColumn returns the column of a field with the given type: only a key
// cannot be NULL, as a column that a later release adds cannot either.
func FieldColumn(f *schema.Field, name, typ, more string) Column {
	c := Column{Name: name, Type: typ, Comment: fmt.Sprintf("field %d", f.Number) + more}
	if f.Role == schema.Key {
		c.Type += " NOT NULL"
	}
	return c
}

// Use says in a column's comment why the field has one.
func Use(f *schema.Field) string {
	switch f.Role {
	case schema.Key:
		return ", key"
	case schema.Indexed:
		return ", indexed"
	}
	return ""
}

// Names returns the quoted columns of fields.
func (d Dialect) Names(fields []*schema.Field) []string {
	var list []string
	for _, f := range fields {
		for _, c := range d.Columns(f) {
			list = append(list, Quote(c.Name))
		}
	}
	return list
}

// Table returns the statements that make the table of e and its indexes.
func (d Dialect) Table(e *schema.Entity) string {
	var columns []Column
	for _, f := range e.Columns() {
		columns = append(columns, d.Columns(f)...)
	}
	columns = append(columns,
		Column{Name: "prism_record", Type: d.Record + " NOT NULL"},
		Column{Name: "prism_version", Type: d.Version + " NOT NULL"},
		Column{Name: "prism_release", Type: d.Release + " NOT NULL"})
	if e.TTL > 0 {
		columns = append(columns, Column{Name: "prism_expires", Type: d.Expires + " NOT NULL"})
	}
	columns = append(columns, Column{Name: "prism_checksum", Type: d.Version})
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it\n", e.Desc.FullName())
	b.WriteString(strings.ReplaceAll(d.Before, "%s", e.Table))
	fmt.Fprintf(&b, "CREATE TABLE %s (\n%s  PRIMARY KEY (%s)\n%s\n", Quote(e.Table), layout(columns), d.list(e.Key()), d.Close)
	for _, x := range e.Indexes {
		unique, fields := "", x.Fields()
		if x.Unique {
			unique = "UNIQUE "
		} else {
			fields = withKey(e, fields)
		}
		fmt.Fprintf(&b, "CREATE %sINDEX %s ON %s (%s);\n", unique, Quote(x.SQLName), Quote(e.Table), d.list(fields))
	}
	if e.TTL > 0 {
		fmt.Fprintf(&b, "CREATE INDEX %s ON %s (\"prism_expires\");\n", Quote(e.Table+"_expires"), Quote(e.Table))
	}
	b.WriteString(strings.ReplaceAll(d.After, "%s", e.Table))
	return b.String()
}

func (d Dialect) list(fields []*schema.Field) string { return strings.Join(d.Names(fields), ", ") }

// layout prints columns one to a line, with types and comments below each
// other.
func layout(columns []Column) string {
	nameWidth, typeWidth := 0, 0
	for _, c := range columns {
		nameWidth = max(nameWidth, len(Quote(c.Name)))
		if c.Comment != "" {
			typeWidth = max(typeWidth, len(c.Type)+1)
		}
	}
	var b strings.Builder
	for _, c := range columns {
		line := fmt.Sprintf("  %-*s %s,", nameWidth, Quote(c.Name), c.Type)
		if c.Comment != "" {
			line = fmt.Sprintf("  %-*s %-*s -- %s", nameWidth, Quote(c.Name), typeWidth, c.Type+",", c.Comment)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// withKey ends the fields of an index with the key, so that pages of it are
// stable.
func withKey(e *schema.Entity, fields []*schema.Field) []*schema.Field {
	all := slices.Clone(fields)
	for _, k := range e.Key() {
		if !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	return all
}
