package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Migrate does what run says and returns the files that it applied or undid. A
// proxy applies all but contract files when it starts.
func Migrate(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, run migration.Run) ([]migration.File, error) {
	if run.DryRun {
		return rehearse(ctx, env, n, run)
	}
	d, err := openDisk(env.DataDir, n.Name, env.Log)
	if err != nil {
		return nil, err
	}
	defer d.close()
	c, err := openFirst(d, cfg.Synchronous)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	done, err := migrate(ctx, c, env, n, cfg, run)
	return done, errors.Join(err, d.ended())
}

// rehearse is Migrate of a dry run. It does not create the file.
func rehearse(ctx context.Context, env *runtime.Env, n runtime.Namespace, run migration.Run) ([]migration.File, error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	rows, err := inspected(env, n, files)
	if err != nil {
		return nil, err
	}
	return run.Do(ctx, &migrator{rows: rows}, files, n.Releases)
}

// Status lists the migrations and their state, even while a proxy serves the
// store. For a file that does not exist it lists all as pending, and does not
// create it.
func Status(_ context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) ([]migration.State, error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	rows, err := inspected(env, n, files)
	if err != nil {
		return nil, err
	}
	return migration.States(files, rows), nil
}

// inspected returns the rows of prism_migrations, none if the file does not exist.
func inspected(env *runtime.Env, n runtime.Namespace, files []migration.File) ([]migration.Applied, error) {
	path := filepath.Join(env.DataDir, n.Name+".db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	c, err := inspect(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := verifyOwner(c, env.Deployment); err != nil {
		return nil, err
	}
	return applied(c, n.Name, files)
}

// inspect opens a connection that changes nothing in the store. By default, the
// last connection closed would copy the log into the database, which after a
// failed sync only the next proxy may do.
func inspect(path string) (*sqlite3.Conn, error) {
	c, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return nil, err
	}
	_, err = c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	if err := errors.Join(err, c.BusyTimeout(busyTimeout)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// migrate does what run says with an open file.
func migrate(ctx context.Context, c *sqlite3.Conn, env *runtime.Env, n runtime.Namespace, cfg Config, run migration.Run) ([]migration.File, error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	if err := verifyOwner(c, env.Deployment); err != nil {
		return nil, err
	}
	rows, err := applied(c, n.Name, files)
	if err != nil {
		return nil, err
	}
	return run.Do(ctx, &migrator{conn: c, namespace: n.Name, rows: rows, fills: cfg.Fills, leaveOut: run.LeaveOut, now: env.Now}, files, n.Releases)
}

// verifyOwner refuses the store of another deployment.
func verifyOwner(c *sqlite3.Conn, deployment string) error {
	exists, err := hasTable(c, "prism_meta")
	if err != nil || !exists {
		return err
	}
	owner, err := text(c, `SELECT "value" FROM "prism_meta" WHERE "name" = 'deployment'`)
	if err != nil {
		return err
	}
	if owner != deployment {
		return fmt.Errorf("the store belongs to deployment %q, and this proxy is %q; give it its own --data-dir", owner, deployment)
	}
	return nil
}

// applied returns the rows of prism_migrations, none if the table does not
// exist. files are those that the proxy holds.
func applied(c *sqlite3.Conn, namespace string, files []migration.File) ([]migration.Applied, error) {
	exists, err := hasTable(c, "prism_migrations")
	if err != nil || !exists {
		return nil, err
	}
	stmt, _, err := c.Prepare(`SELECT "number", "name", coalesce("sha256", '') FROM "prism_migrations" WHERE "namespace" = ?1 ORDER BY "number"`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	if err := stmt.BindText(1, namespace); err != nil {
		return nil, err
	}
	var rows []migration.Applied
	for stmt.Step() {
		rows = append(rows, migration.Applied{Number: stmt.ColumnInt(0), Name: stmt.ColumnText(1), SHA256: stmt.ColumnText(2)})
	}
	if err := stmt.Err(); err != nil {
		return nil, err
	}
	return rows, migration.ByHand(files, rows, func(table, column string) (bool, error) {
		n, err := text(c, fmt.Sprintf(`SELECT count(*) FROM pragma_table_info('%s') WHERE "name" = '%s'`, table, column))
		return n == "1", err
	})
}

func hasTable(c *sqlite3.Conn, name string) (bool, error) {
	n, err := text(c, `SELECT count(*) FROM "sqlite_schema" WHERE "type" = 'table' AND "name" = '`+name+`'`)
	return n == "1", err
}
