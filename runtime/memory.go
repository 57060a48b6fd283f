package runtime

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// How a proxy's memory is divided. The compiler writes the results into
// plan.md; a test compares its constants with these.
const (
	DefaultMemory  = 256 << 20 // if a Deployment does not say
	ConnectionCost = 64 << 10  // bytes of a connection: buffers, tables of HPACK, goroutines
	CallCost       = 32 << 10  // bytes of a call besides its request and its answer: goroutine, stream, metadata

	// unpackCost is what unpacking a request takes besides its result.
	unpackCost = 48 << 10
	// freeAnswer is the size up to which an answer is not charged before it
	// exists.
	freeAnswer = 8 << 10
	// smallHolding is the size up to which a call may use the reserve.
	smallHolding = 64 << 10
)

// maxConnections returns how many connections may be open at a time: a quarter
// of the memory is theirs.
func maxConnections(memory int64) int { return int(memory / 4 / ConnectionCost) }

// budget bounds the memory that the calls of all connections hold together:
// requests while they are read, unpacked and served, and answers until they are
// sent. The last eighth is reserved for small calls, so that large ones do not
// keep them out. What exceeds the budget is refused; nothing waits. It is safe
// for concurrent use.
type budget struct {
	limit int64
	used  atomic.Int64
}

// newBudget returns the budget of calls: the three quarters of the memory that
// are not the connections'.
func newBudget(memory int64) *budget { return &budget{limit: memory / 4 * 3} }

// holding is one call's share of the budget. It is used by one goroutine at a
// time.
type holding struct {
	of    *budget
	bytes int64
}

// take adds n bytes to the share, or returns the error that refuses them.
func (h *holding) take(n int) error {
	limit := h.of.limit
	if h.bytes+int64(n) > CallCost+smallHolding {
		limit -= limit / 8
	}
	if h.of.used.Add(int64(n)) > limit {
		h.of.used.Add(int64(-n))
		return &Error{
			Reason: Overloaded, What: fmt.Sprintf("calls hold too much memory (at most %d MiB in total)", h.of.limit>>20),
			Metadata: map[string]string{"limit": strconv.FormatInt(h.of.limit, 10), "outcome": "none"},
		}
	}
	h.bytes += int64(n)
	return nil
}

// resize sets the share to n bytes, whatever is left of the budget.
func (h *holding) resize(n int) {
	h.of.used.Add(int64(n) - h.bytes)
	h.bytes = int64(n)
}
