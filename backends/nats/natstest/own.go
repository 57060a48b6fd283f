package natstest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// asServer in the environment is the configuration file of the server that Main
// runs instead of tests.
const asServer = "PRISM_TEST_AS_NATS"

// Main runs the server if this process was started by StartOwn, and then does
// not return. A TestMain must call it first.
func Main() {
	config := os.Getenv(asServer)
	if config == "" {
		return
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the test
		os.Exit(1)
	}()
	options, err := server.ProcessConfigFile(config)
	if err == nil {
		options.NoLog = true
		var running *server.Server
		if running, err = server.NewServer(options); err == nil {
			running.Start()
			running.WaitForShutdown()
			os.Exit(0)
		}
	}
	fmt.Fprintln(os.Stderr, "natstest:", err)
	os.Exit(1)
}

// Own is a server in a separate process that can be killed. It runs the test's
// program, whose TestMain calls Main, and keeps its addresses and files when
// restarted.
type Own struct {
	URL     string
	Monitor string // its monitoring address

	config  string // the file
	command *exec.Cmd
}

// StartOwn starts an empty server that keeps files in a folder of t, with
// additional lines in the jetstream part of its configuration. It ends when t
// ends, or with the test's process.
func StartOwn(t testing.TB, jetstream string) *Own {
	t.Helper()
	dir, address, monitor := t.TempDir(), freeAddress(t), freeAddress(t)
	o := &Own{URL: "nats://" + address, Monitor: "http://" + monitor, config: filepath.Join(dir, "nats.conf")}
	text := fmt.Sprintf("listen: %q\nhttp: %q\nmax_payload: 4MB\njetstream {\nstore_dir: %q\n%s\n}\n", address, monitor, dir, jetstream)
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Restart(t)
	t.Cleanup(func() { o.end(syscall.SIGKILL) })
	return o
}

// Restart starts a server that was killed or stopped, and returns when it listens.
func (o *Own) Restart(t testing.TB) {
	t.Helper()
	o.command = exec.Command(os.Args[0])
	o.command.Env = append(os.Environ(), asServer+"="+o.config)
	o.command.Stderr = os.Stderr
	if _, err := o.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := o.command.Start(); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", o.URL[len("nats://"):])
		if err == nil {
			conn.Close()
			return
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("the server does not listen: %v", err)
		}
	}
}

// Kill ends the server with SIGKILL, and returns when it has ended. The files stay.
func (o *Own) Kill(t testing.TB) { o.Stop(t, syscall.SIGKILL) }

// Stop sends the server a signal that ends it, and returns when it has ended. The
// files stay.
func (o *Own) Stop(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := o.end(signal); err != nil {
		t.Fatal(err)
	}
}

func (o *Own) end(signal syscall.Signal) error {
	if o.command.ProcessState != nil {
		return nil
	}
	if err := o.command.Process.Signal(signal); err != nil {
		return err
	}
	o.command.Wait() // the exit status depends on the signal
	return nil
}

// Pause keeps the server from running for d: its connections stay, and nothing
// answers.
func (o *Own) Pause(t testing.TB, d time.Duration) {
	t.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := o.command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGSTOP {
			time.Sleep(d) // the pause is what is tested
		}
	}
}

// freeAddress returns an address on the loopback interface that nothing listens
// on now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
