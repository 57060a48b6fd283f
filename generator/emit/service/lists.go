package service

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/record"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/number"
)

// lists prints the handlers that answer many records, and those of unique
// indexes, which answer one.
func (p *printer) lists(f *golang.File) {
	paged := len(p.e.Lists()) > 0
	if paged {
		p.list(f)
	}
	if p.e.Has(schema.CanScan) {
		p.scan(f)
	}
	for _, x := range p.e.Indexes {
		if x.Unique {
			p.findOne(f, x)
		}
	}
	for _, l := range p.e.Lists() {
		if l.Index != nil {
			p.find(f, l)
		}
	}
	if paged {
		p.answer(f)
	}
}

// place is the type of a place in the lists of the entity, and its lowest
// value.
func (p *printer) place() (name, lowest string) {
	switch name = p.e.Place(); {
	case name == "position":
		return name, "lowestPosition"
	case p.e.HasLowest():
		return name, "lowestKey"
	}
	return name, "emptyKey"
}

// list prints what all lists have in common.
func (p *printer) list(f *golang.File) {
	place, lowest := p.place()
	f.Fill(`// list is what the requests of all lists have: the part of an order that is
// still to be answered, from inclusive to exclusive, whichever the direction.
type list struct {
	paging   @page.Request
	from, to $place // parts that are not set are the lowest
	bounded  bool // there is a to
}

// everything is the whole of an order.
var everything = list{from: $lowest, to: $lowest}

// page returns the empty page that l asks for of the list called query. Where l
// resumes, forward pages move from up, reverse pages move to down.
func (s *Service) page(ctx @context.Context, query []byte, l *list) (*@page.Page, error) {
	page, cursor, err := s.store.db.Tokens.Page(@runtime.CallOf(ctx), query, &l.paging)
	if err != nil || cursor == nil {
		return page, err
	}
	at := $lowest
	if err := at.read(@wire.Read(cursor)); err != nil {
		return nil, @runtime.Decode(err)
	}
	if l.paging.Reverse {
		l.to, l.bounded = at, true
	} else {
		l.from = at
	}
	return page, nil
}`, golang.Holes{"place": place, "lowest": lowest})
	if p.hasRange() {
		f.Fill(`// appendRange appends the range of l, as what a page token is bound to.
func appendRange(b []byte, l *list) []byte {
	b = @wire.AppendBytes(b, $from, l.from.append(nil))
	if l.bounded {
		b = @wire.AppendBytes(b, $to, l.to.append(nil))
	}
	return b
}`, golang.Holes{"from": number.From, "to": number.To})
	}
}

// hasRange reports whether a list can be asked for a range.
func (p *printer) hasRange() bool {
	ranged := func(l *schema.List) bool { return l.Index != nil && len(l.Bound) > 0 }
	return p.e.Has(schema.CanScan) && len(p.e.Sort) > 0 || slices.ContainsFunc(p.e.Lists(), ranged)
}

// boundChecks prints the cases that hold for what a list is asked for.
func boundChecks(b *strings.Builder, f *schema.Field, value, path string) {
	switch f.Type {
	case schema.Text, schema.Bytes:
		record.TextBounds(b, f, value, path, record.Return)
	case schema.Timestamp:
		fmt.Fprintf(b, "case !%s.Valid():\nreturn @runtime.BadTime(%s)\n", value, path)
	}
}

// backwards is the condition that from comes after to.
func backwards(fields []*schema.Field) string {
	var parts []string
	for _, f := range fields {
		from, to := "q.from."+f.GoName, "q.to."+f.GoName
		switch f.Type {
		case schema.Text, schema.Bytes:
			parts = append(parts, fmt.Sprintf("@bytes.Compare(%s, %s)", from, to))
		case schema.Timestamp:
			parts = append(parts, fmt.Sprintf("%s.Compare(%s)", from, to))
		case schema.Bool:
			parts = append(parts, fmt.Sprintf("@page.CompareBool(%s, %s)", from, to))
		default:
			if len(fields) == 1 {
				return from + " > " + to
			}
			parts = append(parts, fmt.Sprintf("@cmp.Compare(%s, %s)", from, to))
		}
	}
	if len(parts) == 1 {
		return parts[0] + " > 0"
	}
	return "@cmp.Or(" + strings.Join(parts, ", ") + ") > 0"
}

