package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Migrate applies the missing migrations and returns them. One migrator works
// on a database at a time; others wait for it, until ctx ends, and then find
// nothing to do. A file is applied whole or not at all.
func Migrate(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (done []migration.File, err error) {
	files, err := migration.Read(n.Migrations, n.Name)
	if err != nil {
		return nil, err
	}
	err = withConn(ctx, env, n, cfg, func(conn *pgx.Conn) error {
		if done, err = migrate(ctx, conn, env.Deployment, n.Name, files); err != nil {
			return err
		}
		return verifyVersions(ctx, conn, env, n, cfg, recordVerified)
	})
	return done, err
}

// Status lists the migrations and their state. In an empty database all are
// pending.
func Status(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (states []migration.State, err error) {
	files, err := migration.Read(n.Migrations, n.Name)
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

// verifyMigrations refuses a store that lacks a migration.
func verifyMigrations(ctx context.Context, conn *pgx.Conn, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	files, err := migration.Read(n.Migrations, n.Name)
	if err != nil {
		return err
	}
	done, err := applied(ctx, conn, n.Name, files)
	if err != nil {
		return err
	}
	pending, err := migration.Pending(files, done)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("migration %s is not applied to the store; run %s-proxy migrate up", pending[0].Name, env.Deployment)
	}
	return err
}

// withConn lends do a connection and closes it afterwards, which ends all that
// the session set and locked.
func withConn(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, do func(*pgx.Conn) error) error {
	cfg.Connections = 1
	pool, err := connect(ctx, env, n, cfg, patient, new(openings))
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

// One migrator at a time, whatever the namespace, since namespaces share
// tables. The wait for this lock is unlimited; that for a table's lock ends
// after 2 s, since it holds up all later traffic on the table.
const (
	lockMigrations = `SELECT pg_advisory_lock(hashtext('prism_migrations'), 0)`
	setLockTimeout = `SET lock_timeout = '2s'`
)

// migrate applies the given migrations, each in one transaction with the row
// that records it, so that a crash leaves no partial one.
func migrate(ctx context.Context, conn *pgx.Conn, deployment, namespace string, files []migration.File) (done []migration.File, err error) {
	for _, statement := range []string{lockMigrations, setLockTimeout} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, Error(ctx, err)
		}
	}
	if err := verifySettings(ctx, conn, ""); err != nil {
		return nil, err
	}
	if err := verifyOwner(ctx, conn, deployment); err != nil {
		return nil, err
	}
	rows, err := applied(ctx, conn, namespace, files)
	if err != nil {
		return nil, err
	}
	pending, err := migration.Pending(files, rows)
	if err != nil {
		return nil, err
	}
	for _, f := range pending {
		if err := apply(ctx, conn, f, namespace); err != nil {
			return done, fmt.Errorf("migration %s: %w; a file is applied as a whole or not at all", f.Name, err)
		}
		done = append(done, f)
	}
	return done, recordChecksums(ctx, conn, files, rows, namespace)
}

// apply runs one file by the simple protocol, since it contains no values but
// may contain many statements.
func apply(ctx context.Context, conn *pgx.Conn, f migration.File, namespace string) error {
	return failedFile(ctx, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Conn().PgConn().Exec(ctx, f.SQL).ReadAll(); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, recordChecksum, f.SHA256, namespace, f.Number)
		if err == nil && tag.RowsAffected() == 0 {
			err = &runtime.Error{Reason: runtime.Internal, What: "the file does not record itself in prism_migrations (its last statement must)"}
		}
		return err
	}))
}

// failedFile is Error for the statements of a file. It includes what Postgres
// says about their names, but nothing that may quote data.
func failedFile(ctx context.Context, err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && len(answer.Code) == 5 && answer.Code[:2] == "42" { // syntax_error_or_access_rule_violation
		return fmt.Errorf("%s (SQLSTATE %s)", answer.Message, answer.Code)
	}
	return Error(ctx, err)
}

const recordChecksum = `UPDATE "prism_migrations" SET "sha256" = $1 WHERE "namespace" = $2 AND "number" = $3 AND "sha256" IS NULL`

// recordChecksums fills in the checksums of files that were run by hand.
func recordChecksums(ctx context.Context, conn *pgx.Conn, files []migration.File, rows []migration.Applied, namespace string) error {
	byHand := map[int]bool{}
	for _, row := range rows {
		byHand[row.Number] = row.SHA256 == ""
	}
	for _, f := range files {
		if !byHand[f.Number] {
			continue
		}
		if _, err := conn.Exec(ctx, recordChecksum, f.SHA256, namespace, f.Number); err != nil {
			return Error(ctx, err)
		}
	}
	return nil
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
