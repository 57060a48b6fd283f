package migration

import (
	"testing"
	"time"
)

// A line at most every 5 s. The rate is this run's, whatever an earlier one did.
func TestMeter(t *testing.T) {
	began := time.Unix(0, 0)
	m := meter{began: began}
	for _, c := range []struct {
		second    int
		done, all int64
		want      string
	}{
		{0, 2_000_000, 20_000_000, ""},
		{4, 2_400_000, 20_000_000, ""},
		{10, 2_700_000, 20_000_000, "2,700,000 of 20,000,000 rows, 70,000/s, 4m7s left"},
		{14, 2_900_000, 20_000_000, ""},
		{20, 3_400_000, 0, "3,400,000 rows, 70,000/s"},
		{30, 2_000_000, 20_000_000, "2,000,000 rows, 0/s"},
		{40, 2_000_400, 20_000_000, "2,000,400 of 20,000,000 rows, 10/s, 499h59m20s left"},
	} {
		if got := m.line(began.Add(time.Duration(c.second)*time.Second), c.done, c.all); got != c.want {
			t.Errorf("after %d s: got %q, want %q", c.second, got, c.want)
		}
	}
	if got := thousands(999); got != "999" {
		t.Errorf("got %s", got)
	}
}
