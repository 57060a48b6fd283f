package migration

import (
	"fmt"
	"strconv"
	"time"
)

// meterEvery is how often a fill prints how far it is.
const meterEvery = 5 * time.Second

// meter says how far a fill is. A fill that goes on from where an earlier try has
// ended begins with more than 0.
type meter struct {
	began, last time.Time
	first       int64 // the records that were done when the meter was first called
	called      bool
}

// line returns what to print at a time, "" if it is too early.
func (m *meter) line(now time.Time, done, all int64) string {
	if !m.called {
		m.called, m.first, m.last = true, done, m.began
	}
	if now.Sub(m.last) < meterEvery {
		return ""
	}
	m.last = now
	rate := float64(done-m.first) / now.Sub(m.began).Seconds()
	line := fmt.Sprintf("%s rows, %s/s", thousands(done), thousands(int64(rate)))
	if all < done || rate < 1 {
		return line
	}
	left := time.Duration(float64(all-done) / rate * float64(time.Second))
	return fmt.Sprintf("%s of %s rows, %s/s, %s left", thousands(done), thousands(all), thousands(int64(rate)), left.Round(time.Second))
}

// thousands writes a number as 4,120,000.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
