package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/prism-proxy/prism/runtime"
)

// working opens a server whose namespaces have the given tasks, each in a
// service of its own. It logs to out.
func working(t *testing.T, out io.Writer, namespaces ...[]runtime.Task) *runtime.Server {
	t.Helper()
	d := &runtime.Deployment{Name: "test"}
	for i, tasks := range namespaces {
		var services []runtime.Service
		for j, task := range tasks {
			services = append(services, runtime.Service{Name: fmt.Sprintf("test.v1.Service%d%d", i, j), Tasks: []runtime.Task{task}})
		}
		d.Namespaces = append(d.Namespaces, runtime.Namespace{
			Name: fmt.Sprint("ns", i), Backend: "none",
			Open: func(context.Context, *runtime.Env) (runtime.Store, error) {
				return runtime.Store{Closer: io.NopCloser(nil), Services: services}, nil
			},
		})
	}
	env := runtime.NewEnv("test", t.TempDir())
	env.Log = slog.New(slog.NewJSONHandler(out, nil))
	server, err := runtime.Open(t.Context(), d, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// every is a task whose name does not matter to the test.
func every(pause time.Duration, run func(context.Context) (bool, error)) runtime.Task {
	return runtime.Task{Name: "work", Every: pause, Run: run}
}

// A task that fails, panics, hangs or never runs out of work does not block the
// others.
func TestTasksGoOn(t *testing.T) { synctest.Test(t, testTasksGoOn) }

func testTasksGoOn(t *testing.T) {
	last, endless := 0, 0
	var tasks []runtime.Task
	for _, run := range []func(context.Context) (bool, error){
		func(context.Context) (bool, error) { return false, errors.New("down") },
		func(context.Context) (bool, error) { panic("work") },
		func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() },
		func(context.Context) (bool, error) { time.Sleep(time.Second); endless++; return true, nil }, // in the bubble's time
		func(context.Context) (bool, error) { last++; return last < 3, nil },
	} {
		tasks = append(tasks, every(time.Second, run))
	}
	did, err := working(t, io.Discard, tasks).RunTasks(t.Context())
	if !did || last != 3 || endless != 10 || err == nil {
		t.Errorf("did something: %t; %d runs without end and %d of the last; want 10 within a turn of 10 s, 3, and the errors of the others (%v)", did, endless, last, err)
	}
	for _, want := range []string{"test.v1.Service00: work: down", "test.v1.Service01: work: PANIC", "test.v1.Service02: work: context deadline exceeded"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("the error %v does not say %q", err, want)
		}
	}
}

// RunTasks reports whether there was anything to do.
func TestTasksWithNothingToDo(t *testing.T) {
	idle := every(time.Second, func(context.Context) (bool, error) { return false, nil })
	if did, err := working(t, io.Discard, []runtime.Task{idle}, nil).RunTasks(t.Context()); did || err != nil {
		t.Errorf("did something: %t, %v", did, err)
	}
}

// A server runs the tasks of a namespace one after the other, each at its own
// interval, and concurrently with other namespaces' tasks. It logs failures,
// and does not stop before a running task has ended.
func TestServerRunsTasks(t *testing.T) { synctest.Test(t, testServerRunsTasks) }

func testServerRunsTasks(t *testing.T) {
	begin := time.Now()
	var mu sync.Mutex
	var ran []string
	var ended atomic.Bool
	running := 0 // only by the namespace's goroutine
	note := func(name string, took time.Duration) func(context.Context) (bool, error) {
		return func(context.Context) (bool, error) {
			if running++; running > 1 {
				t.Errorf("%s runs beside another of its namespace", name)
			}
			mu.Lock()
			ran = append(ran, fmt.Sprintf("%s %s", name, time.Since(begin)))
			mu.Unlock()
			time.Sleep(took) // in the bubble's time
			running--
			return false, nil
		}
	}
	hang := func(ctx context.Context) (bool, error) {
		<-ctx.Done()
		err := ctx.Err()
		time.Sleep(time.Second) // in the bubble's time: ending takes a while
		ended.Store(true)
		return false, err
	}
	out := new(bytes.Buffer)
	server := working(t, out,
		[]runtime.Task{every(25*time.Second, note("rare", 0)), every(10*time.Second, note("often", 2*time.Second)), every(11*time.Second, note("slow", 4*time.Second))},
		[]runtime.Task{every(5*time.Second, hang)},
		nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, bufconn.Listen(1<<10), 0) }()
	time.Sleep(43 * time.Second)
	synctest.Wait()
	want := []string{"often 10s", "slow 12s", "often 22s", "rare 25s", "slow 27s", "often 34s", "slow 42s"}
	mu.Lock()
	if !slices.Equal(ran, want) {
		t.Errorf("ran %q, want %q", ran, want)
	}
	mu.Unlock()
	time.Sleep(time.Minute) // the one that hangs has had its 60 s and its next turn
	synctest.Wait()
	log := out.String()
	if !ended.Load() || !strings.Contains(log, `"msg":"task failed","service":"test.v1.Service10","task":"work","namespace":"ns1","cause":"context deadline exceeded"`) {
		t.Errorf("what fails is not logged: %q", log)
	}
	ended.Store(false)
	cancel()
	if err := <-done; err != nil || !ended.Load() {
		t.Errorf("stopped with %v, after its tasks: %t", err, ended.Load())
	}
	if log := strings.TrimPrefix(out.String(), log); strings.Contains(log, "task failed") {
		t.Errorf("a task that was stopped is logged as failed: %s", log)
	}
}
