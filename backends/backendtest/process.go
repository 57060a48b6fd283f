package backendtest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
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

// Process is a proxy in a process of its own, which can be killed: the test's
// own program, whose TestMain calls Main.
type Process struct {
	Address string
	command *exec.Cmd
}

// Spawn starts a proxy that listens on the address and keeps embedded stores in
// dataDir, with more variables in its environment, and returns when it listens.
// A process that still runs when t ends is killed.
func Spawn(t testing.TB, dataDir, listen string, environment ...string) *Process {
	t.Helper()
	environment = append(append(os.Environ(), environment...), asProxy+"=1")
	command := exec.Command(os.Args[0], "serve", "--data-dir", dataDir, "--listen", listen, "--drain-delay", "0s")
	command.Env = environment
	logs, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if command.ProcessState == nil {
			command.Process.Kill()
			command.Wait()
		}
	})
	var line struct{ Msg, Address string }
	scanner := bufio.NewScanner(logs)
	for line.Msg != "listening" {
		if !scanner.Scan() {
			t.Fatalf("the proxy does not listen: %v", command.Wait())
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("the proxy does not listen: %s", scanner.Text())
		}
	}
	go func() {
		for scanner.Scan() { // a full pipe would stop the proxy
		}
	}()
	return &Process{Address: line.Address, command: command}
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
// ends with an error, or not within the 30 seconds that a drain may take.
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

// dial returns a client that connects again at once when a proxy is back.
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
