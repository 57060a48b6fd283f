package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime/migration"
)

// lines collects the progress of a run.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all, func(line string) bool { return strings.Contains(line, part) })
}

// wait waits until a line contains all parts.
func (l *lines) wait(t *testing.T, parts ...string) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		all := true
		for _, part := range parts {
			all = all && l.has(part)
		}
		if all {
			return
		}
		if time.Since(begin) > time.Minute {
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("no line has %q: %q", parts, l.all)
		}
	}
}

// A session that waited in pg_advisory_lock would hold a snapshot, for which
// CREATE INDEX CONCURRENTLY of the one that holds the lock waits: neither would go on.
func TestMigratorsBesideABuild(t *testing.T) {
	for _, migrators := range []int{2, 4} {
		t.Run(fmt.Sprint(migrators), func(t *testing.T) {
			store := postgrestest.Start(t)
			two, one := releases(nil)
			mustDo(t, store, one, up, "0001_init_expand")
			mustDo(t, store, two, up, "0002_things_expand")
			beside := connect(t, store)
			beside.exec(withSnapshot)
			var said lines
			run := complete
			run.Progress = said.add
			results := make(chan error)
			var mu sync.Mutex
			var applied []string
			run.Done = func(f migration.File) {
				mu.Lock()
				defer mu.Unlock()
				applied = append(applied, f.Name)
			}
			for range migrators {
				go func() {
					_, err := do(t.Context(), store, two, run)
					results <- err
				}()
			}
			said.wait(t, "waits for another migrator: pid ", ", test-proxy migrate, active for ")
			beside.exec(`COMMIT`)
			for range migrators {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			if want := []string{"0003_things_fence", "0004_things_fill", "0005_things_size_index"}; !slices.Equal(applied, want) {
				t.Errorf("applied %v, want each of %v once", applied, want)
			}
		})
	}
}

// A reader that stays keeps a migrator waiting, but not the calls that come behind
// the migrator: it gives up its place in the queue again and again.
func TestReaderBesideUp(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(map[string]string{"0002_things_expand.up": `ALTER TABLE "things" ADD COLUMN "size" bigint;`})
	mustDo(t, store, one, up, "0001_init_expand")
	reader := connect(t, store)
	reader.exec(`SET application_name = 'shop-proxy r1'; BEGIN; SELECT FROM "things"`)
	var said lines
	run := up
	run.Progress = said.add
	done := make(chan error)
	go func() {
		_, err := do(t.Context(), store, two, run)
		done <- err
	}()
	call := connect(t, store)
	call.exec(`SET lock_timeout = '2s'`) // as that of a proxy's session
	calls := 0
	for !said.has("0002_things_expand waits for a lock: pid ") || calls < 100 {
		call.exec(`INSERT INTO "things" VALUES ('x', 'y', 1) ON CONFLICT DO NOTHING`)
		calls++
		select {
		case err := <-done:
			t.Fatalf("the migrator ended beside the reader: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if !said.has(fmt.Sprintf("pid %d, shop-proxy r1, idle in transaction for ", reader.PgConn().PID())) {
		t.Errorf("lines %q do not say for whom", said.all)
	}
	reader.exec(`COMMIT`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A transaction that is open beside complete keeps the build waiting, however
// long: a lock_timeout would cancel it and leave an invalid index.
func TestTransactionBesideComplete(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(map[string]string{"0005_things_size_index.up": `CREATE UNIQUE INDEX CONCURRENTLY "things_size" ON "things" ("size");`})
	mustDo(t, store, one, up, "0001_init_expand")
	beside := connect(t, store)
	beside.exec(`SET application_name = 'report'`)
	beside.exec(withSnapshot)
	var said lines
	run := complete
	run.Wait, run.Progress = 0, said.add
	done := make(chan error)
	go func() {
		_, err := do(t.Context(), store, two, run)
		done <- err
	}()
	said.wait(t, "0005_things_size_index waits: pid ", ", report, idle in transaction for ")
	beside.exec(`COMMIT`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A lock that is not given within the wait ends the run, which says who holds it.
func TestWaitEnds(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	reader := connect(t, store)
	reader.exec(`SET application_name = 'report'; BEGIN; SELECT FROM "things"`)
	run := up
	run.Wait = time.Second
	_, err := do(t.Context(), store, two, run)
	wantError(t, err, fmt.Sprintf("a lock that it needs is held: pid %d, report, idle in transaction for ", reader.PgConn().PID()))
	reader.exec(`COMMIT`)
	mustDo(t, store, two, up, "0002_things_expand")
}

// Proxies of another release would have their writes refused, or read what is
// gone: complete and down name them.
func TestProxiesOfAnotherRelease(t *testing.T) {
	store := postgrestest.Start(t)
	two, one := releases(nil)
	mustDo(t, store, one, up, "0001_init_expand")
	old := open(t, environment(with(t, store, "application_name", "team")), one)
	connect(t, with(t, store, "application_name", "my-test-proxy r1")) // another deployment's
	if got := query(t, store, `SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'team%'`); !slices.Equal(got, []string{"team test-proxy r1"}) {
		t.Errorf("the server lists %q", got)
	}
	mustDo(t, store, two, up, "0002_things_expand")
	const want = "proxies of another release are connected: test-proxy r1 from 127.0.0.1 (connections: 1)"
	_, err := do(t.Context(), store, two, complete)
	wantError(t, err, want+"; replace them first")
	beside := open(t, environment(store), two)
	_, err = do(t.Context(), store, two, back)
	wantError(t, err, "test-proxy r2 from 127.0.0.1")
	old.Close()
	mustDo(t, store, two, complete, "0003_things_fence 0004_things_fill 0005_things_size_index")
	beside.Close()
	mustDo(t, store, two, back, "0005_things_size_index 0004_things_fill 0003_things_fence 0002_things_expand")
	open(t, environment(store), one)
	now := complete
	now.FenceNow = true
	mustDo(t, store, two, now, "0002_things_expand 0003_things_fence 0004_things_fill 0005_things_size_index")
}
