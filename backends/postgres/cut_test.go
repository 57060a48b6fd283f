package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime"
)

// A proxy's host that is cut off while it sends a batch keeps its locks only
// until the server notices. Until then other proxies' batches on the table are
// refused with BACKEND_CONTENTION instead of waiting for something that never
// comes.
//
// The test runs itself in a network namespace of its own and drops the packets
// of one connection there: both ends stay open, and neither hears from the
// other.
func TestHostCutOff(t *testing.T) {
	if os.Getenv("PRISM_TEST_CUT") == "" {
		t.Parallel() // it waits for timers of the kernel
		inOwnNetwork(t, "PRISM_TEST_CUT=1")
		return
	}
	command(t, "ip", "link", "set", "lo", "up")
	store := postgrestest.StartOwn(t).URL
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))

	// The proxy that is cut off in the middle of a batch's pipeline.
	pool, err := config(initSQL).connect(t.Context(), environment(store))
	if err != nil {
		t.Fatal(err)
	}
	lent, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := lent.Hijack()
	pipeline := conn.PgConn().StartPipeline(t.Context())
	pipeline.SendQueryParams(postgres.TakeTurn, [][]byte{[]byte("things")}, nil, nil, nil)
	pipeline.SendQueryParams(insertThing, [][]byte{[]byte("cut"), nil}, nil, nil, nil)
	if err := pipeline.Flush(); err != nil {
		t.Fatal(err)
	}
	beside := connect(t, store)
	for n := 0; n == 0; {
		if err := beside.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := net.SplitHostPort(conn.PgConn().Conn().LocalAddr().String())
	command(t, "nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; "+
		"add rule inet cut in tcp sport "+port+" drop; add rule inet cut in tcp dport "+port+" drop")
	begun := time.Now()
	// Unacknowledged data is sent again; meanwhile there are no keepalives.
	if _, err := conn.PgConn().Conn().Write([]byte{'H', 0, 0, 0, 4}); err != nil {
		t.Fatal(err)
	}

	batch := func(call time.Duration, i int) error {
		ctx, cancel := context.WithTimeout(t.Context(), call)
		defer cancel()
		values := func(int) []any { return []any{fmt.Sprint("batch ", i), nil} }
		_, _, err := db.Versions(ctx, &things, insertThing, 1, values)
		return err
	}
	wantReason(t, batch(5*time.Second, 0), runtime.BackendContention, "none")
	wantReason(t, batch(time.Second, 0), runtime.BackendTimeout, "none") // a call with a nearer deadline

	// tcp_keepalives_idle + 3 × tcp_keepalives_interval, and time for the timers.
	const notices = 25*time.Second + 10*time.Second
	for i := 1; ; i++ {
		err := batch(5*time.Second, i)
		if err == nil {
			break
		}
		if time.Since(begun) > notices {
			t.Fatalf("%v after a host was cut off its batch blocks others: %v", time.Since(begun), err)
		}
	}
	if got := query(t, store, `SELECT "id" FROM "things" WHERE "id" = 'cut'`); len(got) != 0 {
		t.Error("a part of the batch that was cut off is stored")
	}
	// Nor does the proxy keep a connection to a server that is cut off.
	conn.PgConn().Conn().SetReadDeadline(begun.Add(notices))
	for {
		if _, err := conn.PgConn().Conn().Read(make([]byte, 1)); err != nil {
			if !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("the proxy's end of the connection: %v, want it ended by the kernel", err)
			}
			return
		}
	}
}

// inOwnNetwork runs the test that calls it again, in a process with a network
// namespace of its own and the variable in its environment.
func inOwnNetwork(t *testing.T, variable string) {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("PRISM_REQUIRE") == "all" {
			t.Fatal(what)
		}
		t.Skip("SKIPPED, NOT PASSED: " + what + "; run make engines, as root")
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(err.Error())
		}
	}
	inner := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	inner.Env = append(os.Environ(), variable)
	inner.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := inner.CombinedOutput()
	if strings.Contains(fmt.Sprint(err), "operation not permitted") {
		missing("no network namespace can be made here")
	}
	if text := string(out); err != nil || !strings.Contains(text, "--- PASS: "+t.Name()) {
		t.Errorf("in a network of its own: %v\n%s", err, text)
	}
}

func command(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// Puts of a locked record neither hold up reads of other records nor wait for
// ever.
func TestLockedRecord(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 4
	const writers = 3 // that may write at a time
	db := open(t, environment(store), cfg)
	for _, id := range []string{"locked", "other"} {
		if _, err := db.Version(t.Context(), insertThing, id, nil); err != nil {
			t.Fatal(err)
		}
	}
	beside := connect(t, store)
	beside.exec(`BEGIN; SELECT FROM "things" WHERE "id" = 'locked' FOR UPDATE`)
	const puts = 12
	ended := make(chan error, puts)
	for range puts {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := db.Version(ctx, `UPDATE "things" SET "prism_version" = 8 WHERE "id" = 'locked' RETURNING "prism_version"`)
			ended <- err
		}()
	}
	beside.blocked(writers)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := db.Record(ctx, &things, dropped, `SELECT "prism_version", ''::bytea, NULL::bigint FROM "things" WHERE "id" = 'other'`)
		cancel()
		if err != nil {
			t.Fatalf("a read beside puts that wait: %v", err)
		}
	}
	contended := 0
	for range puts {
		err := <-ended
		if e, ok := err.(*runtime.Error); ok && e.Reason == runtime.BackendContention {
			contended++
			wantReason(t, err, runtime.BackendContention, "none")
		}
	}
	if contended < writers {
		t.Errorf("%d puts gave way, want those %d that waited for the lock first", contended, writers)
	}
	beside.exec(`COMMIT`)
}
