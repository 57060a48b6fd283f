package backendtest

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// verifyStopped fails t if there are more goroutines, sockets and files of
// stores at its end than now.
func verifyStopped(t *testing.T) {
	goroutines, files := len(working()), len(openFiles())
	t.Cleanup(func() {
		for begin := time.Now(); len(working()) > goroutines || len(openFiles()) > files; time.Sleep(time.Millisecond) {
			if time.Since(begin) > 5*time.Second {
				t.Errorf("rule: a proxy that stopped leaves nothing; open are %q, and goroutines:\n%s", openFiles(), strings.Join(working(), "\n\n"))
				return
			}
		}
	})
}

// working returns the stacks of goroutines that belong neither to tests nor to
// processes that they started.
func working() []string {
	text := make([]byte, 4<<20)
	stacks := strings.Split(string(text[:runtime.Stack(text, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(stack string) bool {
		return strings.Contains(stack, "testing.") || strings.Contains(stack, "os/exec.")
	})
}

// openFiles returns the open sockets and files of embedded stores, if the
// system shows them.
func openFiles() (open []string) {
	list, _ := os.ReadDir("/proc/self/fd")
	for _, f := range list {
		to, _ := os.Readlink("/proc/self/fd/" + f.Name())
		if strings.HasPrefix(to, "socket:") || strings.Contains(to, ".db") {
			open = append(open, to)
		}
	}
	return open
}
