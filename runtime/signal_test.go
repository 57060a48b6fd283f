package runtime_test

import (
	"syscall"
	"testing"
	"time"
)

// timeout(1) sends SIGTERM to its child and to the child's group, so two
// signals at once count as one. A later second one is somebody who will not
// wait.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		after  time.Duration
		killed bool
	}{
		{"at once", 100 * time.Millisecond, false},
		{"a second later", 1300 * time.Millisecond, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			child, _ := startChild(t, "main")
			for range 2 {
				if err := child.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.after) // the time between the signals is what is tested
			}
			state, err := child.Process.Wait()
			if err != nil {
				t.Fatal(err)
			}
			status, _ := state.Sys().(syscall.WaitStatus)
			if status.Signaled() != tt.killed || !tt.killed && state.ExitCode() != 0 {
				t.Errorf("the proxy ends with %s; killed by the second signal: want %t", state, tt.killed)
			}
		})
	}
}
