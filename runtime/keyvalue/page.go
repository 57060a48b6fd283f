package keyvalue

import (
	"fmt"
	"strconv"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/wire"
)

// The fields of a list's request that are messages: the values to find by, and
// the ends of a range.
const (
	TagBy   = 1<<3 | wire.Bytes
	TagFrom = 11<<3 | wire.Bytes
	TagTo   = 12<<3 | wire.Bytes
)

// Paging is the part of a list request that is the same for all lists.
type Paging struct {
	Reverse bool
	Size    int32
	Token   []byte
}

// Read takes the current field if it is one of reverse, page_size and
// page_token.
func (p *Paging) Read(f *wire.Fields) {
	switch f.Tag {
	case 13<<3 | wire.Varint:
		p.Reverse = f.Bool()
	case 14<<3 | wire.Varint:
		p.Size = f.Int32()
	case 15<<3 | wire.Bytes:
		p.Token = f.Text()
	}
}

// The number of records on a page: https://google.aip.dev/158.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Page collects one page of a list's answer, bounded by items and by bytes.
type Page struct {
	call    *runtime.Call // whose answer the page is; nil: nobody's
	out     []byte
	items   int
	limit   int
	reverse bool
	last    []byte // the record added last
	edge    []byte // the record that the next page's range is cut at; nil: no more
}

// Append appends what binds a page token to the list, besides its own fields.
func (p *Paging) Append(b []byte) []byte {
	if p.Reverse {
		return wire.AppendVarint(b, 13, 1)
	}
	return b
}

// Page returns the empty page that p asks for of the list called query, to be
// the answer of call, and the cursor at which the list resumes, nil if it begins.
func (t *Tokens) Page(call *runtime.Call, query []byte, p *Paging) (page *Page, cursor []byte, err error) {
	if page, err = newPage(p); err != nil {
		return nil, nil, err
	}
	page.call = call
	if len(p.Token) > 0 {
		cursor, err = t.Open(query, p.Token)
	}
	return page, cursor, err
}

func newPage(p *Paging) (*Page, error) {
	switch {
	case p.Size < 0:
		return nil, &runtime.Error{
			Reason: runtime.PageSizeRange, Field: "page_size",
			What:     fmt.Sprintf("page_size is %d (0 to %d)", p.Size, maxPage),
			Metadata: map[string]string{"limit": strconv.Itoa(maxPage)},
		}
	case p.Size == 0:
		return &Page{limit: defaultPage, reverse: p.Reverse}, nil
	}
	return &Page{limit: min(int(p.Size), maxPage), reverse: p.Reverse}, nil
}

// Limit is how many records a store has to find: one more than the page takes,
// which tells whether there is another page.
func (p *Page) Limit() int64 { return int64(p.limit) + 1 }

// Reverse says in which direction records are added.
func (p *Page) Reverse() bool { return p.reverse }

// Add copies the next record in order onto the page, and reports false when
// the page is full, or the call is refused the memory: the store then stops.
func (p *Page) Add(row runtime.Row) bool {
	size := row.Size()
	if p.items == p.limit || p.items > 0 && len(p.out)+size > runtime.MaxAnswer-maxToken {
		p.edge = p.last
		if !p.reverse {
			p.edge = append([]byte{}, row.Record...) // an empty one is a record too
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

// Edge returns the record at which the next page's range is cut: the first one
// that did not fit, or of a reverse list the last one that did. It is nil when
// there is no more.
func (p *Page) Edge() []byte { return p.edge }

// Bytes returns the reply. token is empty on the last page.
func (p *Page) Bytes(token []byte) []byte {
	if len(token) == 0 {
		return p.out
	}
	return wire.AppendBytes(p.out, 2, token)
}

// Backwards says that a range's from comes after its to: TIME_RANGE where they
// are times, FIELD_RANGE where not.
//
//go:noinline
func Backwards(times bool) error {
	reason := runtime.FieldRange
	if times {
		reason = runtime.TimeRange
	}
	return &runtime.Error{Reason: reason, Field: "from", What: "from comes after to (from at most to)"}
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
