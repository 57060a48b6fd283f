package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// migrator is a database as a run has it: the session conn holds the lock of
// migrators, and everything that a file does is done by it.
type migrator struct {
	env       *runtime.Env
	namespace runtime.Namespace
	config    Config
	files     []migration.File
	run       migration.Run
	pool      *pgxpool.Pool
	conn      *pgx.Conn
	pid       int32
}

// One migrator at a time, whatever the namespace, since namespaces share tables.
// To ask again and again holds no snapshot: a session that waits in
// pg_advisory_lock has one, for which CREATE INDEX CONCURRENTLY of the holder would
// wait, and neither would ever go on.
const (
	tryLock      = `SELECT pg_try_advisory_lock(hashtext('prism_migrations'), 0)`
	tryLockEvery = 200 * time.Millisecond
	lockHolder   = `SELECT array_agg(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid = 0
AND classid::bigint = hashtext('prism_migrations')::bigint & 4294967295 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
)

// begin verifies the store and waits for other migrators.
func (m *migrator) begin(ctx context.Context) error {
	if err := m.conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&m.pid); err != nil {
		return Error(ctx, err)
	}
	if !m.run.DryRun {
		if err := m.lock(ctx); err != nil {
			return err
		}
	}
	if err := verifySettings(ctx, m.conn, ""); err != nil {
		return err
	}
	return verifyOwner(ctx, m.conn, m.env.Deployment)
}

func (m *migrator) lock(ctx context.Context) error {
	said := telling{at: time.Now()}
	for locked := false; ; {
		if err := m.conn.QueryRow(ctx, tryLock).Scan(&locked); err != nil || locked {
			return Error(ctx, err)
		}
		if said.due() {
			holders, err := blockers(ctx, m.conn, lockHolder)
			if err != nil {
				return Error(ctx, err)
			}
			m.say("waits for another migrator" + holders)
		}
		if err := sleep(ctx, tryLockEvery); err != nil {
			return err
		}
	}
}

// Applied is migration.Store's.
func (m *migrator) Applied(ctx context.Context) ([]migration.Applied, error) {
	return applied(ctx, m.conn, m.namespace.Name, m.files)
}

// A statement that waits for a table's lock holds up all later traffic on it. So
// those of a transaction wait for a moment only, and the file is tried again, after
// pauses that grow from leastPause to mostPause.
const (
	setLockTimeout = `SET LOCAL lock_timeout = '100ms'`
	leastPause     = 100 * time.Millisecond
	mostPause      = 5 * time.Second
)

// Apply is migration.Store's.
func (m *migrator) Apply(ctx context.Context, s migration.Step) error {
	began := time.Now()
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		holders, err := m.watched(ctx, s.Name, func() error {
			if slices.ContainsFunc(s.Statements, concurrently.MatchString) {
				return m.build(ctx, s)
			}
			return pgx.BeginFunc(ctx, m.conn, func(tx pgx.Tx) error {
				if err := exec(ctx, tx.Conn(), append([]string{setLockTimeout}, s.Statements...)...); err != nil {
					return err
				}
				return m.record(ctx, tx, s)
			})
		})
		code := sqlstate(err)
		if code != "55P03" && code != "40P01" { // lock_not_available, deadlock_detected
			return failedFile(ctx, err)
		}
		if time.Since(began)+pause > m.run.Wait {
			return fmt.Errorf("%w; a lock that it needs is held%s", failedFile(ctx, err), holders)
		}
		m.say(s.Name + " waits for a lock" + holders)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// exec runs statements one by one, by the simple protocol, since they contain no
// values.
func exec(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

const recordChecksum = `UPDATE "prism_migrations" SET "sha256" = $1 WHERE "namespace" = $2 AND "number" = $3 AND "sha256" IS NULL`

// record fills in the checksum of a file and makes sure that the file has recorded
// itself, or that what undid it has removed the row.
func (m *migrator) record(ctx context.Context, tx pgx.Tx, s migration.Step) error {
	if _, err := tx.Exec(ctx, recordChecksum, s.SHA256, m.namespace.Name, s.Number); err != nil {
		return err
	}
	var recorded bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "prism_migrations" WHERE "namespace" = $1 AND "number" = $2)`, m.namespace.Name, s.Number).Scan(&recorded)
	if err == nil && recorded == s.Undo {
		err = &runtime.Error{Reason: runtime.Internal, What: "the file does not record itself in prism_migrations, or its removal (its last statement must)"}
	}
	return err
}

// concurrently matches a statement that no transaction takes.
var concurrently = regexp.MustCompile(`^(CREATE|DROP)( UNIQUE)? INDEX CONCURRENTLY "([^"]+)"`)

