package schema

import "fmt"

// Limits are what prism.yaml sets in the place of what capacity gives.
type Limits struct {
	InFlight int            // 0: not set
	Rates    map[string]int // calls in a second, by method
}

// Limit is a bound that the proxy keeps, and how it came about.
type Limit struct {
	Value   int // 0: no limit
	Formula string
}

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
	if set := e.Namespace.Limits.Rates[m.Name]; set > 0 {
		return Limit{set, "prism.yaml"}
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
	if n.Limits.InFlight > 0 {
		return Limit{n.Limits.InFlight, "prism.yaml"}
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
