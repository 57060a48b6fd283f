package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime"
)

// A call whose deadline passes while its statement runs neither loses its
// connection nor harms the next call on it: of the reads that run beside
// thousands of such calls, each gets its own value, and none is cancelled by
// mistake.
func TestCancelledCallsKeepConnections(t *testing.T) {
	cancels := 1500
	if os.Getenv("PRISM_LONG") == "1" {
		cancels = 10_000
	}
	store := postgrestest.Start(t)
	for name, url := range map[string]string{"direct": store, "pooled": ""} {
		t.Run(name, func(t *testing.T) {
			if url == "" {
				url = postgrestest.Pooler(t, store, "session", "")
			}
			cancelCalls(t, store, url, cancels)
		})
	}
}

func cancelCalls(t *testing.T, store, url string, cancels int) {
	if len(query(t, store, `SELECT tablename::text FROM pg_tables WHERE tablename = 'things'`)) == 0 {
		migrate(t, environment(store), config(initSQL))
	}
	cfg := config(initSQL)
	cfg.Connections = 8
	db := open(t, environment(url), cfg)
	var ended, passed atomic.Int64
	var sessions sync.Map
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for ended.Load() < int64(cancels) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(20*time.Millisecond))))
				_, err := db.Version(ctx, `SELECT $1::bigint FROM pg_sleep($2::float8)`, random.Int64(), 0.001*float64(random.IntN(40)))
				if err != nil && ctx.Err() == nil {
					t.Errorf("a call that had time: %v", err)
				}
				if ctx.Err() != nil {
					ended.Add(1)
				}
				cancel()
				mine := random.Int64()
				got, err := db.Version(t.Context(), `SELECT $1::bigint`, mine)
				if err != nil || got != mine {
					t.Errorf("read %d, %v, want %d", got, err, mine)
				}
				passed.Add(1)
				session, err := db.Version(t.Context(), `SELECT pg_backend_pid()::bigint`)
				if err != nil {
					t.Error(err)
				}
				sessions.Store(session, true)
			}
		})
	}
	group.Wait()
	count := 0
	sessions.Range(func(any, any) bool { count++; return true })
	t.Logf("%d calls ended early, %d reads between, %d sessions", ended.Load(), passed.Load(), count)
	if count > cfg.Connections+cancels/10 {
		t.Errorf("%d calls that ended early took %d sessions, want at most one in ten", cancels, count)
	}
}

// A caller waits only briefly beyond its deadline, whatever the server does.
func TestDeadlineOfAServerThatStands(t *testing.T) {
	server := postgrestest.StartOwn(t)
	migrate(t, environment(server.URL), config(initSQL))
	db := open(t, environment(server.URL), config(initSQL))
	if _, err := db.Version(t.Context(), `SELECT 1::bigint`); err != nil {
		t.Fatal(err)
	}
	server.Freeze(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := db.Version(ctx, insertThing, "a", nil)
	wantReason(t, err, runtime.BackendTimeout, "unknown")
	// The bound is far above what is promised: it only shows that the call does
	// not wait for the server.
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the call ended after %v, want soon after 100 ms", took)
	}
}

// Statements that a pooler or a person makes a session forget are prepared
// again, and the call does not fail.
func TestForgottenStatements(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	db := open(t, environment(store), cfg)
	const read = `SELECT $1::bigint, ''::bytea, NULL::bigint`
	for i, forget := range []string{`DEALLOCATE ALL`, `DISCARD PLANS`, `DISCARD ALL`} {
		for range 2 {
			if _, err := db.Version(t.Context(), insertThing+` -- `+strconv.Itoa(i), fmt.Sprint(rand.Int64()), nil); err != nil {
				t.Errorf("a write after %s: %v", forget, err)
			}
			values := func(int) []any { return []any{fmt.Sprint(rand.Int64()), nil} }
			if _, _, err := db.Versions(t.Context(), &things, insertThing, 3, values); err != nil {
				t.Errorf("a batch after %s: %v", forget, err)
			}
			if err := db.Record(t.Context(), &things, dropped, read, int64(i)); err != nil {
				t.Errorf("a read after %s: %v", forget, err)
			}
			// Each operation is once the first to meet the loss.
			for _, next := range []func() error{
				func() error { return db.Record(t.Context(), &things, dropped, read, int64(i)) },
				func() error { _, _, err := db.Versions(t.Context(), &things, insertThing, 3, values); return err },
				func() error {
					_, err := db.Version(t.Context(), insertThing, fmt.Sprint(rand.Int64()), nil)
					return err
				},
			} {
				if err := db.Exec(t.Context(), forget); err != nil {
					t.Fatal(err)
				}
				if err := next(); err != nil {
					t.Errorf("after %s: %v", forget, err)
				}
			}
		}
	}
}
