package postgrestest

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Pooler returns the URL of the database at store through a PgBouncer with the
// given pool_mode. settings are further lines of its configuration file; all
// else has PgBouncer's defaults. It ends when t or the process ends.
//
// Without PgBouncer the test is skipped; with PRISM_REQUIRE=all it fails.
func Pooler(t testing.TB, store, mode, settings string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil && os.Getenv("PRISM_REQUIRE") != "all" {
		t.Skip("SKIPPED, NOT PASSED: no pgbouncer on this machine; run make engines")
	}
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "prism-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	attr, err := unprivileged(dir)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address)
	users, config := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	lines := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\nlisten_addr = %s\nlisten_port = %s\nunix_socket_dir =\nauth_type = trust\nauth_file = %s\npool_mode = %s\n%s\n",
		server.Hostname(), server.Port(), host, port, users, mode, settings)
	for name, content := range map[string]string{users: fmt.Sprintf("%q \"\"\n", server.User.Username()), config: lines} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	watched, alive, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer watched.Close()
	var log bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", script, "sh", "TERM", dir, program, config)
	cmd.Dir, cmd.SysProcAttr, cmd.ExtraFiles = "/", attr, []*os.File{watched}
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		alive.Close()
		<-ended
		if t.Failed() {
			t.Logf("pgbouncer says:\n%s", &log)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer does not start: %v\n%s", err, &log)
		}
	}
	server.Host = address
	return server.String()
}
