package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// telling is when a wait is told: when it has lasted a second, and then again
// every 5 s.
type telling struct {
	at   time.Time // when the wait began, or was told last
	told bool
}

// due reports whether the wait is to be told now, and takes it for told.
func (t *telling) due() bool {
	after := time.Second
	if t.told {
		after = 5 * time.Second
	}
	if time.Since(t.at) < after {
		return false
	}
	t.at, t.told = time.Now(), true
	return true
}

// Pauses between two looks at what a session waits for: the first is short, since a
// lock may be waited for only for 100 ms.
const (
	firstLook = 15 * time.Millisecond
	mostLook  = time.Second
)

// watched runs do and meanwhile looks, on the other connection, for whom the
// session of the migrator waits. It tells of a wait that lasts, and returns who was
// waited for at last.
func (m *migrator) watched(ctx context.Context, name string, do func() error) (holders string, err error) {
	done, seen := make(chan struct{}), make(chan string, 1)
	go func() { seen <- m.watch(ctx, name, done) }()
	err = do()
	close(done)
	return <-seen, err
}

// watch returns when done is closed. What it cannot see is left out.
func (m *migrator) watch(ctx context.Context, name string, done <-chan struct{}) (last string) {
	said := telling{at: time.Now()}
	for look := firstLook; ; look = min(2*look, mostLook) {
		select {
		case <-done:
			return last
		case <-time.After(look):
		}
		holders, err := m.holders(ctx)
		if err != nil || holders == "" {
			said = telling{at: time.Now()}
			continue
		}
		last = holders
		if said.due() {
			m.say(name + " waits" + holders)
		}
	}
}

// holders describes whom the session of the migrator waits for now, "" if for none.
func (m *migrator) holders(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := m.pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	return blockers(ctx, conn.Conn(), `SELECT pg_blocking_pids($1)`, m.pid)
}

// blockers describes the sessions whose process ids query selects as an array:
// ": pid 4711, shop-proxy r1, idle in transaction for 42s". What another role may
// not see of them is left out.
func blockers(ctx context.Context, conn *pgx.Conn, query string, values ...any) (string, error) {
	rows, err := conn.Query(ctx, `SELECT pid, coalesce(nullif(application_name, ''), backend_type, ''), coalesce(state, ''),
  coalesce(extract(epoch FROM clock_timestamp() - coalesce(xact_start, state_change)), -1)::bigint
FROM pg_stat_activity WHERE pid = ANY ((`+query+`)::int[]) ORDER BY xact_start, pid`, values...)
	if err != nil {
		return "", err
	}
	var all []string
	var pid int32
	var application, state string
	var seconds int64
	_, err = pgx.ForEachRow(rows, []any{&pid, &application, &state, &seconds}, func() error {
		one := fmt.Sprintf("pid %d", pid)
		if application != "" {
			one += ", " + application
		}
		if state != "" && seconds >= 0 {
			one += fmt.Sprintf(", %s for %s", state, time.Duration(seconds)*time.Second)
		}
		all = append(all, one)
		return nil
	})
	if len(all) == 0 {
		return "", err
	}
	return ": " + strings.Join(all, "; "), err
}

// migrating is what connections of a migrator are called after the deployment, in
// place of a proxy's release.
const migrating = "migrate"

// applicationName returns how the server lists a connection: as the URL says, and
// then whose it is. The server cuts names off at nameLimit bytes, so the URL's part is.
func applicationName(given, deployment, role string) string {
	const nameLimit = 63
	own := deployment + "-proxy " + role
	if given == "" || len(own) >= nameLimit {
		return own
	}
	return given[:min(len(given), nameLimit-1-len(own))] + " " + own
}

// Others is migration.Store's. Every role may see the name of a session, and some
// the address. A proxy that does not say its release is of 1: it was compiled before
// proxies said it.
func (m *migrator) Others(ctx context.Context, release int) (others []string, err error) {
	proxy := m.env.Deployment + "-proxy"
	rows, err := m.conn.Query(ctx, `SELECT release, coalesce(' from ' || host(address), ''), count(*) FROM (
  SELECT coalesce((regexp_match(application_name, $1))[3], '1')::int AS release, client_addr AS address
  FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ $1
) AS p WHERE release <> $2 GROUP BY 1, 2 ORDER BY 1, 2`, `(^| )`+regexp.QuoteMeta(proxy)+`( r([0-9]+))?$`, release)
	if err != nil {
		return nil, Error(ctx, err)
	}
	var of, connections int
	var address string
	_, err = pgx.ForEachRow(rows, []any{&of, &address, &connections}, func() error {
		others = append(others, fmt.Sprintf("%s r%d%s (connections: %d)", proxy, of, address, connections))
		return nil
	})
	return others, Error(ctx, err)
}
