package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/runtime"
)

// sequence issues the versions of a table.
type sequence struct {
	table string
	fault string // what to change so that its versions grow; "": nothing
	// identity identifies the sequence: one of another server or database, or one
	// that was created again or restarted, has another. verified is the identity
	// of the sequence last found to be ahead of the table.
	identity, verified string
	small              bool // the table can be read in a moment
}

// readSequence takes the names of the sequence, of the table, and of the row of
// prism_meta. A per-session cache or a cycle issues versions out of order; an
// unlogged sequence starts over after a crash.
const readSequence = `SELECT
  CASE WHEN seqcache <> 1 THEN 'CACHE 1' WHEN seqcycle THEN 'NO CYCLE' WHEN seqincrement <= 0 THEN 'INCREMENT BY 1'
    WHEN relpersistence <> 'p' THEN 'SET LOGGED' ELSE '' END,
  concat_ws('/', (SELECT system_identifier FROM pg_control_system()), (SELECT oid FROM pg_database WHERE datname = current_database()), oid, pg_relation_filenode(oid)),
  coalesce((SELECT "value" FROM "prism_meta" WHERE "name" = $3), ''),
  coalesce(pg_relation_size(to_regclass(quote_ident($2))) < 8388608, true)
FROM pg_class JOIN pg_sequence ON seqrelid = oid WHERE oid = to_regclass(quote_ident($1))`

const recordVerified = `INSERT INTO "prism_meta" ("name", "value") VALUES ($1, $2) ON CONFLICT ("name") DO UPDATE SET "value" = excluded."value"`

func (s *sequence) name() string { return s.table + "_version" }
func (s *sequence) row() string  { return "sequence_of_" + s.table }

// verifyVersions refuses a store if a sequence lags behind its table, since
// versions would be issued twice: neither dumps of tables nor logical
// replication include sequences.
//
// The highest version of a table is read from all its rows: an index on
// versions would cost every write. So a large table is read only if its
// sequence is not the one verified before. The statement record, if not empty,
// stores which one was verified.
func verifyVersions(ctx context.Context, conn *pgx.Conn, env *runtime.Env, n runtime.Namespace, cfg Config, record string) error {
	for _, table := range n.Tables {
		s := &sequence{table: table}
		err := conn.QueryRow(ctx, readSequence, s.name(), s.table, s.row()).Scan(&s.fault, &s.identity, &s.verified, &s.small)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("table %s has no sequence %q that issues its versions; run CREATE SEQUENCE %[2]q; and %s-proxy migrate bump-versions", table, s.name(), env.Deployment)
		case err != nil:
			return Error(ctx, err)
		case s.fault != "":
			return fmt.Errorf("sequence %q would issue versions out of order or again; run ALTER SEQUENCE %[1]q %s;", s.name(), s.fault)
		}
		if !s.small && s.verified == s.identity {
			continue
		}
		highest, last, err := s.highest(ctx, conn)
		if err != nil {
			return err
		}
		if last < highest {
			return fmt.Errorf("sequence %q is at %d and a record of table %s has version %d, so versions would be issued twice; run SELECT setval('%[1]q', %[5]d);",
				s.name(), last, table, highest, highest+bumpLeap)
		}
		if record != "" && s.verified != s.identity {
			if _, err := conn.Exec(ctx, record, s.row(), s.identity); err != nil {
				return Error(ctx, err)
			}
		}
	}
	return nil
}

// highest reads the highest version in the table, 0 if it is empty, however
// long that takes, and then the version last issued by the sequence, 0 if none.
// In this order, because other proxies write meanwhile: what was seen in the
// table was issued before.
func (s *sequence) highest(ctx context.Context, conn *pgx.Conn) (version, last int64, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(max("prism_version"), 0) FROM %q`, s.table)).Scan(&version)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT coalesce(pg_sequence_last_value(quote_ident($1)::regclass), 0)`, s.name()).Scan(&last)
	})
	return version, last, Error(ctx, err)
}

// bumpLeap is how far versions leap above those of a restored store: more than
// can have been issued since the copy was made. There is room for millions of
// leaps.
const bumpLeap = 1 << 40

// BumpVersions makes the versions of every table of a restored store leap above
// those that it holds and those that callers may have seen.
func BumpVersions(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	return withConn(ctx, env, n, cfg, func(conn *pgx.Conn) error {
		if err := verifyOwner(ctx, conn, env.Deployment); err != nil {
			return err
		}
		if err := verifyMigrations(ctx, conn, env, n, cfg); err != nil {
			return err
		}
		for _, table := range n.Tables {
			s := &sequence{table: table}
			highest, _, err := s.highest(ctx, conn)
			if err != nil {
				return err
			}
			_, err = text(ctx, conn, `SELECT setval(quote_ident($1)::regclass, greatest(coalesce(pg_sequence_last_value(quote_ident($1)::regclass), 0), $2) + $3)::text`, s.name(), highest, int64(bumpLeap))
			if err != nil {
				return err
			}
		}
		return verifyVersions(ctx, conn, env, n, cfg, recordVerified)
	})
}
