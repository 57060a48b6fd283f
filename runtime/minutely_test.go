package runtime

import (
	"testing"
	"time"
)

func TestMinutely(t *testing.T) {
	var m minutely
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Second, false}, {59 * time.Second, false}, {time.Minute, true}, {61 * time.Second, false}, {3 * time.Minute, true}} {
		if got := m.first(begin.Add(c.after)); got != c.want {
			t.Errorf("%s after the first it is the first again: %t, want %t", c.after, got, c.want)
		}
	}
}
