package sql

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// Dialect is what differs between the tables, and the migrations, of two stores. It
// is an emit.Dialect.
type Dialect struct {
	// Types are the column types of one column of a store's, by the type of a value.
	Types map[schema.Type]string
	// Nanos is the type of a second column for a time, whose own stops at
	// microseconds. "": there is none.
	Nanos string
	// Zeros are the literals of the zero values.
	Zeros map[schema.Type]string
	// The types of the columns that every table has.
	Record, Version, Release, Expires string
	// Never is the literal of a time that never comes.
	Never string
	// Before and After stand around the table, and Gone behind its end; %s is its
	// name. Close ends the list of its columns.
	Before, Close, After, Gone string

	// Meta makes Prism's own tables; %[1]s is the deployment. OwnTables are those that
	// came later, by their names.
	Meta      string
	OwnTables map[string]string
	Now       string // the time, as prism_migrations has it
	// Catalog begins files that change the catalog in a transaction, and Build those
	// that build, or drop, an index.
	Catalog, Build string
	// Concurrently builds indexes beside writers, without a transaction; without it a
	// store has one proxy, and so no fence. Built and Absent are the conditions that a
	// build, or a drop, has succeeded; %s is the quoted index.
	Concurrently  bool
	Built, Absent string
	// Unended begins a transaction, also within another one, that nothing ends.
	Unended string
}

// Column is a column of a table. Its name is not quoted.
type Column struct{ Name, Type, Comment string }

// Columns returns the columns of a field's: one, or two for a time.
func (d Dialect) Columns(c storage.Column) []Column {
	t := c.Kind.Type()
	columns := []Column{{Name: c.Name, Type: d.Types[t], Comment: fmt.Sprintf("field %d", c.Field)}}
	switch {
	case c.Role.Key():
		columns[0].Comment += ", key"
	case c.Role == storage.Indexed:
		columns[0].Comment += ", indexed"
	}
	if t == schema.Timestamp && d.Nanos != "" {
		columns = append(columns, Column{Name: c.Nanos(), Type: d.Nanos, Comment: fmt.Sprintf("field %d, its nanoseconds below the microsecond", c.Field)})
	}
	// Only a key cannot be NULL, as a column that a later release adds cannot either.
	for i := range columns {
		if c.Role.Key() {
			columns[i].Type += " NOT NULL"
		}
	}
	return columns
}

// Fields returns the columns of fields.
func (d Dialect) Fields(fields []*schema.Field) (columns []Column) {
	for _, f := range fields {
		columns = append(columns, d.Columns(storage.Of(f))...)
	}
	return columns
}

// Names returns the quoted columns of fields.
func (d Dialect) Names(fields []*schema.Field) []string { return quoted(d.Fields(fields)) }

func quoted(columns []Column) (names []string) {
	for _, c := range columns {
		names = append(names, Quote(c.Name))
	}
	return names
}

// list lists the columns of e that have these names.
func (d Dialect) list(e *storage.Entity, names []string) string {
	var columns []Column
	for _, name := range names {
		columns = append(columns, d.Columns(*e.Column(name))...)
	}
	return strings.Join(quoted(columns), ", ")
}

// table returns the statements that make the table of e and its indexes.
func (d Dialect) table(e *storage.Entity) string {
	var columns []Column
	var key []string
	for _, c := range e.Columns {
		columns = append(columns, d.Columns(c)...)
		if c.Role.Key() {
			key = append(key, c.Name)
		}
	}
	columns = append(columns,
		Column{Name: "prism_record", Type: d.Record + " NOT NULL"},
		Column{Name: "prism_version", Type: d.Version + " NOT NULL"},
		Column{Name: "prism_release", Type: d.Release + " NOT NULL"})
	if e.Expires != nil {
		columns = append(columns, Column{Name: "prism_expires", Type: d.Expires + " NOT NULL"})
	}
	columns = append(columns, Column{Name: "prism_checksum", Type: d.Version})
	var b strings.Builder
	b.WriteString(d.note(e.Name, "safe", "none, the table is new", "lossy, its records go with it"))
	b.WriteString(strings.ReplaceAll(d.Before, "%s", e.Table))
	fmt.Fprintf(&b, "CREATE TABLE %s (\n%s  PRIMARY KEY (%s)\n%s\n", Quote(e.Table), layout(columns), d.list(e, key), d.Close)
	for _, x := range e.Indexes {
		b.WriteString(d.index(e, x, ""))
	}
	if e.Expires != nil {
		b.WriteString(d.expiresIndex(e, ""))
	}
	b.WriteString(strings.ReplaceAll(d.After, "%s", e.Table))
	return b.String()
}

// index returns the statement that makes an index; how stands before its name.
func (d Dialect) index(e *storage.Entity, x storage.Index, how string) string {
	unique := ""
	if x.Unique {
		unique = "UNIQUE "
	}
	return fmt.Sprintf("CREATE %sINDEX %s%s ON %s (%s);\n", unique, how, Quote(x.SQLName), Quote(e.Table), d.list(e, x.Columns))
}

func (d Dialect) expiresIndex(e *storage.Entity, how string) string {
	return fmt.Sprintf("CREATE INDEX %s%s ON %s (\"prism_expires\");\n", how, Quote(e.Table+"_expires"), Quote(e.Table))
}

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
