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

// Migrate applies the missing migrations and returns them; if one fails, it
// returns those before it. A proxy does the same when it starts.
func Migrate(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) ([]migration.File, error) {
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
	applied, err := migrate(ctx, c, env, n, cfg)
	return applied, errors.Join(err, d.ended())
}

// Status lists the migrations and their state, even while a proxy serves the
// store. For a file that does not exist it lists all as pending, and does not
// create it.
func Status(_ context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) ([]migration.State, error) {
	files, err := migration.Read(n.Migrations, n.Name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(env.DataDir, n.Name+".db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return migration.States(files, nil), nil
	}
	c, err := inspect(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := verifyOwner(c, env.Deployment); err != nil {
		return nil, err
	}
	applied, err := applied(c, n.Name, files)
	return migration.States(files, applied), err
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

// migrate applies the migrations that the proxy holds, each in one transaction
// with the row that records it, so that a crash leaves no partial one.
func migrate(ctx context.Context, c *sqlite3.Conn, env *runtime.Env, n runtime.Namespace, cfg Config) ([]migration.File, error) {
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	files, err := migration.Read(n.Migrations, n.Name)
	if err != nil {
		return nil, err
	}
	if err := verifyOwner(c, env.Deployment); err != nil {
		return nil, err
	}
	done, err := applied(c, n.Name, files)
	if err != nil {
		return nil, err
	}
	pending, err := migration.Pending(files, done)
	if err != nil {
		return nil, err
	}
	for i, f := range pending {
		if err := apply(c, f, n.Name); err != nil {
			return pending[:i], fmt.Errorf("migration %s: %w; nothing of it was applied", f.Name, err)
		}
	}
	for _, f := range files {
		if err := recordChecksum(c, f, n.Name); err != nil {
			return nil, err
		}
	}
	return pending, nil
}

func apply(c *sqlite3.Conn, f migration.File, namespace string) (err error) {
	tx, err := c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	if err := c.Exec(f.SQL); err != nil {
		return err
	}
	return recordChecksum(c, f, namespace)
}

// recordChecksum fills in the checksum that the file's own last statement, run
// here or by hand, left out.
func recordChecksum(c *sqlite3.Conn, f migration.File, namespace string) error {
	stmt, _, err := c.Prepare(`UPDATE "prism_migrations" SET "sha256" = ?1 WHERE "namespace" = ?2 AND "number" = ?3 AND "sha256" IS NULL`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	err = errors.Join(stmt.BindText(1, f.SHA256), stmt.BindText(2, namespace), stmt.BindInt(3, f.Number))
	if err != nil {
		return err
	}
	return stmt.Exec()
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
