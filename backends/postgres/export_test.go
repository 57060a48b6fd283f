package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
)

// Connect gives tests the same connections as an open store has.
func Connect(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*pgxpool.Pool, error) {
	return connect(ctx, env, n, cfg, "r1", onePlan, new(openings))
}

// Version, Versions and Again give tests the building blocks of operations.
func (db *DB) Version(ctx context.Context, statement string, values ...any) (int64, error) {
	return db.version(ctx, statement, values...)
}

func (db *DB) Versions(ctx context.Context, t *Table, statement string, n int, values func(i int) []any) ([]int64, int, error) {
	return db.versions(ctx, t, nil, statement, n, values)
}

func (db *DB) Again(ctx context.Context, t *Table, err error, item int, records ...[]any) (bool, error) {
	return db.again(ctx, t, err, item, records...)
}

// Exec runs a statement on one of the connections, unprepared.
func (db *DB) Exec(ctx context.Context, statement string) error {
	return run(ctx, db, func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().Exec(ctx, statement).ReadAll()
		return err
	})
}

// Pinned and OnePlan are what sessions are set to.
var Pinned, OnePlan = pinned, onePlan

// Violated is the check that again makes.
var Violated = violated

// TakeTurn is the first statement of a batch.
const TakeTurn = takeTurn

// RunFill passes through a table once.
func RunFill(ctx context.Context, conn *pgx.Conn, f *Fill, release int) error {
	return f.run(ctx, conn, release, false, 0, func(int64) {})
}
