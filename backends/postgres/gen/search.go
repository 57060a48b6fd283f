package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// A statement has a form that only its own index can serve, whatever the
// planner assumes about the table. It asks for its rows in the order of the
// index, and the proxy's sessions cannot sort. But a column that equals a value
// does not count in an order, so another index may have the same order of the
// other columns. Then the first column is compared with a list of one value,
// which does count (up to Postgres 16 only for the first column of an index).
// If that is not enough either, the other fixed columns lead the range that
// follows them, which then ends late: at its first column.

// bind returns the conditions that the first n of fixed, the leading columns of
// an index, have values; the other fixed columns must lead the range over
// order. qualifier precedes the names.
func (s *store) bind(fixed, order []sql.Column, values []string, qualifier string) (conditions []string, n int) {
	for i, name := range namesOf(fixed, qualifier) {
		conditions = append(conditions, name+" = "+values[i])
	}
	if len(fixed) == 0 || !s.rivalled(fixed, order, 0) {
		return conditions, len(fixed)
	}
	kind, _, _ := strings.Cut(fixed[0].Type, " ")
	kind, _, _ = strings.Cut(kind, "(")
	conditions[0] = fmt.Sprintf("%s = ANY (ARRAY[%s::%s])", namesOf(fixed[:1], qualifier)[0], values[0], kind)
	if s.rivalled(fixed, order, 1) {
		return conditions[:1], 1
	}
	return conditions, len(fixed)
}

// rivalled reports whether an index other than that of fixed and order has the
// same order if all fixed columns but the first n equal a value.
func (s *store) rivalled(fixed, order []sql.Column, n int) bool {
	all, wanted := slices.Concat(fixed, order), slices.Concat(fixed[:n], order)
	indexes := [][]*schema.Field{s.Key()}
	for _, x := range s.Indexes {
		indexes = append(indexes, storage.Entry(s.Entity, x))
	}
	return slices.ContainsFunc(indexes, func(fields []*schema.Field) bool {
		columns := columnsOf(fields)
		if leads(columns, all) {
			return false
		}
		free := slices.DeleteFunc(columns, func(c sql.Column) bool { return slices.Contains(fixed[n:], c) })
		return leads(free, wanted)
	})
}

// leads reports whether list begins with first.
func leads(list, first []sql.Column) bool {
	return len(list) >= len(first) && slices.Equal(list[:len(first)], first)
}

// columnsOf returns the columns of fields.
func columnsOf(fields []*schema.Field) (columns []sql.Column) {
	for _, c := range dialect.Fields(fields) {
		columns = append(columns, sql.Column{Name: c.Name, Type: c.Type})
	}
	return columns
}

// namesOf returns the quoted names of columns, each after qualifier.
func namesOf(columns []sql.Column, qualifier string) (names []string) {
	for _, c := range columns {
		names = append(names, qualifier+sql.Quote(c.Name))
	}
	return names
}

// compare is the condition that relates names to values, as tuples, by
// operator.
func compare(names []string, operator string, values []string) string {
	return sql.Tuple(names) + " " + operator + " " + sql.Tuple(values)
}

// at is the condition that the fields of a unique index equal the parameters
// from 1 on. The last one is written as a range of one value, so that it counts
// in the order.
func (s *store) at(fields []*schema.Field, qualifier string) string {
	columns, values := columnsOf(fields), sql.Params("$", 1, len(dialect.Names(fields)))
	last := len(columns) - 1
	conditions, n := s.bind(columns[:last], columns[last:], values, qualifier)
	if names := namesOf(columns[n:], qualifier); len(names) > 0 {
		conditions = append(conditions, compare(names, ">=", values[n:]), compare(names, "<=", values[n:]))
	}
	return strings.Join(conditions, " AND ")
}

// first asks for one row in the order of fields, which is one index's.
func first(fields []*schema.Field) string { return "ORDER BY " + names(fields) + " LIMIT 1" }

// selectAt is the statement that selects what where the fields of a unique
// index equal the parameters from 1 on, without further conditions and first.
func (s *store) selectAt(what string, fields []*schema.Field) string {
	return fmt.Sprintf("SELECT %s FROM %s\nWHERE %s", what, sql.Quote(s.Table), s.at(fields, ""))
}

// deleteAt is the statement that deletes that row, without further conditions.
// A DELETE has no order that would tie it to an index, so it is joined with the
// row's own columns in their order; the session allows only merge joins, which
// read both sides in that order.
func (s *store) deleteAt(fields []*schema.Field) string {
	table := sql.Quote(s.Table)
	var same []string
	for _, c := range dialect.Names(fields) {
		same = append(same, table+"."+c+" = prism_at."+c)
	}
	own := s.selectAt(names(fields), fields) + "\n" + first(fields)
	return fmt.Sprintf("DELETE FROM %s USING (\n%s\n) AS prism_at\nWHERE %s\n  AND %s",
		table, inner(own), strings.Join(same, " AND "), s.at(fields, table+"."))
}

// inner indents a statement that is a part of another one.
func inner(statement string) string { return "  " + strings.ReplaceAll(statement, "\n", "\n  ") }