// build runs a file whose statements no transaction takes, from where an earlier
// try has ended: an index that is there and valid is not built again, one that is
// not valid is dropped first, and one that is gone is not dropped again.
func (m *migrator) build(ctx context.Context, s migration.Step) error {
	last := len(s.Statements) - 1
	for _, statement := range s.Statements[:last] {
		match := concurrently.FindStringSubmatch(statement)
		if match == nil {
			if err := exec(ctx, m.conn, statement); err != nil {
				return err
			}
			continue
		}
		creates, index := match[1] == "CREATE", match[3]
		exists, valid, err := m.index(ctx, index)
		switch {
		case err != nil:
			return err
		case creates && valid, !creates && !exists:
			continue
		case creates && exists:
			if err := m.drop(ctx, index); err != nil {
				return err
			}
		}
		if err := exec(ctx, m.conn, statement); err != nil && creates {
			return m.failed(ctx, statement, index, err)
		} else if err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, m.conn, func(tx pgx.Tx) error {
		if err := exec(ctx, tx.Conn(), setLockTimeout, s.Statements[last]); err != nil {
			return err
		}
		return m.record(ctx, tx, s)
	})
}

func (m *migrator) index(ctx context.Context, name string) (exists, valid bool, err error) {
	err = m.conn.QueryRow(ctx, `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident($1))`, name).Scan(&valid)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, false, nil
	}
	return err == nil, valid, err
}

func (m *migrator) drop(ctx context.Context, index string) error {
	return exec(ctx, m.conn, "DROP INDEX CONCURRENTLY "+pgx.Identifier{index}.Sanitize())
}

// finding is an error whose text is for the operator as it is.
type finding struct{ error }

// failed cleans up behind a build that failed with err: what is left of a unique
// index would go on refusing writes.
func (m *migrator) failed(ctx context.Context, statement, index string, err error) error {
	if m.conn.IsClosed() || ctx.Err() != nil {
		return err
	}
	if u, ok := migration.UniqueOf(statement); ok && sqlstate(err) == "23505" { // unique_violation
		return finding{errors.Join(m.doubled(ctx, u), failedFile(ctx, m.drop(ctx, index)))}
	}
	if exists, _, gone := m.index(ctx, index); gone != nil || !exists {
		return err
	}
	return errors.Join(err, m.drop(ctx, index))
}

// doubled returns what keeps the index from being unique.
func (m *migrator) doubled(ctx context.Context, u migration.Unique) error {
	var values int64
	if err := m.conn.QueryRow(ctx, u.Values()).Scan(&values); err != nil {
		return Error(ctx, err)
	}
	var key []string
	err := m.conn.QueryRow(ctx, `SELECT array_agg(attname::text ORDER BY k.n) FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS k (number, n), pg_attribute
WHERE indrelid = to_regclass(quote_ident($1)) AND indisprimary AND attrelid = indrelid AND attnum = k.number`, u.Table).Scan(&key)
	if err != nil {
		return Error(ctx, err)
	}
	rows, err := m.conn.Query(ctx, u.Keys(key))
	if err != nil {
		return Error(ctx, err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		parts := make([]string, len(key))
		into := make([]any, len(key))
		for i := range parts {
			into[i] = &parts[i]
		}
		return parts, row.Scan(into...)
	})
	if err != nil {
		return Error(ctx, err)
	}
	return u.Error(values, keys)
}

// Fill is migration.Store's. It has a session of its own, since it sets how commits
// are waited for.
func (m *migrator) Fill(ctx context.Context, table string, progress func(done, all int64)) error {
	i := slices.IndexFunc(m.config.Fills, func(f *Fill) bool { return f.Table == table })
	if i < 0 {
		return fmt.Errorf("this proxy cannot fill table %s", table)
	}
	var all int64
	if err := m.conn.QueryRow(ctx, `SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(quote_ident($1))`, table).Scan(&all); err != nil {
		return Error(ctx, err)
	}
	return withConn(ctx, m.env, m.namespace, m.config, func(conn *pgx.Conn) error {
		return m.config.Fills[i].run(ctx, conn, m.namespace.Release(), m.run.LeaveOut, m.run.Pace, func(rows int64) { progress(rows, all) })
	})
}

func (m *migrator) say(line string) {
	if m.run.Progress != nil {
		m.run.Progress(line)
	}
}

// failedFile is Error for the statements of a file. It includes what Postgres
// says about their names, but nothing that may quote data.
func failedFile(ctx context.Context, err error) error {
	var answer *pgconn.PgError
	var told finding
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &answer) && len(answer.Code) == 5 && answer.Code[:2] == "42": // syntax_error_or_access_rule_violation
		return finding{fmt.Errorf("%s (SQLSTATE %s)", answer.Message, answer.Code)}
	}
	return Error(ctx, err)
}

// sleep waits for d, or for ctx to end.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return runtime.ContextError(ctx)
	}
}
