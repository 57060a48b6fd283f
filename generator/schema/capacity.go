package schema

import (
	"fmt"
	"strings"
)

// Limits are what prism.yaml sets in the place of what capacity gives.
type Limits struct {
	InFlight Number            // 0: not set
	Rates    map[string]Number // calls in a second, by method
}

// Number is a number of prism.yaml, which may differ between environments.
type Number struct {
	Value     int    // with a reference its default
	Reference string // ${env:POOL:-16}; "": none
	Min, Max  int
}

// Limit is a bound that the proxy keeps, and how it came about.
type Limit struct {
	Value   int // 0: no limit
	Formula string
}

func (n Number) limit() Limit { return Limit{n.Value, n.Formula("prism.yaml")} }

// The proxy lets in twice the declared peak: capacity is what a team plans
// with, not where it is cut off. Between calls that take a quarter of a second
// each, far beyond what a healthy store needs, that many are under way.
const (
	peakHeadroom   = 2
	slowCallMillis = 250
	minInFlight    = 64
	maxInFlight    = 4096
)

// Rate returns how many calls of a method are begun in a second, at most.
func (e *Entity) Rate(m *Method) Limit {
	if set := e.Namespace.Limits.Rates[m.Name]; set.Value > 0 {
		return set.limit()
	}
	peak, what := e.Capacity.PeakReads, "reads"
	if m.Write {
		peak, what = e.Capacity.PeakWrites, "writes"
	}
	if peak == 0 {
		return Limit{}
	}
	return Limit{int(peakHeadroom * peak), fmt.Sprintf("%d × %d peak %s/s", peakHeadroom, peak, what)}
}

// InFlight returns how many calls of the namespace are served at the same time,
// at most. Where an entity declares no peak, nobody knows how many calls there
// may be, and there is no limit.
func (n *Namespace) InFlight() Limit {
	if n.Limits.InFlight.Value > 0 {
		return n.Limits.InFlight.limit()
	}
	var peak uint64
	for _, e := range n.Entities {
		if e.Capacity.PeakReads == 0 || e.Capacity.PeakWrites == 0 {
			return Limit{}
		}
		peak += e.Capacity.PeakReads + e.Capacity.PeakWrites
	}
	calls := (peakHeadroom*peak*slowCallMillis + 999) / 1000
	return Limit{int(min(max(calls, minInFlight), maxInFlight)), fmt.Sprintf("clamp(%d, ceil(%d × %d peak calls/s × %d ms), %d)",
		minInFlight, peakHeadroom, peak, slowCallMillis, maxInFlight)}
}

// The memory that a proxy takes for connections and calls, by default: what
// calls hold while they are served, at the rate that is let in, with a page of
// records each; a quarter of it is the connections'.
const (
	minMemory     = 64 << 20
	defaultMemory = 256 << 20
	mostMemory    = 4 << 30 // that is derived
	maxMemory     = 1024 << 30

	// CallCost is what a call holds beside request and answer, ConnectionCost what
	// a connection does. They are the runtime's, which a test compares.
	CallCost       = 32 << 10
	ConnectionCost = 64 << 10

	pageRecords = 100 // of a list whose request names no number
	maxAnswer   = 3<<20 + 1<<19
)

// Memory returns how many bytes connections and calls may hold together. An
// entity that declares no size of its records counts with what a call holds
// besides, and a namespace without a limit of calls not at all.
func (d *Deployment) Memory() Limit {
	if d.MemorySet > 0 {
		return Limit{int(d.MemorySet), "prism.yaml"}
	}
	var calls uint64
	terms := []string{}
	for _, n := range d.Namespaces {
		var record uint64
		for _, e := range n.Entities {
			record = max(record, min(e.Capacity.BytesPerRecord, maxRecord))
		}
		inFlight := uint64(n.InFlight().Value)
		if inFlight == 0 {
			continue
		}
		calls += inFlight * (CallCost + min(pageRecords*record, maxAnswer))
		terms = append(terms, fmt.Sprintf("%d calls of %s × (32 KiB + min(%d records × %d bytes, 3.5 MiB))", inFlight, n.Name, pageRecords, record))
	}
	if len(terms) == 0 {
		return Limit{defaultMemory, "the default: no namespace has a limit of calls"}
	}
	const mib = 1 << 20
	need := (calls*4/3 + mib - 1) / mib * mib
	return Limit{int(min(max(need, defaultMemory), mostMemory)), fmt.Sprintf("clamp(256 MiB, 4/3 × (%s), 4 GiB)", strings.Join(terms, " + "))}
}

// Connections returns how many connections are open at a time, at most, of the
// given memory: a quarter of it is theirs.
func Connections(memory int) int { return memory / 4 / ConnectionCost }
