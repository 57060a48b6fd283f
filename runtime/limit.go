package runtime

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// newRate returns the limiter of a method that may begin perSecond calls in a
// second, or nil if perSecond is 0. Its bucket holds a quarter of a second's
// calls, but at least five. So bursts pass, and from ten calls a second upwards
// no ten seconds exceed the rate by more than 5 %.
func newRate(perSecond int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(5, perSecond/4))
}

func rateLimited(perSecond int) error {
	return &Error{
		Reason: RateLimited, What: fmt.Sprintf("calls come too fast (at most %d per second)", perSecond),
		Metadata:   map[string]string{"limit": strconv.Itoa(perSecond), "outcome": "none"},
		retryAfter: time.Second / time.Duration(perSecond),
	}
}

// gate bounds how many calls a namespace serves at the same time. No call waits
// at it: it would hold its request's memory, and be served after its caller has
// given up.
type gate struct {
	limit int64  // 0: none
	from  string // where it comes from
	in    atomic.Int64
}

func (g *gate) enter() bool {
	if g.limit == 0 {
		return true
	}
	if g.in.Add(1) <= g.limit {
		return true
	}
	g.in.Add(-1)
	return false
}

func (g *gate) leave() {
	if g.limit != 0 {
		g.in.Add(-1)
	}
}

// minutely picks out the first of the events within a minute. The zero value is
// ready to use.
type minutely struct{ last atomic.Int64 }

func (m *minutely) first(now time.Time) bool {
	last := m.last.Load()
	return (last == 0 || now.UnixNano()-last >= int64(time.Minute)) && m.last.CompareAndSwap(last, now.UnixNano())
}

func overloaded(limit int64) error {
	return &Error{
		Reason: Overloaded, What: fmt.Sprintf("the namespace is serving too many calls (at most %d at a time)", limit),
		Metadata: map[string]string{"limit": strconv.FormatInt(limit, 10), "outcome": "none"},
	}
}
