// Package postgrestest starts Postgres servers for tests and the benchmark.
// Nothing else may use it.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Start returns the URL of a new, empty database, which is dropped when t ends,
// even if someone is still connected. Its server listens on 127.0.0.1 only, has
// Postgres's defaults (so fsync and synchronous_commit are on), and is shared
// by all tests of the process. It needs no cleanup: server and data disappear
// with the process, even if that is killed.
//
// The server's programs are looked for in the folder PRISM_POSTGRES_BIN or, if
// that is not set, under /usr/lib/postgresql, newest first, and then in PATH.
// Without them the test is skipped; with PRISM_REQUIRE=all it fails.
//
// Start may be called from several tests at once.
func Start(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if errors.Is(err, errMissing) && os.Getenv("PRISM_REQUIRE") != "all" {
		t.Skipf("SKIPPED, NOT PASSED: %v; run make engines", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := "test" + strconv.FormatInt(databases.Add(1), 10)
	if err := server.exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return server.url(name)
}

// Own is a server that no other test uses and that can be killed.
type Own struct {
	URL    string // of its only database
	server *server
}

// StartOwn is Start on a server of its own.
func StartOwn(t testing.TB) *Own {
	t.Helper()
	server, err := start()
	if errors.Is(err, errMissing) && os.Getenv("PRISM_REQUIRE") != "all" {
		t.Skipf("SKIPPED, NOT PASSED: %v; run make engines", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.alive.Close()
		<-server.ended
		os.RemoveAll(server.data)
	})
	return &Own{URL: server.url("postgres"), server: server}
}

// WithPasswords makes the server ask for passwords, and returns the URL of its
// only database with its first role's password.
func (o *Own) WithPasswords(t testing.TB) string {
	t.Helper()
	const password = "first"
	if err := o.server.exec("ALTER ROLE postgres PASSWORD '" + password + "'"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.server.data, "pg_hba.conf"), []byte("host all all 127.0.0.1/32 scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.server.exec("SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(o.URL, "postgres@", "postgres:"+password+"@", 1)
}

// Kill ends the server's main process with SIGKILL, whose death ends the others
// too, and returns when nothing listens any more. The data stays.
func (o *Own) Kill(t testing.TB) {
	t.Helper()
	o.Stop(t, syscall.SIGKILL)
}

// Stop sends the server's main process a signal, SIGINT for a fast shutdown and
// SIGQUIT for an immediate one, and returns when nothing listens any more. The
// data stays.
func (o *Own) Stop(t testing.TB, signal syscall.Signal) {
	t.Helper()
	s := o.server
	if err := os.WriteFile(s.keep(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(o.main(t), signal); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	s.alive.Close()
}

// Freeze stops every process of the server until t ends: its connections stay
// open, but nothing answers.
func (o *Own) Freeze(t testing.TB) {
	t.Helper()
	signal := func(sig syscall.Signal) {
		for _, pid := range append(o.children(t), o.main(t)) {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Error(err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { signal(syscall.SIGCONT) })
}

// main is the number of the server's main process.
func (o *Own) main(t testing.TB) int {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(o.server.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	main, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return main
}

func (o *Own) children(t testing.TB) (pids []int) {
	t.Helper()
	main := o.main(t)
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", main, main))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(list)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// Restart starts a killed server on the same data and address, and returns when
// it answers.
func (o *Own) Restart(t testing.TB) {
	t.Helper()
	// It does not start until the last process of the previous one is gone.
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = o.server.serve(); err == nil {
			break
		}
	}
	if err == nil {
		err = os.Remove(o.server.keep())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Run is Start for a program that is not a test. stop ends the server, as the
// end of the process does.
func Run() (url string, stop func(), err error) {
	server, err := start()
	if err != nil {
		return "", nil, err
	}
	return server.url("postgres"), func() { server.alive.Close() }, nil
}

var (
	errMissing = errors.New("postgrestest: no Postgres on this machine")
	shared     = sync.OnceValues(start)
	databases  atomic.Int64 // created so far, for their names
)

// server is a Postgres and its data.
type server struct {
	bin, data string
	attr      *syscall.SysProcAttr
	address   string        // host:port
	alive     *os.File      // the server ends when this is closed
	ended     chan struct{} // closed when it has
}

// keep is the path of a file whose existence makes the data outlive the server.
func (s *server) keep() string { return filepath.Join(s.data, "keep") }

// script runs the server $3 on data $2 until end of file on fd 3, whose other
// end only the test process holds, and then sends it the signal $1. This works
// even after a SIGKILL, and unlike Pdeathsig it is not tied to the thread that
// started the server. The data is deleted unless it contains a file keep, so
// Postgres gets SIGQUIT, which stops it without a checkpoint.
const script = `
signal=$1 data=$2; shift 2
"$@" 3<&- & server=$!
{ cat; kill -$signal $server; } <&3 >/dev/null 2>&1 &
wait $server; status=$?
test -e "$data/keep" || rm -rf "$data"
exit $status`

func start() (*server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "prism-postgres-")
	if err != nil {
		return nil, err
	}
	attr, err := unprivileged(data)
	if err != nil {
		os.RemoveAll(data)
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = data, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(data)
		return nil, fmt.Errorf("postgrestest: initdb: %w\n%s", err, out)
	}
	address, err := freeAddress()
	if err != nil {
		os.RemoveAll(data)
		return nil, err
	}
	s := &server{bin: bin, data: data, attr: attr, address: address}
	if err := s.serve(); err != nil {
		os.RemoveAll(data)
		return nil, err
	}
	return s, nil
}

// serve starts the server and waits until it answers.
func (s *server) serve() error {
	host, port, _ := net.SplitHostPort(s.address)
	watched, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer watched.Close()

	var log bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", script, "sh", "QUIT", s.data,
		filepath.Join(s.bin, "postgres"), "-D", s.data, "-h", host, "-p", port,
		"-c", "unix_socket_directories=", "-c", "log_min_messages=fatal")
	cmd.Dir, cmd.SysProcAttr, cmd.ExtraFiles = s.data, s.attr, []*os.File{watched}
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		alive.Close()
		return fmt.Errorf("postgrestest: %w", err)
	}
	s.alive, s.ended = alive, make(chan struct{})
	var status error
	go func() {
		status = cmd.Wait()
		close(s.ended)
	}()

	deadline := time.After(30 * time.Second)
	for {
		err := s.exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-s.ended:
			err = status
			alive.Close()
		case <-deadline:
			alive.Close()
			<-s.ended
		}
		return fmt.Errorf("postgrestest: the server does not start: %w\n%s", err, &log)
	}
}

func (s *server) exec(statement string) error { return Exec(s.url("postgres"), statement) }

// Exec runs one statement on a connection of its own to the database at url.
func Exec(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("postgrestest: %s: %w", statement, err)
	}
	return nil
}

func (s *server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: s.address, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// programs returns the folder that holds initdb and postgres, or an error that
// wraps errMissing.
func programs() (string, error) {
	if dir := os.Getenv("PRISM_POSTGRES_BIN"); dir != "" {
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
			return "", fmt.Errorf("%w: PRISM_POSTGRES_BIN: %w", errMissing, err)
		}
		return dir, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		path, err := exec.LookPath("initdb")
		if err != nil {
			return "", fmt.Errorf("%w: %w", errMissing, err)
		}
		return filepath.Dir(path), nil
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// Program returns the path of one of Postgres's programs, psql say, which are looked
// for where Start looks, and are there where Start works.
func Program(t testing.TB, name string) string {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath(filepath.Join(bin, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// version is 15 of /usr/lib/postgresql/15/bin/initdb, and 0 of 9.6: too old.
func version(initdb string) int {
	n, _ := strconv.Atoi(strings.Split(initdb, "/")[4])
	return n
}

// unprivileged returns attributes for a process that Postgres accepts: it
// refuses to run as root, so root starts it as nobody, who gets data. It has
// its own process group, so that Ctrl-C in the terminal does not reach it
// directly, only through the end of the tests.
func unprivileged(data string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(data, int(uid), int(gid))
}

// freeAddress returns an address on the loopback interface that nothing
// listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
