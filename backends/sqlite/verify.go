package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Verify reads every record and compares it with its checksum. It reports the
// damaged ones and returns the counts of each table. It only reads, in small
// parts, so it may run while a proxy serves the store; it delays the restart of
// the log only for moments.
func Verify(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, damaged func(table string, version int64)) ([]runtime.Verified, error) {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return nil, err
	}
	path := filepath.Join(env.DataDir, n.Name+".db")
	if _, err := os.Stat(path); err != nil { // SQLite's error would say less
		return nil, fmt.Errorf("%w; name the --data-dir of the proxy", err)
	}
	c, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	if err != nil {
		return nil, Error(ctx, err)
	}
	defer c.Close()
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	if err := c.BusyTimeout(busyTimeout); err != nil {
		return nil, err
	}
	if err := verifyOwner(c, env.Deployment); err != nil {
		return nil, err
	}
	done, err := applied(c, n.Name, files)
	if err != nil {
		return nil, err
	}
	if err := migration.Verify(files, done, env.Deployment); err != nil {
		return nil, err
	}
	var all []runtime.Verified
	for _, table := range n.Tables {
		v, err := verifyTable(c, table, damaged)
		all = append(all, v)
		if err != nil {
			return all, fmt.Errorf("table %s, after %d records: %w", table, v.Records, Error(ctx, err))
		}
	}
	return all, nil
}

// atOnce is how many records are read in one transaction.
const atOnce = 100

func verifyTable(c *sqlite3.Conn, table string, damaged func(table string, version int64)) (runtime.Verified, error) {
	v := runtime.Verified{Table: table}
	stmt, _, err := c.Prepare(fmt.Sprintf(`SELECT rowid, "prism_version", "prism_record", "prism_checksum" FROM %q WHERE rowid > ?1 ORDER BY rowid LIMIT %d`, table, atOnce))
	if err != nil {
		return v, err
	}
	defer stmt.Close()
	for last, read := int64(-1<<63), atOnce; read == atOnce; {
		if err := stmt.BindInt64(1, last); err != nil {
			return v, err
		}
		for read = 0; stmt.Step(); read++ {
			last = stmt.ColumnInt64(0)
			version := stmt.ColumnInt64(1)
			v.Records++
			switch checked, err := keyvalue.Check(stmt.ColumnRawBlob(2), version, stmt.ColumnInt64(3)); {
			case err != nil:
				v.Damaged++
				damaged(table, version)
			case !checked:
				v.Unchecked++
			}
		}
		if err := stmt.Err(); err != nil {
			return v, err
		}
		if err := stmt.Reset(); err != nil {
			return v, err
		}
	}
	return v, nil
}
