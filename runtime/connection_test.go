package runtime

import (
	"testing"
	"time"
)

// A client may take 5 s for each part of an answer, and a minute for all of it.
func TestStuck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration // between parts that are taken; 0: none is
		want  time.Duration
	}{
		{"nothing is taken", 0, 5 * time.Second},
		{"a part in 4 s", 4 * time.Second, time.Minute},
		{"a part in 6 s", 6 * time.Second, 5 * time.Second},
	} {
		s, ctx := stillServer(t, 0)
		a := &answer{holding: holding{of: s.memory}}
		a.hand(ctx, make([]byte, 1000))
		begin := time.Now()
		for after := time.Duration(0); ; after += time.Second {
			if tt.every > 0 && after > 0 && after%tt.every == 0 {
				a.ReadOnlyData()
			}
			if after > 2*time.Minute {
				t.Errorf("%s: it may wait for ever", tt.name)
			} else if !a.conn.stuck(begin.Add(after)) {
				continue
			}
			if after != tt.want {
				t.Errorf("%s: the connection is stuck after %s, want %s", tt.name, after, tt.want)
			}
			break
		}
	}
}
