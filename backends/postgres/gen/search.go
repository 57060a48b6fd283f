package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// A statement has a form that only its own index can serve, whatever the
// planner believes to know of the table. It asks for its rows in the order of
// the index, and a session of the proxy cannot sort. A column that equals a
// value counts for nothing in an order, though: the order of other columns may
// be that of another index too. Then the first column is written as one of a
// list, of one value, which does count (up to Postgres 16 that is so for the
// first column of an index only). Where that is not enough either, the others
// lead the range behind them, which then ends late: at its first column.

// bind returns the conditions that fixed columns, the first of an index, have
// values, and how many of them those are: the others must lead the range of the
// columns in order. qualifier stands before the names.
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
// same order where all fixed columns but the first n are equal to a value.
func (s *store) rivalled(fixed, order []sql.Column, n int) bool {
	all, wanted := slices.Concat(fixed, order), slices.Concat(fixed[:n], order)
	indexes := [][]*schema.Field{s.Key()}
	for _, x := range s.Indexes {
		fields := x.Fields()
		for _, k := range s.Key() {
			if !x.Unique && !slices.Contains(fields, k) {
				fields = append(fields, k)
			}
		}
		indexes = append(indexes, fields)
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
	for _, f := range fields {
		for _, c := range dialect.Columns(f) {
			columns = append(columns, sql.Column{Name: c.Name, Type: c.Type})
		}
	}
	return columns
}

// namesOf returns the quoted names of columns, each behind qualifier.
func namesOf(columns []sql.Column, qualifier string) (names []string) {
	for _, c := range columns {
		names = append(names, qualifier+sql.Quote(c.Name))
	}
	return names
}

// compare is the condition that names, as a tuple, compare so to values.
func compare(names []string, operator string, values []string) string {
	return sql.Tuple(names) + " " + operator + " " + sql.Tuple(values)
}

// at is the condition that fields, those of a unique index, have the parameters
// from 1 on. The last one is a range of one value: it takes part in the order.
func (s *store) at(fields []*schema.Field, qualifier string) string {
	columns, values := columnsOf(fields), sql.Params("$", 1, len(dialect.Names(fields)))
	last := len(columns) - 1
	conditions, n := s.bind(columns[:last], columns[last:], values, qualifier)
	if names := namesOf(columns[n:], qualifier); len(names) > 0 {
		conditions = append(conditions, compare(names, ">=", values[n:]), compare(names, "<=", values[n:]))
	}
	return strings.Join(conditions, " AND ")
}

// first asks for one row in the order of fields, which one index has.
func first(fields []*schema.Field) string { return "ORDER BY " + names(fields) + " LIMIT 1" }

// selectAt is the statement that selects what where fields, those of a unique
// index, have the parameters from 1 on, up to further conditions and first.
func (s *store) selectAt(what string, fields []*schema.Field) string {
	return fmt.Sprintf("SELECT %s FROM %s\nWHERE %s", what, sql.Quote(s.Table), s.at(fields, ""))
}

// deleteAt is the statement that deletes what is there, up to further
// conditions. A DELETE has no order that would bind it to an index; it is joined
// with the row's own columns in their order, and the session allows no join but
// a merge, which reads both sides in that order.
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
