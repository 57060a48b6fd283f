package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// still is a stream whose request has arrived.
type still struct {
	grpc.ServerTransportStream
	left []byte
}

func (s *still) RecvCompress() string { return "" }
func (s *still) ReadMessageHeader(into []byte) error {
	if len(s.left) == 0 && len(into) > 0 {
		return io.EOF
	}
	s.left = s.left[copy(into, s.left):]
	return nil
}

// stillServer returns a server and the context of a stream on which a message
// of n bytes has arrived.
func stillServer(t *testing.T, n int) (*Server, context.Context) {
	t.Helper()
	s := newServer(slog.New(slog.NewTextHandler(io.Discard, nil)), DefaultMemory)
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	conn := s.open.add(here)
	t.Cleanup(func() { conn.Close() })
	stream := &still{left: append(binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), make([]byte, n)...)}
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: conn.RemoteAddr()})
	return s, grpc.NewContextWithServerTransportStream(ctx, stream)
}

// The buffer of a call, and its share of the budget, are given back once, after
// its method has returned, however it ends.
func TestRequestIsFreedOnce(t *testing.T) {
	for name, end := range map[string]func() error{
		"served": func() error { return nil }, "refused": func() error { return errors.New("refused") }, "panic": func() error { panic("planted") },
	} {
		for _, size := range []int{0, 4096, smallPooled + 1, MaxRequest} {
			s, ctx := stillServer(t, size)
			b := &bound{server: s, gate: new(gate)}
			var kept *Call
			b.Unary = func(ctx context.Context, request []byte) ([]byte, error) {
				kept = CallOf(ctx)
				if used := int(s.memory.used.Load()); len(request) != size || used != CallCost+cap(request) {
					t.Errorf("%s: %d bytes are held while the method runs on %d", name, used, len(request))
				}
				return make([]byte, 100), end()
			}
			out, err := b.handle(nil, ctx, nil, nil)
			if kept.request.pooled != nil || kept.request.bytes != nil {
				t.Errorf("%s: the buffer is not freed", name)
			}
			if err == nil {
				if used := s.memory.used.Load(); used != CallCost+100 {
					t.Errorf("%s: %d bytes are held while the answer is sent", name, used)
				}
				out.(*answer).Free()
			}
			if used := s.memory.used.Load(); used != 0 {
				t.Errorf("%s: %d bytes are held after the call", name, used)
			}
		}
	}
}

// A method whose caller leaves may return before its work is done, for example
// a write in a batch with others. The work still reads the request, so the
// buffer is not given back.
func TestRequestOfCallThatWasLeft(t *testing.T) {
	for name, leave := range map[string]func(context.Context) context.Context{
		"cancelled": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		},
		"late": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Hour))
			cancel()
			return ctx
		},
		"there": func(ctx context.Context) context.Context { return ctx },
	} {
		for _, end := range []func(error) ([]byte, error){
			func(err error) ([]byte, error) { return nil, err },
			func(error) ([]byte, error) { return nil, nil }, // done just as the caller left
			func(error) ([]byte, error) { panic("planted") },
		} {
			s, ctx := stillServer(t, 4096)
			b := &bound{server: s, gate: new(gate)}
			var kept []byte
			b.Unary = func(ctx context.Context, request []byte) ([]byte, error) {
				call := CallOf(ctx)
				call.Context, kept = leave(call.Context), request
				return end(ctx.Err())
			}
			if out, err := b.handle(nil, ctx, nil, nil); err == nil {
				out.(*answer).Free()
			}
			if got, want := !bytes.Equal(kept, make([]byte, 4096)), name == "there"; got != want {
				t.Errorf("%s: the request was given back: %t, want %t", name, got, want)
			}
			if used := s.memory.used.Load(); used != 0 {
				t.Errorf("%s: %d bytes are held after the call", name, used)
			}
		}
	}
}

// Whatever grpc does with an answer, in any order, ends the answer's share of
// the budget, but not before the writer is done with it.
func TestAnswerIsGivenUp(t *testing.T) {
	type step struct {
		what string
		held bool // afterwards
	}
	for name, steps := range map[string][]step{
		"sent":                           {{"Ref", true}, {"Free", true}, {"cancel", true}, {"Ref", true}, {"Free", true}, {"Free", false}},
		"sent before the handler ended":  {{"Ref", true}, {"Ref", true}, {"Free", true}, {"Free", true}, {"Free", false}, {"cancel", false}},
		"not queued":                     {{"Free", false}},
		"reset before it was queued":     {{"cancel", true}, {"Ref", true}, {"Free", false}},
		"reset, and freed by the writer": {{"Ref", true}, {"cancel", true}, {"Free", false}, {"Free", false}},
		"connection closed":              {{"Ref", true}, {"Free", true}, {"close", false}},
		"closed while it is sent":        {{"Ref", true}, {"Free", true}, {"Ref", true}, {"close", false}, {"Free", false}, {"Free", false}},
		"closed before it was handed":    {{"close", true}},
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx := stillServer(t, 0)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			a := &answer{holding: holding{of: s.memory}}
			if err := a.take(1000); err != nil {
				t.Fatal(err)
			}
			if steps[0].what == "close" {
				connectionOf(ctx).Close()
				steps = nil
			}
			a.hand(ctx, make([]byte, 1000))
			for i, step := range steps {
				switch step.what {
				case "Ref":
					a.Ref()
				case "Free":
					a.Free()
				case "cancel":
					cancel()
				case "close":
					connectionOf(ctx).Close()
				}
				if held := s.memory.used.Load() > 0; held != step.held {
					t.Errorf("after step %d, %s: held is %t, want %t", i, step.what, held, step.held)
				}
			}
			a.Free()
			connectionOf(ctx).Close()
			if used := s.memory.used.Load(); used != 0 {
				t.Errorf("%d bytes are held at the end", used)
			}
		})
	}
}

// A call that was refused memory for its answer ends with that error, whatever
// its method returns, and holds nothing.
func TestRefusedAnswer(t *testing.T) {
	for name, end := range map[string]error{"no reply": nil, "an error": Absent()} {
		s, ctx := stillServer(t, 0)
		b := &bound{server: s, gate: new(gate)}
		b.Unary = func(ctx context.Context, _ []byte) ([]byte, error) {
			within, cancel := context.WithCancel(ctx)
			defer cancel()
			if CallOf(within).Grow(DefaultMemory) {
				t.Errorf("%s: all the memory is given to one call", name)
			}
			return nil, end
		}
		if _, err := b.handle(nil, ctx, nil, nil); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: the call ends with %v, want OVERLOADED", name, err)
		}
		if used := s.memory.used.Load(); used != 0 {
			t.Errorf("%s: %d bytes are held after the call", name, used)
		}
	}
}
