package runtime

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"google.golang.org/grpc/mem"
)

// counter is a buffer pool that counts what it takes back.
type counter struct{ freed int }

func (c *counter) Get(length int) *[]byte { b := make([]byte, length); return &b }
func (c *counter) Put(*[]byte)            { c.freed++ }

// The buffers of a call are given back once, after its method has returned,
// however it ends.
func TestRequestIsFreedOnce(t *testing.T) {
	for name, end := range map[string]func() error{
		"served": func() error { return nil }, "refused": func() error { return errors.New("refused") }, "panic": func() error { panic("planted") },
	} {
		for messages := 1; messages <= 2; messages++ {
			pool := new(counter)
			b := &bound{server: &Server{log: slog.New(slog.NewTextHandler(io.Discard, nil))}, gate: new(gate)}
			b.Serve = func(call *Call) error {
				if pool.freed != messages-1 || len(call.Request()) != 4096 {
					t.Errorf("%s: %d of %d buffers are freed while the method runs on %d bytes", name, pool.freed, messages, len(call.Request()))
				}
				return end()
			}
			_, _ = b.handle(nil, t.Context(), func(into any) error {
				for range messages { // grpc decodes all, and frees what it has read
					data := mem.BufferSlice{mem.NewBuffer(pool.Get(4096), pool)}
					if err := newCodec().Unmarshal(data, into); err != nil {
						t.Error(err)
					}
					data.Free()
				}
				return nil
			}, nil)
			if pool.freed != messages {
				t.Errorf("%s: %d of %d buffers were freed", name, pool.freed, messages)
			}
		}
	}
}
