package backendtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// asProxy in the environment makes Main run the commands of a proxy instead of
// the tests.
const asProxy = "PRISM_TEST_AS_PROXY"

// Process is a proxy in a separate process that can be killed. It runs the
// test's own program, whose TestMain calls Main.
type Process struct {
	Address string
	command *exec.Cmd
}

// Migrate migrates the stores that getenv leads to to the conformance schema of
// b, for proxies in separate processes.
func Migrate(t testing.TB, b Backend, getenv func(name string) string) {
	t.Helper()
	p := &Proxy{DataDir: t.TempDir(), Getenv: getenv, backend: b}
	if err := p.migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Spawn starts a proxy that listens on the address and keeps embedded stores in
// dataDir, with additional environment variables, and returns when it listens.
// If it still runs when t ends, it is killed.
func Spawn(t testing.TB, dataDir, listen string, environment ...string) *Process {
	t.Helper()
	p, err := spawn(t, dataDir, listen, environment)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// SpawnAgain is Spawn as by a supervisor: if the proxy does not start because
// its store is away, it is started again after a pause, for up to 30 seconds.
func SpawnAgain(t testing.TB, dataDir, listen string, environment ...string) *Process {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		p, err := spawn(t, dataDir, listen, environment)
		if err == nil {
			return p
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

func spawn(t testing.TB, dataDir, listen string, environment []string) (*Process, error) {
	t.Helper()
	environment = append(append(os.Environ(), environment...), asProxy+"=1")
	command := exec.Command(os.Args[0], "serve", "--data-dir", dataDir, "--listen", listen, "--drain-delay", "0s")
	command.Env = environment
	logs, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if command.ProcessState == nil {
			command.Process.Kill()
			command.Wait()
		}
	})
	var line struct{ Msg, Address string }
	scanner := bufio.NewScanner(logs)
	var last string
	for line.Msg != "listening" {
		if !scanner.Scan() {
			return nil, fmt.Errorf("the proxy does not listen: %w: %s", command.Wait(), last)
		}
		last = scanner.Text()
		json.Unmarshal(scanner.Bytes(), &line) // the reason why a proxy ends is not JSON
	}
	go func() {
		for scanner.Scan() { // a full pipe would block the proxy
		}
	}()
	return &Process{Address: line.Address, command: command}, nil
}

// Kill ends the process at once, as a crash does.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.command.Wait()
}

// Stop asks the process to end and waits until it has. The test fails if it
// ends with an error, or takes longer than the 30 seconds that a drain may
// take.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { p.command.Process.Kill() })
	defer late.Stop()
	if err := p.command.Wait(); err != nil {
		t.Fatalf("the proxy ends with %v", err)
	}
}

// Bounded fails t if the process holds more files (connections included) or
// memory than an idle proxy.
func (p *Process) Bounded(t testing.TB) {
	t.Helper()
	const maxFiles, maxResident = 100, 400 << 20
	files, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	resident := p.resident(t)
	t.Logf("a proxy has %d files and %d MiB", len(files), resident>>20)
	if len(files) > maxFiles || resident > maxResident {
		t.Errorf("rule: after the last fault a proxy holds what it needs; it has %d files and %d MiB", len(files), resident>>20)
	}
}

// resident returns the process's resident memory in bytes.
func (p *Process) resident(t testing.TB) int64 {
	t.Helper()
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &kib)
	}
	if kib == 0 {
		t.Fatalf("the process has no resident memory:\n%s", status)
	}
	return kib << 10
}

func (p *Process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.command.Process.Pid, file)
}

// Pause suspends the process for d.
func (p *Process) Pause(t testing.TB, d time.Duration) {
	t.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := p.command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGSTOP {
			time.Sleep(d) // the pause is what is tested
		}
	}
}

// dial returns a client that reconnects at once when a proxy is back.
func dial(t testing.TB, target string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	soon := backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: 100 * time.Millisecond}
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: soon, MinConnectTimeout: time.Second}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
