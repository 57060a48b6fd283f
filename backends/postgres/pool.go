package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is a *pgxpool.Pool. A package compiles against all that the types it uses
// are made of, and there is a package for each entity: the interface keeps the
// driver's types, which are many, out of DB. What has them in its signature is a
// function and no method of DB for the same reason.
type pool interface{ Close() }

func acquire(ctx context.Context, db *DB) (*pgxpool.Conn, error) {
	return db.pool.(*pgxpool.Pool).Acquire(ctx)
}
