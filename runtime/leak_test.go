package runtime_test

import (
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/experimental"
)

// When all servers have stopped, nothing is left of them or of their calls.
func TestMain(m *testing.M) {
	if child := children[os.Getenv("PRISM_TEST_CHILD")]; child != nil {
		os.Exit(child())
	}
	experimental.SetDefaultBufferPool(poisoner{})
	files, code := openFiles(), m.Run()
	for begin := time.Now(); code == 0 && (len(serving()) > 0 || openFiles() > files); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			fmt.Printf("FAIL: %d files are open, %d were before, and goroutines are left:\n%s\n", openFiles(), files, strings.Join(serving(), "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// poisoner is a buffer pool that overwrites what is given back, so that a late
// reader reads garbage.
type poisoner struct{}

func (poisoner) Get(n int) *[]byte { return new(make([]byte, n)) }

func (poisoner) Put(b *[]byte) {
	for i := range *b {
		(*b)[i] = 0xdb
	}
}

// serving returns the stacks of the goroutines of servers and of clients.
func serving() []string {
	text := make([]byte, 1<<20)
	stacks := strings.Split(string(text[:goruntime.Stack(text, true)]), "\n\n")
	return slices.DeleteFunc(stacks[1:], func(stack string) bool { // the first is this one
		return !strings.Contains(stack, "google.golang.org/grpc") && !strings.Contains(stack, "prism/runtime.")
	})
}

// openFiles counts the process's files and sockets, where the system shows them.
func openFiles() (n int) {
	list, _ := os.ReadDir("/proc/self/fd")
	for _, f := range list {
		// The network poller opens some of its own once.
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			n++
		}
	}
	return n
}
