package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
)

// Verify reads every record and compares it with its checksum. It reports the
// damaged ones and returns the counts of each table. It only reads, each table
// in one streamed statement, so it may run while proxies serve the store; like
// a dump, it holds up vacuum.
func Verify(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, damaged func(table string, version int64)) (all []runtime.Verified, err error) {
	err = withConn(ctx, env, n, cfg, func(conn *pgx.Conn) error {
		if err := verifyOwner(ctx, conn, env.Deployment); err != nil {
			return err
		}
		if err := verifyMigrations(ctx, conn, env, n, cfg); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
			return Error(ctx, err)
		}
		for _, table := range n.Tables {
			v, err := verifyTable(ctx, conn, table, damaged)
			all = append(all, v)
			if err != nil {
				return fmt.Errorf("table %s, after %d records: %w", table, v.Records, Error(ctx, err))
			}
		}
		return nil
	})
	return all, err
}

func verifyTable(ctx context.Context, conn *pgx.Conn, table string, damaged func(table string, version int64)) (runtime.Verified, error) {
	v := runtime.Verified{Table: table}
	rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT "prism_version", "prism_record", coalesce("prism_checksum", 0) FROM %q`, table))
	if err != nil {
		return v, err
	}
	defer rows.Close()
	for rows.Next() {
		var version, checksum int64
		var record pgtype.DriverBytes
		if err := rows.Scan(&version, &record, &checksum); err != nil {
			return v, err
		}
		v.Records++
		switch checked, err := keyvalue.Check(record, version, checksum); {
		case err != nil:
			v.Damaged++
			damaged(table, version)
		case !checked:
			v.Unchecked++
		}
	}
	return v, rows.Err()
}
