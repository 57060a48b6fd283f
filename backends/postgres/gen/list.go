package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/record"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// list prints the statements of a list, for each direction with and without an
// end, and the method that runs them. A range whose end is open is a statement
// of its own: not every type has a value that comes after all others.
func (s *store) list(l *schema.List) {
	fixed, order := columnsOf(l.Equal), columnsOf(l.Order)
	n, o := 2, len(order)
	life := ""
	if s.TTL > 0 {
		life = s.live(n)
		n++
	}
	exact := sql.Params("$", n, len(fixed))
	n += len(fixed)
	conditions, bound := s.bind(fixed, order, exact, "")
	exact = slices.Clip(exact[bound:])
	all := namesOf(slices.Concat(fixed, order), "")
	conditions = append(conditions, compare(all[bound:], ">=", append(exact, sql.Params("$", n, o)...)))
	open, to := slices.Clip(conditions), append(slices.Clip(conditions), compare(all[bound:], "<", append(exact, sql.Params("$", n+o, o)...)))
	if len(exact) > 0 {
		open = append(open, compare(all[bound:len(fixed)], "<=", exact))
	}
	var given []string
	if len(fixed) > 0 {
		given = append(given, values(l.Equal, equalPrefix(l)))
	}
	given = append(given, bounds(l.Order, "l.from."))
	for _, direction := range []struct{ suffix, order string }{{"", ""}, {"Reverse", " DESC"}} {
		for _, end := range []struct {
			suffix     string
			conditions []string
		}{{"", open}, {"To", to}} {
			s.file.Add("const %s%s%s = `SELECT %s FROM %s\nWHERE %s%s\nORDER BY %s LIMIT $1`", l.GoName, direction.suffix, end.suffix,
				s.columns(), sql.Quote(s.Table), strings.Join(end.conditions, "\n  AND "), life,
				strings.Join(all, direction.order+", ")+direction.order)
		}
	}
	parameters := ", partition *key"
	if l.GoName != "scanPartition" {
		parameters = record.Parameters(l.Equal, record.GoName)
	}
	s.file.Add(`// %[1]s adds the records of l to page, by %[2]s.
func (s *store) %[1]s(ctx @context.Context%[3]s, l *list, page *@keyvalue.Page) error {
	values := []any{%[4]s}
	if l.bounded {
		values = append(values, %[5]s)
		return s.db.Page(ctx, &table, page, %[1]sTo, %[1]sReverseTo, values...)
	}
	return s.db.Page(ctx, &table, page, %[1]s, %[1]sReverse, values...)
}`, l.GoName, fieldNames(l.Order), parameters, strings.Join(given, ", "), bounds(l.Order, "l.to."))
}

// equalPrefix is what the method has the values of l.Equal in.
func equalPrefix(l *schema.List) string {
	if l.GoName == "scanPartition" {
		return "partition."
	}
	return ""
}

func fieldNames(fields []*schema.Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// values is the arguments that bind the fields of a key or of a request, which
// are there.
func values(fields []*schema.Field, prefix string) string {
	return arguments(fields, func(f *schema.Field) string {
		if f.Type == schema.Timestamp {
			return fmt.Sprintf("@postgres.Time(%[1]s), @postgres.Nanos(%[1]s)", prefix+f.GoName)
		}
		return prefix + f.GoName
	})
}

// recordValues is values for the fields of a record, which may be absent.
func recordValues(fields []*schema.Field, prefix string) string {
	return arguments(fields, func(f *schema.Field) string {
		value := prefix + f.GoName
		switch {
		case f.Type == schema.Timestamp:
			return fmt.Sprintf("@postgres.Time(%[1]s), @postgres.Nanos(%[1]s)", value)
		case f.Type == schema.Text && f.Role == schema.Marked:
			return fmt.Sprintf("@postgres.Column(%s)", value)
		case optional[f.Type] != "" && f.Presence && f.Role != schema.Key:
			return fmt.Sprintf("@postgres.%s(%s)", optional[f.Type], value)
		case f.Type == schema.Float:
			return fmt.Sprintf("@postgres.Float(%s)", value)
		}
		return value
	})
}

// optional are what binds the values that may be absent, by their type.
var optional = map[schema.Type]string{
	schema.Int:   "OptionalInt",
	schema.Uint:  "OptionalUint",
	schema.Bool:  "OptionalBool",
	schema.Float: "OptionalFloat",
}

// bounds is values for the end of a range, of which parts may be unset.
func bounds(fields []*schema.Field, prefix string) string {
	return arguments(fields, func(f *schema.Field) string {
		value := prefix + f.GoName
		if f.Type == schema.Timestamp {
			return fmt.Sprintf("@postgres.TimeOrLowest(%[1]s), @postgres.NanosOrLowest(%[1]s)", value)
		}
		return value
	})
}

func arguments(fields []*schema.Field, argument func(*schema.Field) string) string {
	var list []string
	for _, f := range fields {
		list = append(list, argument(f))
	}
	return strings.Join(list, ", ")
}

// equal is the condition that the fields have the parameters from first on.
func equal(fields []*schema.Field, first int) string {
	return sql.Equal(dialect.Names(fields), "$", first)
}

func params(first, n int) string { return strings.Join(sql.Params("$", first, n), ", ") }
