package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Migrate does what run says and returns the files that it applied or undid. One
// migrator works on a database at a time; others wait for it, until ctx ends, and
// then find nothing to do.
func Migrate(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, run migration.Run) (done []migration.File, err error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	two := cfg // one is the session that migrates, the other watches it
	two.Connections = 2
	pool, err := connect(ctx, env, n, two, migrating, patient, new(openings))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, Error(ctx, unsent{err})
	}
	defer conn.Release()
	m := &migrator{env: env, namespace: n, config: cfg, files: files, run: run, pool: pool, conn: conn.Conn()}
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	if done, err = run.Do(ctx, m, files, n.Releases); err != nil || run.DryRun || run.To > 0 {
		return done, err
	}
	return done, verifyVersions(ctx, m.conn, env, n, cfg, recordVerified)
}

// Status lists the migrations and their state. In an empty database all are
// pending.
func Status(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (states []migration.State, err error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	err = withConn(ctx, env, n, cfg, func(conn *pgx.Conn) error {
		if err := verifyOwner(ctx, conn, env.Deployment); err != nil {
			return err
		}
		done, err := applied(ctx, conn, n.Name, files)
		states = migration.States(files, done)
		return err
	})
	return states, err
}

// patient are the settings of a migrator's session: its statements may take
// long, and it may wait for another migrator.
var patient = map[string]string{"lock_timeout": "0", "statement_timeout": "0"}

// verifyMigrations refuses a store that the proxy may not serve.
func verifyMigrations(ctx context.Context, conn *pgx.Conn, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return err
	}
	done, err := applied(ctx, conn, n.Name, files)
	if err != nil {
		return err
	}
	return migration.Verify(files, done, env.Deployment)
}

// withConn lends do a connection and closes it afterwards, which ends all that
// the session set and locked.
func withConn(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, do func(*pgx.Conn) error) error {
	cfg.Connections = 1
	pool, err := connect(ctx, env, n, cfg, migrating, patient, new(openings))
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer conn.Release()
	return do(conn.Conn())
}

// verifyOwner refuses the store of another deployment.
func verifyOwner(ctx context.Context, conn *pgx.Conn, deployment string) error {
	exists, err := hasTable(ctx, conn, "prism_meta")
	if err != nil || !exists {
		return err
	}
	owner, err := text(ctx, conn, `SELECT "value" FROM "prism_meta" WHERE "name" = 'deployment'`)
	if err != nil {
		return err
	}
	if owner != deployment {
		return fmt.Errorf("the store belongs to deployment %q, and this proxy is %q; give it its own database or schema", owner, deployment)
	}
	return nil
}

// applied returns the rows of prism_migrations, none if the table does not
// exist. files are those that the proxy holds.
func applied(ctx context.Context, conn *pgx.Conn, namespace string, files []migration.File) ([]migration.Applied, error) {
	exists, err := hasTable(ctx, conn, "prism_migrations")
	if err != nil || !exists {
		return nil, err
	}
	rows, err := conn.Query(ctx, `SELECT "number", "name", coalesce("sha256", '') FROM "prism_migrations" WHERE "namespace" = $1 ORDER BY "number"`, namespace)
	if err != nil {
		return nil, Error(ctx, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[migration.Applied])
	if err != nil {
		return nil, Error(ctx, err)
	}
	return list, migration.ByHand(files, list, func(table, column string) (bool, error) { return hasColumn(ctx, conn, table, column) })
}

func hasColumn(ctx context.Context, conn *pgx.Conn, table, column string) (exists bool, err error) {
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(quote_ident($1)) AND attname = $2 AND NOT attisdropped)`, table, column).Scan(&exists)
	return exists, Error(ctx, err)
}

// hasTable looks where unqualified names are created, not where they are found:
// a table further down the search path belongs to somebody else.
func hasTable(ctx context.Context, conn *pgx.Conn, name string) (exists bool, err error) {
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1)`, name).Scan(&exists)
	return exists, Error(ctx, err)
}