// handler prints the handler of a list, of which run asks the store. It is
// ordered by the field first before the key, which may be the key's own.
func (p *printer) handler(f *golang.File, l *schema.List, first *schema.Field, run func(*strings.Builder)) {
	cursor := ""
	if place, _ := p.place(); place == "position" {
		cursor = ", cursor"
		if first != nil && first.Role != schema.Key {
			cursor = ", " + record.Cursor(first)
		}
	}
	var b strings.Builder
	run(&b)
	f.Fill(`// $handler serves $method.
func (s *Service) $handler(ctx @context.Context, request []byte) ([]byte, error) {
	var q $request
	if err := q.read(request); err != nil {
		return nil, err
	}
	page, err := s.page(ctx, q.query(), &q.list)
	if err != nil {
		return nil, err
	}
	${ask}return answer(page$cursor)
}`, golang.Holes{
		"handler": l.GoName, "method": l.Method, "ask": b.String(), "cursor": cursor,
		"request": l.Request(),
	})
}

// answer prints what ends every page.
func (p *printer) answer(f *golang.File) {
	parameter, cursor := "", "r.key.append(nil)"
	if place, _ := p.place(); place == "position" {
		parameter, cursor = ", cursor func(*record) []byte", "cursor(&r)"
	}
	f.Fill(`// answer ends a page. Where there is more, its token resumes at the record on
// the edge.
func answer(page *@page.Page$parameter) ([]byte, error) {
	var next []byte
	if edge := page.Edge(); edge != nil {
		var r record
		if err := r.read(edge); err != nil {
			return nil, @runtime.Corrupt(err)
		}
		next = $cursor
	}
	return page.Bytes(next), nil
}`, golang.Holes{"parameter": parameter, "cursor": cursor})
}

// findOne prints the Find of a unique index.
func (p *printer) findOne(f *golang.File, x *schema.Index) {
	f.Fill(`// $request is a ${method}Request.
type $request struct {
	$fields}

func (q *$request) read(b []byte) error {
	by, err := @keyvalue.Item(b)
	if err != nil {
		return err
	}
	$initial	f := @wire.Read(by)
	$loop	$checks}

// $handler serves $method.
func (s *Service) $handler(ctx @context.Context, request []byte) ([]byte, error) {
	var q $request
	if err := q.read(request); err != nil {
		return nil, err
	}
	result := @keyvalue.Result{Call: @runtime.CallOf(ctx)}
	err := s.store.$handler(ctx, &q, result.Add)
	return result.Bytes(), err
}`, golang.Holes{
		"request": x.Go("request"), "method": x.Find, "fields": equalFields(x.Equality),
		"initial": equalInitial(x.Equality), "checks": decoded(record.Switch(equalChecks(x.Equality))),
		"loop": eachBy(x.Equality), "handler": x.GoName,
	})
}

// find prints the Find of an index that is not unique.
func (p *printer) find(f *golang.File, l *schema.List) {
	request := l.Request()
	var reads, readers, checks, query strings.Builder
	if len(l.Equal) > 0 {
		reads.WriteString("case @keyvalue.TagBy:\nf.Join(q.readBy(f.Message()))\n")
		readers.WriteString("\n" + readBy(request, l.Equal) + "\n")
		checks.WriteString(equalChecks(l.Equal))
	}
	for _, eq := range l.Equal {
		fmt.Fprintf(&query, "b = %s\n", record.Append(eq, "q."+eq.GoName, int(eq.Number)))
	}
	if len(l.Bound) > 0 {
		o, place := l.Bound[0], p.e.Place()
		reads.WriteString("case @page.TagFrom:\nf.Join(q.readBound(&q.from, f.Message()))\n")
		reads.WriteString("case @page.TagTo:\nq.bounded = true\nf.Join(q.readBound(&q.to, f.Message()))\n")
		readers.WriteString(golang.Fill(`
// readBound reads into at an end of the range.
func (q *$request) readBound(at *$place, f *@wire.Fields) error {
	for f.Next() {
		if f.Tag == $tag {
			$assign
		}
	}
	return f.Err()
}
`, golang.Holes{"request": request, "place": place, "tag": record.TagName(o), "assign": boundAssign(o)}))
		boundChecks(&checks, o, "q.from."+o.GoName, strconv.Quote("from."+o.Name))
		boundChecks(&checks, o, "q.to."+o.GoName, strconv.Quote("to."+o.Name))
		fmt.Fprintf(&checks, "case q.bounded && %s:\nreturn @page.Backwards(%t)\n", backwards(l.Bound), o.Type == schema.Timestamp)
		query.WriteString("b = appendRange(b, &q.list)\n")
	}
	f.Fill(`// $request is a ${method}Request.
type $request struct {
	list
	$fields}

func (q *$request) read(b []byte) error {
	q.list = everything
	$initial	f := @wire.Read(b)
	for f.Next() {
		switch f.Tag {
		${cases}default:
			q.paging.Read(f)
		}
	}
	$checks}
$readers
// query is what a page token of the list is bound to.
func (q *$request) query() []byte {
	b := q.paging.Append([]byte("$service/$method"))
	${query}return b
}`, golang.Holes{
		"request": request, "method": l.Method, "fields": equalFields(l.Equal),
		"initial": equalInitial(l.Equal), "cases": reads.String(),
		"checks": decoded(record.Switch(checks.String())), "service": p.e.FullServiceName(),
		"query": query.String(), "readers": readers.String(),
	})
	p.handler(f, l, l.Order[0], func(b *strings.Builder) {
		fmt.Fprintf(b, "if err := s.store.%s(ctx, &q, page); err != nil {\nreturn nil, err\n}\n", l.GoName)
	})
}

