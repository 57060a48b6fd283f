// Package page is what lists have in common, whatever they list: the part of a
// request that asks for a page, the page that a store fills, and the token that
// asks for the next one. Generated code decides which records a list has, and
// in which order.
package page

import (
	"fmt"
	"strconv"

	"github.com/prism-proxy/prism/number"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/wire"
)

// The ends of a range in a list's request; both are messages.
const (
	TagFrom = number.From<<3 | wire.Bytes
	TagTo   = number.To<<3 | wire.Bytes
)

// Request is the part of a list's request that is the same for all lists.
type Request struct {
	Reverse bool
	Size    int32
	Token   []byte
}

// Read takes the current field if it is one of reverse, page_size and
// page_token.
func (r *Request) Read(f *wire.Fields) {
	switch f.Tag {
	case number.Reverse<<3 | wire.Varint:
		r.Reverse = f.Bool()
	case number.PageSize<<3 | wire.Varint:
		r.Size = f.Int32()
	case number.PageToken<<3 | wire.Bytes:
		r.Token = f.Text()
	}
}

// Append appends what a page token is bound to besides the list's own fields.
func (r *Request) Append(b []byte) []byte {
	if r.Reverse {
		return wire.AppendVarint(b, number.Reverse, 1)
	}
	return b
}

// The number of records on a page: https://google.aip.dev/158.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Page collects one page of a list's answer, bounded by items and by bytes.
type Page struct {
	call    *runtime.Call // that the page answers; nil: none
	tokens  *Tokens
	query   []byte // the list
	out     []byte
	items   int
	limit   int
	reverse bool
	last    []byte // the last record added
	edge    []byte // where the next page's range is cut; nil: no more records
}

// Page returns an empty page of the list called query, as r asks for it, to
// answer call. cursor is where the list resumes; nil: at its beginning.
func (t *Tokens) Page(call *runtime.Call, query []byte, r *Request) (page *Page, cursor []byte, err error) {
	page = &Page{call: call, tokens: t, query: query, limit: min(int(r.Size), maxPage), reverse: r.Reverse}
	switch {
	case r.Size < 0:
		return nil, nil, &runtime.Error{
			Reason: runtime.PageSizeRange, Field: "page_size",
			What:     fmt.Sprintf("page_size is %d (0 to %d)", r.Size, maxPage),
			Metadata: map[string]string{"limit": strconv.Itoa(maxPage)},
		}
	case r.Size == 0:
		page.limit = defaultPage
	}
	if len(r.Token) > 0 {
		cursor, err = t.Open(query, r.Token)
	}
	return page, cursor, err
}

// Limit is how many records a store has to find: one more than the page takes,
// to see whether there is another page.
func (p *Page) Limit() int64 { return int64(p.limit) + 1 }

// Reverse reports whether records are added in descending order.
func (p *Page) Reverse() bool { return p.reverse }

// Add copies the next record in order onto the page. It reports false when the
// page is full or the call is refused the memory; the store then stops.
func (p *Page) Add(row runtime.Row) bool {
	size := row.Size()
	if p.items == p.limit || p.items > 0 && len(p.out)+size > runtime.MaxAnswer-maxToken {
		p.edge = p.last
		if !p.reverse {
			p.edge = append([]byte{}, row.Record...) // not nil: an empty record is one too
		}
		return false
	}
	grown, ok := p.call.Extend(p.out, size)
	if !ok {
		return false
	}
	p.out = row.Append(grown)
	p.last = p.out[len(p.out)-len(row.Record):]
	p.items++
	return true
}

// Edge returns the record at which the next page's range is cut: the first that
// did not fit, or in a reverse list the last that did. It is nil if there are
// no more records.
func (p *Page) Edge() []byte { return p.edge }

// Bytes returns the reply. If there are more records, its token resumes the
// list at cursor; otherwise cursor is ignored.
func (p *Page) Bytes(cursor []byte) []byte {
	if p.edge == nil {
		return p.out
	}
	return wire.AppendBytes(p.out, number.NextPageToken, p.tokens.Seal(p.query, cursor))
}

// Backwards says that a range's from comes after its to: TIME_RANGE if they are
// times, FIELD_RANGE if not.
//
//go:noinline
func Backwards(times bool) error {
	reason := runtime.FieldRange
	if times {
		reason = runtime.TimeRange
	}
	return &runtime.Error{Reason: reason, Field: "from", What: "from comes after to"}
}

// CompareBool orders false before true.
func CompareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
