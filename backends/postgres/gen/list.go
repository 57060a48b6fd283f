package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// list prints the statements of a list, for each direction with and without an
// end, and the method that runs them. A range without an end needs its own
// statement: not every type has a value that sorts after all others.
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
	given = append(given, bounds(l.Order, "r.from."))
	for _, direction := range []struct{ word, order string }{{"", ""}, {"reverse", " DESC"}} {
		for _, end := range []struct {
			word       string
			conditions []string
		}{{"", open}, {"to", to}} {
			s.file.Fill("const $list = `SELECT $columns FROM $table\nWHERE $conditions$life\nORDER BY $order LIMIT $1`", golang.Holes{
				"list": l.Go(words(direction.word, end.word)), "columns": s.columns(), "table": sql.Quote(s.Table),
				"conditions": strings.Join(end.conditions, "\n  AND "), "life": life,
				"order": strings.Join(all, direction.order+", ") + direction.order,
			})
		}
	}
	s.file.Fill(`// $list adds the records that r asks for to page, by $order.
func (s *store) $list(ctx @context.Context, r *$request, page *@page.Page) error {
	${built}values := []any{$given}
	if r.bounded {
		values = append(values, $end)
		return s.db.Page(ctx, &table, page, $to, $reverseTo, values...)
	}
	return s.db.Page(ctx, &table, page, $list, $reverse, values...)
}`, golang.Holes{
		"list": l.GoName, "reverse": l.Go("reverse"), "to": l.Go("to"), "reverseTo": l.Go("reverseTo"),
		"order": fieldNames(l.Order), "request": l.Request(), "built": built(l.Index), "given": strings.Join(given, ", "), "end": bounds(l.Order, "r.to."),
	})
}

// words joins two words as Go names do; either may be empty.
func words(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + strings.ToUpper(second[:1]) + second[1:]
}

// equalPrefix is the expression that holds the values of l.Equal in the method.
func equalPrefix(l *schema.List) string {
	if l.Index == nil {
		return "r.partition."
	}
	return "r."
}

func fieldNames(fields []*schema.Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// values returns the arguments that bind the fields of a key or a request, none
// of which is absent.
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
		case f.Type == schema.Text && (f.Role == schema.Marked || f.Role == schema.Kept):
			return fmt.Sprintf("@postgres.Column(%s)", value)
		case optional[f.Type] != "" && f.Presence && f.Role != schema.Key:
			return fmt.Sprintf("@postgres.%s(%s)", optional[f.Type], value)
		case f.Type == schema.Float:
			return fmt.Sprintf("@postgres.Float(%s)", value)
		}
		return value
	})
}

// optional are the functions that bind values which may be absent, by type.
var optional = map[schema.Type]string{
	schema.Int:   "OptionalInt",
	schema.Uint:  "OptionalUint",
	schema.Bool:  "OptionalBool",
	schema.Float: "OptionalFloat",
}

// bounds is values for the end of a range, parts of which may be unset.
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

// equal is the condition that the fields equal the parameters from first on.
func equal(fields []*schema.Field, first int) string {
	return sql.Equal(dialect.Names(fields), "$", first)
}

func params(first, n int) string { return strings.Join(sql.Params("$", first, n), ", ") }
