package backendtest

import (
	"bytes"
	"os"
	"testing"

	"google.golang.org/grpc/experimental"
)

// Main runs the tests of a harness and returns the exit code of its TestMain.
// With PRISM_POISON=1 in the environment buffers are overwritten as soon as
// they are given back, so that whoever still reads one reads garbage, and a
// buffer that is given back twice ends the run.
func Main(m *testing.M) int {
	if os.Getenv("PRISM_POISON") == "1" {
		experimental.SetDefaultBufferPool(poisoner{})
	}
	return m.Run()
}

// poisoner is a buffer pool that gives no buffer out a second time.
type poisoner struct{}

const poison = 0xdb

// Get returns a fresh buffer.
func (poisoner) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put overwrites the buffer.
func (poisoner) Put(b *[]byte) {
	whole := (*b)[:cap(*b)]
	if len(whole) > 0 && bytes.Count(whole, []byte{poison}) == len(whole) {
		panic("backendtest: a buffer was given back twice")
	}
	for i := range whole {
		whole[i] = poison
	}
}
