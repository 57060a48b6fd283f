package plan

import (
	"fmt"
	"slices"

	"github.com/prism-proxy/prism/generator/schema"
)

// figure is something computed from the declared capacity.
type figure struct{ name, value, formula string }

// figures returns what can be computed from what e declares.
func figures(e *schema.Entity, sql bool) []figure {
	c := e.Capacity
	var all []figure
	if c.Records > 0 && c.BytesPerRecord > 0 {
		all = append(all, storage(e, sql))
	}
	if c.PeakWrites > 0 && c.BytesPerRecord > 0 {
		all = append(all, bandwidth("peak of writes", "writes", c.PeakWrites, c.BytesPerRecord))
	}
	if c.PeakReads > 0 && c.BytesPerRecord > 0 {
		all = append(all, bandwidth("peak of reads", "reads", c.PeakReads, c.BytesPerRecord))
	}
	return all
}

// What a row costs beside its values, in any of the stores: its header, the
// version, the release and the expiry; and what an index entry costs.
const (
	rowOverhead   = 64
	entryOverhead = 16
)

// storage is the most that the records take on disk: each with its columns and
// an entry in every index, the primary key's among them, in pages that are two
// thirds full, as random inserts leave a B-tree. A text counts with the
// greatest length that it may have, but never with more than the record.
func storage(e *schema.Entity, sql bool) figure {
	c := e.Capacity
	columns := width(e, e.Stored(sql))
	entries := width(e, e.Key()) + entryOverhead
	for _, x := range e.Indexes {
		entries += width(e, withKey(e, x.Fields())) + entryOverhead
	}
	bytes := float64(c.Records) * float64(c.BytesPerRecord+columns+entries+rowOverhead) * 3 / 2
	return figure{"storage, at most", quantity(bytes), fmt.Sprintf(
		"%s records × (%s bytes of record + %s of columns + %s of index entries + %d of row) × 3/2",
		Grouped(c.Records), Grouped(c.BytesPerRecord), Grouped(columns), Grouped(entries), rowOverhead)}
}

// width is the sum of what the fields take in a row or an index entry.
func width(e *schema.Entity, fields []*schema.Field) uint64 {
	var sum uint64
	for _, f := range fields {
		switch f.Type {
		case schema.Text, schema.Bytes:
			n := e.Capacity.BytesPerRecord
			if f.MaxLength > 0 {
				n = min(n, uint64(f.MaxLength))
			}
			sum += n
		case schema.Timestamp:
			sum += uint64(len("2006-01-02T15:04:05.000000000Z")) // the widest form that a store has
		default:
			sum += 8
		}
	}
	return sum
}

// bandwidth is what clients and the proxy exchange of records at the peak.
func bandwidth(name, what string, perSecond, bytes uint64) figure {
	return figure{name, quantity(float64(perSecond)*float64(bytes)) + "/s", fmt.Sprintf("%s %s/s × %s bytes", Grouped(perSecond), what, Grouped(bytes))}
}

// quantity writes n bytes with three digits, in decimal units.
func quantity(n float64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB"}
	unit := 0
	for n >= 999.5 && unit < len(units)-1 {
		n /= 1000
		unit++
	}
	return fmt.Sprintf("%.3g %s", n, units[unit])
}

// Grouped writes n with commas, as plan.md has numbers: 1,000,000.
func Grouped(n uint64) string {
	digits := []byte(fmt.Sprint(n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}

// Limits that hold for every call. They are the runtime's, which a test
// compares: the compiler does not link it.
const (
	MaxRequest  = 4 << 20
	MaxRecord   = 3 << 20
	MaxAnswer   = 3<<20 + 1<<19
	MaxBatch    = 1000
	MaxDepth    = 96
	MaxElements = 100_000
	MaxDecoded  = 64 << 20
)

func (p *page) limits() {
	const mib = 1 << 20
	p.add("## Limits in force\n")
	p.table([]string{"limit", "value"}, [][]string{
		{"request", fmt.Sprintf("%d MiB", MaxRequest/mib)},
		{"record", fmt.Sprintf("%d MiB", MaxRecord/mib)},
		{"answer, and page of a list", fmt.Sprintf("%.1f MiB", float64(MaxAnswer)/mib)},
		{"items of a batch", Grouped(MaxBatch)},
		{"records of a page", "100 where the request names no number, 1,000 at most"},
		{"encoded key, and index entry with its key", "1,024 bytes"},
		{"depth of nested messages", fmt.Sprint(MaxDepth)},
		{"elements of a message, at all depths", Grouped(MaxElements)},
		{"a message decoded, by estimate", fmt.Sprintf("%d MiB", MaxDecoded/mib)},
		{"life of a page token", "24 h"},
		{"metadata of a call", "16 KiB"},
		{"calls at a time on a connection", "100"},
		{"from a call's metadata to the end of its request", "5 s"},
		{"deadline of a call", "5 s where the client sets none, 60 s at most"},
	})
}
