package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// Limits are what a database has names and room for. A zero one does not bound.
type Limits struct {
	Name         int      // bytes of an identifier
	Columns      int      // of a table
	IndexColumns int      // of an index
	Beside       []string // what is named after a table, each with this at its end
	Prefix       string   // begins the names of the database's own tables
	OwnColumns   []string // are in every table
}

// ownColumns is how many columns of a table are Prism's.
const ownColumns = 5

// Check returns what a database with the limits cannot hold of e.
func (l Limits) Check(e *schema.Entity) []schema.Breach {
	var found []schema.Breach
	add := func(at schema.Source, fix, what string, args ...any) {
		found = append(found, schema.Breach{At: at, Fix: fix, What: fmt.Sprintf(what, args...)})
	}
	const renameTable = `write option (prism.v1.entity).table = "…"`
	for _, name := range append([]string{""}, l.Beside...) {
		if name = e.Table + name; l.Name > 0 && len(name) > l.Name {
			add(e.TableSource(), renameTable, "%s, of table %s, has %d bytes, and a name has at most %d", name, e.Table, len(name), l.Name)
			break
		}
	}
	if l.Prefix != "" && strings.HasPrefix(e.Table, l.Prefix) {
		add(e.TableSource(), renameTable, "table %s begins with %s, which the database reserves", e.Table, l.Prefix)
	}
	columns := ownColumns
	for _, f := range e.Stored(true) {
		for _, name := range columnsOf(f) {
			columns++
			switch {
			case l.Name > 0 && len(name) > l.Name:
				add(f.ColumnSource(), `write (prism.v1.field).column = {name: "…"}`, "column %s has %d bytes, and a name has at most %d", name, len(name), l.Name)
			case slices.Contains(l.OwnColumns, name):
				add(f.ColumnSource(), `write (prism.v1.field).column = {name: "…"}`, "column %s is named as one that the database gives every table", name)
			}
		}
	}
	if l.Columns > 0 && columns > l.Columns {
		add(e.Source, "remove column from fields that nobody queries, or ALL", "%s has %d columns with Prism's own, and a table has at most %d", e.Name, columns, l.Columns)
	}
	if n := width(e.Key()); l.IndexColumns > 0 && n > l.IndexColumns {
		add(e.Source, "use fewer fields", "the key of %s takes %d columns, and an index has at most %d", e.Name, n, l.IndexColumns)
	}
	for _, x := range e.Indexes {
		if l.Name > 0 && len(x.SQLName) > l.Name {
			add(x.Source, "shorten its name, or "+renameTable, "index %s has %d bytes, and a name has at most %d", x.SQLName, len(x.SQLName), l.Name)
		}
		if n := width(storage.Entry(e, x)); l.IndexColumns > 0 && n > l.IndexColumns {
			add(x.Source, "use fewer fields", "index %s takes %d columns with the key, and an index has at most %d", x.Name, n, l.IndexColumns)
		}
	}
	return found
}

// columnsOf returns the columns of a field: a Timestamp has two.
func columnsOf(f *schema.Field) []string {
	if f.Type == schema.Timestamp {
		return []string{f.Column, f.NanosColumn()}
	}
	return []string{f.Column}
}

func width(fields []*schema.Field) (columns int) {
	for _, f := range fields {
		columns += len(columnsOf(f))
	}
	return columns
}
