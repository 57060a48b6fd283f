package service

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/record"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/number"
)

// scan prints the request of the scan and its handler.
func (p *printer) scan(f *golang.File) {
	e := p.e
	if len(e.Sort) == 0 {
		f.Fill(`// scanRequest is a Scan${entities}Request.
type scanRequest struct{ list }

func (q *scanRequest) read(b []byte) error {
	q.list = everything
	f := @wire.Read(b)
	for f.Next() {
		q.paging.Read(f)
	}
	return @runtime.Decode(f.Err())
}

// query is what a page token of the list is bound to.
func (q *scanRequest) query() []byte {
	return q.paging.Append([]byte("$service/Scan$entities"))
}`, golang.Holes{"entities": e.Plural, "service": p.e.FullServiceName()})
	} else {
		p.scanRequest(f)
	}
	p.handler(f, e.Lists()[0], nil, func(b *strings.Builder) {
		if len(e.Sort) == 0 {
			b.WriteString("if err := s.store.scan(ctx, &q, page); err != nil {\nreturn nil, err\n}\n")
			return
		}
		b.WriteString(`if q.inPartition {
		err = s.store.scanPartition(ctx, &q, page)
	} else {
		err = s.store.scan(ctx, &q, page)
	}
	if err != nil {
		return nil, err
	}
`)
	})
}

// scanRequest prints the request of a scan that may be within one partition.
func (p *printer) scanRequest(f *golang.File) {
	e := p.e
	keyOf := func(bound string) string { return "q." + bound }
	if place, _ := p.place(); place == "position" {
		keyOf = func(bound string) string { return "q." + bound + ".key" }
	}
	f.Fill(`// scanRequest is a Scan${entities}Request.
type scanRequest struct {
	list
	partition   key
	inPartition bool
	hasFrom     bool
}

func (q *scanRequest) read(b []byte) error {
	q.list, q.partition = everything, emptyKey
	f := @wire.Read(b)
	for f.Next() {
		switch f.Tag {
		case $partition<<3 | @wire.Bytes:
			q.inPartition = true
			join(&q.partition, f)
		case @page.TagFrom:
			q.hasFrom = true
			join(&$from, f)
		case @page.TagTo:
			q.bounded = true
			join(&$to, f)
		default:
			q.paging.Read(f)
		}
	}
	if err := f.Err(); err != nil {
		return @runtime.Decode(err)
	}
	return q.valid()
}

// join reads into k the current field of f, a message that has fields of the key.
func join(k *key, f *@wire.Fields) { f.Join(k.read(f.Message())) }

// valid says what is wrong with the partition and the range.
func (q *scanRequest) valid() error {
	if !q.inPartition {
		if q.hasFrom || q.bounded {
			return @runtime.Required("partition")
		}
		return nil
	}
	if err := validPartition(&q.partition); err != nil {
		return @runtime.In("partition", err)
	}
	if err := validBound(&$from); err != nil {
		return @runtime.In("from", err)
	}
	if err := validBound(&$to); err != nil {
		return @runtime.In("to", err)
	}
	if q.bounded && $backwards {
		return @page.Backwards($inTime)
	}
	return nil
}

// query is what a page token of the list is bound to.
func (q *scanRequest) query() []byte {
	b := q.paging.Append([]byte("$service/Scan$entities"))
	if q.inPartition {
		b = @wire.AppendBytes(b, $partition, q.partition.append(nil))
		b = appendRange(b, &q.list)
	}
	return b
}`, golang.Holes{
		"entities": e.Plural, "from": keyOf("from"), "to": keyOf("to"), "backwards": backwards(e.Sort),
		"inTime": e.Sort[0].Type == schema.Timestamp, "service": p.e.FullServiceName(),
		"partition": number.Partition,
	})

	var b strings.Builder
	b.WriteString("// validBound says what is wrong with the sort key of a range, whose trailing\n// fields may be unset.\nfunc validBound(k *key) error {\n")
	var cases strings.Builder
	for i, s := range e.Sort {
		if i > 0 && !zeroIsLowest(e.Sort[i-1]) {
			fmt.Fprintf(&cases, "case %s && %s:\nreturn @runtime.Required(%q)\n", unset(e.Sort[i-1], "k."), isSet(s, "k."), e.Sort[i-1].Name)
		}
		boundChecks(&cases, s, "k."+s.GoName, strconv.Quote(s.Name))
	}
	b.WriteString(record.Switch(cases.String()) + "return nil\n}")
	f.Add("%s", b.String())
}

// zeroIsLowest reports whether the lowest value of a field is zero, which a
// request may have set or not: nothing is missing before the field after it.
func zeroIsLowest(f *schema.Field) bool { return f.Type == schema.Uint || f.Type == schema.Bool }

func unset(f *schema.Field, prefix string) string {
	value := prefix + f.GoName
	switch f.Type {
	case schema.Text, schema.Bytes:
		return "len(" + value + ") == 0"
	case schema.Timestamp:
		return "!" + value + ".Set"
	}
	return value + " == @math.MinInt64"
}

func isSet(f *schema.Field, prefix string) string {
	value := prefix + f.GoName
	switch f.Type {
	case schema.Text, schema.Bytes:
		return "len(" + value + ") > 0"
	case schema.Timestamp:
		return value + ".Set"
	case schema.Int:
		return value + " != @math.MinInt64"
	case schema.Bool:
		return value
	}
	return value + " != 0"
}
