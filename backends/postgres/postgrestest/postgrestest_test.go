package postgrestest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

func TestStart(t *testing.T) {
	first, second := postgrestest.Start(t), postgrestest.Start(t)
	tests := []struct {
		rule, query, want string
	}{
		{"the server is as durable as Postgres by default", "SHOW fsync", "on"},
		{"the server is as durable as Postgres by default", "SHOW synchronous_commit", "on"},
		{"only this machine can connect", "SHOW listen_addresses", "127.0.0.1"},
		{"text is UTF-8", "SHOW server_encoding", "UTF8"},
		{"a database starts empty", "SELECT count(*)::text FROM information_schema.tables WHERE table_schema = 'public'", "0"},
	}
	for _, tt := range tests {
		if got := query(t, first, tt.query); got != tt.want {
			t.Errorf("%s: %s = %q, want %q", tt.rule, tt.query, got, tt.want)
		}
	}
	if a, b := query(t, first, "SELECT current_database()"), query(t, second, "SELECT current_database()"); a == b {
		t.Errorf("two calls gave the same database %s, want one each", a)
	}
	const started = "SELECT pg_postmaster_start_time()::text"
	if a, b := query(t, first, started), query(t, second, started); a != b {
		t.Errorf("two calls gave two servers, started %s and %s, want one a process", a, b)
	}
}

func TestDatabaseIsDroppedThoughConnected(t *testing.T) {
	outer := postgrestest.Start(t)
	var name string
	t.Run("inner", func(inner *testing.T) {
		url := postgrestest.Start(inner)
		name = query(inner, url, "SELECT current_database()")
		connect(t, url) // open until t ends, so also while inner's database is dropped
	})
	if got := query(t, outer, "SELECT count(*)::text FROM pg_database WHERE datname = '"+name+"'"); got != "0" {
		t.Errorf("database %s is still there after its test", name)
	}
}

// A killed test process must not leave a server behind: on a machine that runs
// tests all day, servers would pile up until memory runs out.
func TestServerDiesWithKilledProcess(t *testing.T) {
	postgrestest.Start(t) // skips here when there is no Postgres
	child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	child.Env = append(os.Environ(), "POSTGRESTEST_CHILD=wait")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	var url string
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "URL ")
	}
	data := query(t, url, "SHOW data_directory")

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			conn.Close(t.Context())
		}
		_, stat := os.Stat(data)
		if err != nil && errors.Is(stat, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("10 s after the kill: connecting gives %v, want refused; data folder %s: %v, want none", err, data, stat)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestMissing(t *testing.T) {
	tests := []struct {
		rule, require, want string
		fails               bool
	}{
		{"a missing engine is a loud skip", "", "SKIPPED, NOT PASSED: postgrestest: no Postgres on this machine", false},
		{"with PRISM_REQUIRE=all a missing engine fails the test", "all", "no Postgres on this machine", true},
	}
	for _, tt := range tests {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
		child.Env = append(os.Environ(), "POSTGRESTEST_CHILD=return",
			"PRISM_POSTGRES_BIN="+t.TempDir(), "PRISM_REQUIRE="+tt.require)
		out, err := child.CombinedOutput()
		if (err != nil) != tt.fails || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: exit %v, want failure %t and %q in the output:\n%s", tt.rule, err, tt.fails, tt.want, out)
		}
	}
}

// TestChild is the test process that the tests above start.
func TestChild(t *testing.T) {
	child := os.Getenv("POSTGRESTEST_CHILD")
	if child == "" {
		t.Skip("runs only as a child process")
	}
	fmt.Println("URL", postgrestest.Start(t))
	if child == "wait" {
		select {}
	}
}

// query returns the single value that sql selects.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	var value string
	if err := connect(t, url).QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