// readBy prints the method that reads the values which an index is asked for.
func readBy(request string, fields []*schema.Field) string {
	return golang.Fill(`// readBy reads the values to find by.
func (q *$request) readBy(f *@wire.Fields) error {
	${loop}return f.Err()
}`, golang.Holes{"request": request, "loop": eachBy(fields)})
}

// eachBy prints the loop that does.
func eachBy(fields []*schema.Field) string {
	var b strings.Builder
	b.WriteString("for f.Next() {\n")
	if len(fields) == 1 {
		fmt.Fprintf(&b, "if f.Tag == %s {\n%s\n}\n", record.TagName(fields[0]), equalAssign(fields[0]))
	} else {
		b.WriteString("switch f.Tag {\n")
		for _, eq := range fields {
			fmt.Fprintf(&b, "case %s:\n%s\n", record.TagName(eq), equalAssign(eq))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func equalFields(fields []*schema.Field) string {
	var b strings.Builder
	for _, eq := range fields {
		fmt.Fprintf(&b, "%s %s\n", eq.GoName, record.PlainType(eq))
	}
	return b.String()
}

// decoded prints what ends the read of a request: its error, or else what checks
// find.
func decoded(checks string) string {
	if checks == "" {
		return "return @runtime.Decode(f.Err())\n"
	}
	return "if err := f.Err(); err != nil {\nreturn @runtime.Decode(err)\n}\n" + checks + "return nil\n"
}

func equalAssign(f *schema.Field) string {
	if f.Type == schema.Timestamp {
		return fmt.Sprintf("q.%[1]s = f.Timestamp(q.%[1]s)", f.GoName)
	}
	return "q." + f.GoName + " = " + record.Value(f)
}

// boundAssign is the statement that stores the current value in at, an end of a
// range by f.
func boundAssign(f *schema.Field) string {
	if f.Type == schema.Timestamp {
		return fmt.Sprintf("at.%[1]s = f.Timestamp(at.%[1]s)", f.GoName)
	}
	return "at." + f.GoName + " = " + record.Value(f)
}

func equalInitial(fields []*schema.Field) string {
	var b strings.Builder
	for _, f := range fields {
		if f.Type == schema.Text || f.Type == schema.Bytes {
			fmt.Fprintf(&b, "q.%s = @wire.Empty\n", f.GoName)
		}
	}
	return b.String()
}

// equalChecks prints the cases that say what is wrong with the values to find by.
func equalChecks(fields []*schema.Field) string {
	var b strings.Builder
	for _, f := range fields {
		switch {
		case f.Type == schema.Timestamp:
			fmt.Fprintf(&b, "case !q.%s.Set:\nreturn @runtime.Required(%q)\n", f.GoName, "by."+f.Name)
		case f.Required && (f.Type == schema.Text || f.Type == schema.Bytes): // no record has it empty
			fmt.Fprintf(&b, "case len(q.%s) == 0:\nreturn @runtime.Required(%q)\n", f.GoName, "by."+f.Name)
		}
		boundChecks(&b, f, "q."+f.GoName, strconv.Quote("by."+f.Name))
	}
	return b.String()
}
