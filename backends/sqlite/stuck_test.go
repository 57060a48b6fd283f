package sqlite_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/prism-proxy/prism/runtime"
)

// A process that is told to stop ends within 30 s, even if a call holds a
// connection of its store and ignores its context, for which grpc's graceful
// stop and the store's Close would wait for ever. The process says so, and
// leaves the store as a crash would.
//
// The test runs itself as the proxy.
func TestStuckCallDoesNotKeepTheProcess(t *testing.T) {
	if dir := os.Getenv("PRISM_TEST_STUCK"); dir != "" {
		os.Exit(runtime.Main(stuck(), []string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--drain-delay", "0s"}))
	}
	if testing.Short() || os.Getenv("PRISM_POISON") != "" {
		t.Skip("it takes 24 s, and runs in another run of the tests")
	}
	t.Parallel()
	dir := t.TempDir()
	proxy := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStuckCallDoesNotKeepTheProcess$")
	proxy.Env = append(os.Environ(), "PRISM_TEST_STUCK="+dir)
	logs, err := proxy.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(logs)
	until := func(text string) string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the proxy ends without %q", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		}
	}
	var listening struct{ Address string }
	if err := json.Unmarshal([]byte(until("listening")), &listening); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(listening.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Invoke(t.Context(), "/test.v1.ThingService/Hang", &emptypb.Empty{}, &emptypb.Empty{})
	}()
	until("a call holds a connection")
	begin := time.Now()
	if err := proxy.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(30*time.Second, func() { proxy.Process.Kill() })
	rest, _ := io.ReadAll(lines)
	err = proxy.Wait()
	if code := proxy.ProcessState.ExitCode(); code != 1 {
		t.Errorf("after %s: %v, want exit code 1\n%s", time.Since(begin), err, rest)
	}
	if !strings.Contains(string(rest), "gave up") {
		t.Errorf("nothing is said of the call:\n%s", rest)
	}
	if err := <-ended; err == nil {
		t.Error("the stuck call succeeds")
	}
	env := runtime.NewEnv("test", dir)
	db := open(t, env, config(initSQL))
	if err := add(t.Context(), db, "after", nil); err != nil {
		t.Errorf("the store that was left takes no writes: %v", err)
	}
}

// stuck is a deployment with a method that takes the writing connection and
// never ends.
func stuck() *runtime.Deployment {
	return &runtime.Deployment{Name: "test", Namespaces: []runtime.Namespace{{
		Name: "ns", Backend: "sqlite",
		Open: func(ctx context.Context, env *runtime.Env) (runtime.Store, error) {
			db, err := config(initSQL).Open(ctx, env)
			if err != nil {
				return runtime.Store{}, err
			}
			return runtime.Store{Closer: db, Services: []runtime.Service{{Name: "test.v1.ThingService", Methods: []runtime.Method{{Name: "Hang", Unary: func(ctx context.Context, _ []byte) ([]byte, error) {
				if _, err := db.Begin(ctx); err != nil {
					return nil, err
				}
				env.Log.Info("a call holds a connection")
				select {}
			}}}}}}, nil
		},
	}}}
}
