package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// list prints the two statements of a list, one for each direction, and the
// method that runs them.
func (s *store) list(l *schema.List) {
	order := dialect.Names(l.Order)
	o, from := len(order), 2+len(l.Equal)
	to := from + o
	var conditions []string
	if len(l.Equal) > 0 {
		conditions = append(conditions, equal(l.Equal, 2))
	}
	conditions = append(conditions, sql.Tuple(order)+" >= "+sql.Tuple(sql.Params("?", from, o)), sql.Tuple(order)+" < "+sql.Tuple(sql.Params("?", to, o)))
	now := ""
	if s.TTL > 0 {
		conditions = append(conditions, fmt.Sprintf(`"prism_expires" > ?%d`, to+o))
		now = fmt.Sprintf("q.Now(%d)\n", to+o)
	}
	for _, direction := range []struct{ word, order string }{{"", ""}, {"reverse", " DESC"}} {
		s.file.Fill("var $list = @sqlite.NewStatement(`SELECT $columns FROM $table\nWHERE $conditions\nORDER BY $order LIMIT ?1`)", golang.Holes{
			"list": l.Go(direction.word), "columns": s.columns(), "table": sql.Quote(s.Table),
			"conditions": strings.Join(conditions, "\n  AND "), "order": strings.Join(order, direction.order+", ") + direction.order,
		})
	}
	prefix := "r."
	if l.Index == nil {
		prefix = "r.partition."
	}
	var binds, bounds strings.Builder
	for i, f := range l.Equal {
		fmt.Fprintf(&binds, "%s\n", bind(2+i, f, prefix+f.GoName, false))
	}
	for i, f := range l.Order {
		fmt.Fprintf(&binds, "%s\n", bound(from+i, f, "r.from."+f.GoName))
		fmt.Fprintf(&bounds, "%s\n", bound(to+i, f, "r.to."+f.GoName))
	}
	s.file.Fill(`// $list adds the records that r asks for to page, $order.
func (s *store) $list(ctx @context.Context, r *$request, page *@page.Page) error {
	return s.db.Page(ctx, page, $list, $reverse, func(q *@sqlite.Query) {
		${binds}if r.bounded {
			${bounds}} else {
			q.Unbounded($first, $last)
		}
		${now}})
}`, golang.Holes{
		"list": l.GoName, "reverse": l.Go("reverse"), "order": sentence(l), "request": l.Request(),
		"binds": binds.String(), "bounds": bounds.String(), "first": to, "last": to + o - 1, "now": now,
	})
}

func sentence(l *schema.List) string {
	var fields []string
	for _, f := range l.Order {
		fields = append(fields, f.Name)
	}
	return "by " + strings.Join(fields, ", ")
}

// bind is the statement that binds parameter i to the value of f. A record's
// value may be absent; one that a list is asked for may not.
func bind(i int, f *schema.Field, value string, ofRecord bool) string {
	optional := ""
	if ofRecord && f.Presence && f.Role != schema.Key {
		optional = "Optional"
	}
	switch f.Type {
	case schema.Text:
		if f.Role == schema.Marked || f.Role == schema.Kept {
			return fmt.Sprintf("q.Column(%d, %s)", i, value)
		}
		return fmt.Sprintf("q.Text(%d, %s)", i, value)
	case schema.Bytes:
		return fmt.Sprintf("q.Bytes(%d, %s)", i, value)
	case schema.Float:
		return fmt.Sprintf("q.%sFloat(%d, %s)", optional, i, value)
	case schema.Int:
		return fmt.Sprintf("q.%sInt(%d, %s)", optional, i, value)
	case schema.Uint:
		return fmt.Sprintf("q.%sUint(%d, %s)", optional, i, value)
	case schema.Bool:
		return fmt.Sprintf("q.%sBool(%d, %s)", optional, i, value)
	}
	return fmt.Sprintf("q.Time(%d, %s)", i, value)
}

// bound is bind for an end of a range, which may be unset.
func bound(i int, f *schema.Field, value string) string {
	if f.Type == schema.Timestamp {
		return fmt.Sprintf("q.TimeOrLowest(%d, %s)", i, value)
	}
	return bind(i, f, value, false)
}

// equal is the condition that the fields equal the parameters from first on.
func equal(fields []*schema.Field, first int) string {
	return sql.Equal(dialect.Names(fields), "?", first)
}

func params(first, n int) string { return strings.Join(sql.Params("?", first, n), ", ") }
