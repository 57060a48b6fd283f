package runtime_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// children are the programs that this test binary runs as if PRISM_TEST_CHILD
// names one.
var children = map[string]func() int{"proxy": childProxy, "main": childMain}

// things is a deployment of ThingService: PutThing takes a while and answers
// nothing, GetThing answers 3 MiB, and GetHeld answers what earlier calls hold.
func things(held func() int64) *runtime.Deployment {
	large := make([]byte, 3<<20)
	methods := []runtime.Method{
		{Name: "PutThing", Write: true, Unary: func(context.Context, []byte) ([]byte, error) {
			time.Sleep(5 * time.Millisecond)
			return nil, nil
		}},
		{Name: "GetThing", Unary: func(ctx context.Context, _ []byte) ([]byte, error) {
			if !runtime.CallOf(ctx).Grow(len(large)) {
				return nil, nil
			}
			return append([]byte(nil), large...), nil
		}},
		{Name: "GetHeld", Unary: func(context.Context, []byte) ([]byte, error) {
			text := fmt.Sprint(held() - runtime.CallCost)
			return append([]byte{0x0a, byte(len(text))}, text...), nil
		}},
	}
	return &runtime.Deployment{Name: "test", Listen: "127.0.0.1:0", Memory: childMemory, Namespaces: []runtime.Namespace{{
		Name: "things", Backend: "none",
		Open: func(context.Context, *runtime.Env) (runtime.Store, error) {
			return runtime.Store{Closer: io.NopCloser(nil), Services: []runtime.Service{{Name: thingService, Methods: methods}}}, nil
		},
	}}}
}

const childMemory = 128 << 20

// childProxy serves things and lets their calls see the server.
func childProxy() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s *runtime.Server
	env := runtime.NewEnv("test", os.TempDir())
	s, err := runtime.Open(ctx, things(func() int64 { return runtime.Held(s) }), env)
	if err != nil {
		env.Log.Error(err.Error())
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		env.Log.Error(err.Error())
		return 1
	}
	env.Log.Info("listening", "address", l.Addr().String())
	if err := s.Serve(ctx, l, 0); err != nil {
		env.Log.Error(err.Error())
		return 1
	}
	return 0
}

// childMain is the whole command of a proxy.
func childMain() int {
	return runtime.Main(things(func() int64 { return 0 }), []string{"serve", "--drain-delay", "3s"})
}

// startChild runs a child until the test ends and returns it with its address.
func startChild(t *testing.T, name string) (*exec.Cmd, string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "PRISM_TEST_CHILD="+name)
	out, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line struct {
			slog.Record
			Address string `json:"address"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
			go io.Copy(os.Stderr, out)
			return child, line.Address
		}
	}
	t.Fatalf("the child does not listen: %v", lines.Err())
	return nil, ""
}
