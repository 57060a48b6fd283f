package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/runtime"
)

// Connect gives tests the connections that an open store has.
func Connect(ctx context.Context, env *runtime.Env, cfg Config) (*pgxpool.Pool, error) {
	return connect(ctx, env, cfg, onePlan)
}
