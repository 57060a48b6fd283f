package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
)

// list prints the two statements of a list, one for each direction, and the
// method that runs them.
func (s *store) list(l *schema.List) {
	e, o := len(l.Equal), len(l.Order)
	conditions := []string{}
	if e > 0 {
		conditions = append(conditions, equal(l.Equal, 1))
	}
	conditions = append(conditions, tuple(l.Order)+" >= "+tupleParams(e+1, o), tuple(l.Order)+" < "+tupleParams(e+o+1, o))
	n := e + 2*o + 1
	if s.TTL > 0 {
		conditions = append(conditions, fmt.Sprintf(`"prism_expires" > ?%d`, n))
		n++
	}
	for _, direction := range []struct{ suffix, order string }{{"", ""}, {"Reverse", " DESC"}} {
		var order []string
		for _, f := range l.Order {
			order = append(order, quote(f.Column)+direction.order)
		}
		s.file.Add("const %s%s = `SELECT %s FROM %s\nWHERE %s\nORDER BY %s LIMIT ?%d`", l.GoName, direction.suffix,
			s.columns(), quote(s.Table), strings.Join(conditions, "\n  AND "), strings.Join(order, ", "), n)
	}
	var arguments, binds, to strings.Builder
	if l.GoName == "scanPartition" {
		arguments.WriteString(", partition *key")
	}
	for i, f := range l.Equal {
		value := f.GoName
		if l.GoName == "scanPartition" {
			value = "partition." + f.GoName
		} else {
			fmt.Fprintf(&arguments, ", %s %s", f.GoName, goType(f))
		}
		fmt.Fprintf(&binds, "%s\n", bind(i+1, f, value, false))
	}
	for i, f := range l.Order {
		fmt.Fprintf(&binds, "%s\n", bound(e+1+i, f, "r.From."+f.GoName))
		fmt.Fprintf(&to, "%s\n", bound(e+o+1+i, f, "r.To."+f.GoName))
	}
	now := ""
	if s.TTL > 0 {
		now = fmt.Sprintf("q.Time(%d, c.Now())\n", n-1)
	}
	place := "key"
	if len(s.Position()) > len(s.Key()) {
		place = "position"
	}
	s.file.Add(`// %[1]s adds the records of r to page, %[2]s.
func (s *store) %[1]s(ctx @context.Context%[3]s, r *@keyvalue.Range[%[4]s], page *@keyvalue.Page) (err error) {
	c, err := s.db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	statement := %[1]s
	if page.Reverse() {
		statement = %[1]sReverse
	}
	q := c.Query(statement)
	%[5]sif r.Bounded {
		%[6]s} else {
		q.Unbounded(%[7]d, %[8]d)
	}
	%[9]sq.Int(%[10]d, page.Limit())
	for q.Next() && page.Add(%[11]s, q.ColumnBlob(1)) {
	}
	return nil
}`, l.GoName, sentence(l), arguments.String(), place, binds.String(), to.String(), e+o+1, e+2*o, now, n, s.written())
}

func sentence(l *schema.List) string {
	var fields []string
	for _, f := range l.Order {
		fields = append(fields, f.Name)
	}
	return "by " + strings.Join(fields, ", ")
}

// bind is the statement that binds parameter i to the value of f. A value of a
// record may be absent, one that a list is asked for is not.
func bind(i int, f *schema.Field, value string, ofRecord bool) string {
	optional := ""
	if ofRecord && f.Presence && f.Role != schema.Key {
		optional = "Optional"
	}
	switch f.Type {
	case schema.Text:
		if f.Role == schema.Marked {
			return fmt.Sprintf("q.Column(%d, %s)", i, value)
		}
		return fmt.Sprintf("q.Text(%d, %s)", i, value)
	case schema.Int:
		return fmt.Sprintf("q.%sInt(%d, %s)", optional, i, value)
	case schema.Uint:
		return fmt.Sprintf("q.%sUint(%d, %s)", optional, i, value)
	case schema.Bool:
		return fmt.Sprintf("q.%sBool(%d, %s)", optional, i, value)
	}
	return fmt.Sprintf("q.Time(%d, %s)", i, value)
}

// bound is bind for a part of a range, which may be unset.
func bound(i int, f *schema.Field, value string) string {
	if f.Type == schema.Timestamp {
		return fmt.Sprintf("q.TimeOrLowest(%d, %s)", i, value)
	}
	return bind(i, f, value, false)
}

func goType(f *schema.Field) string {
	switch f.Type {
	case schema.Text:
		return "[]byte"
	case schema.Int:
		return "int64"
	case schema.Uint:
		return "uint64"
	case schema.Bool:
		return "bool"
	}
	return "@wire.Timestamp"
}

// equal is the condition that the fields have the parameters from first on.
func equal(fields []*schema.Field, first int) string {
	var conditions []string
	for i, f := range fields {
		conditions = append(conditions, fmt.Sprintf("%s = ?%d", quote(f.Column), first+i))
	}
	return strings.Join(conditions, " AND ")
}

// tuple is the row value of the fields, or the one column.
func tuple(fields []*schema.Field) string {
	if len(fields) == 1 {
		return names(fields)
	}
	return "(" + names(fields) + ")"
}

// tupleParams is the row value of n parameters from first on.
func tupleParams(first, n int) string {
	if n == 1 {
		return params(first, 1)
	}
	return "(" + params(first, n) + ")"
}

func params(first, n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("?%d", first+i))
	}
	return strings.Join(list, ", ")
}

func excluded(column string) string { return column + " = excluded." + column }

// wrap joins the parts of a SET list in lines of about 100 columns.
func wrap(parts []string) string {
	var b strings.Builder
	column := 0
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(',')
			if column+len(p) > 96 {
				b.WriteString("\n  ")
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
