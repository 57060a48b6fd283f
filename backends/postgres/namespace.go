package postgres

import (
	"context"
	"io"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// Namespace returns the namespace whose store cfg describes, and whose services
// are bound to the store when it is opened.
func Namespace(cfg Config, services ...func(*DB) runtime.Service) runtime.Namespace {
	cfg.entities = len(services)
	return runtime.Namespace{
		Name: cfg.Namespace, Backend: "postgres", InFlight: cfg.InFlight,
		Open: func(ctx context.Context, env *runtime.Env) (io.Closer, []runtime.Service, error) {
			db, err := Open(ctx, env, cfg)
			if err != nil {
				return nil, nil, err
			}
			return db, runtime.Bind(db, services), nil
		},
		Migrate: func(ctx context.Context, env *runtime.Env) ([]migration.File, error) { return Migrate(ctx, env, cfg) },
		Status:  func(ctx context.Context, env *runtime.Env) ([]migration.State, error) { return Status(ctx, env, cfg) },
		Verify: func(ctx context.Context, env *runtime.Env, damaged func(string, int64)) ([]runtime.Verified, error) {
			return Verify(ctx, env, cfg, damaged)
		},
		BumpVersions: func(ctx context.Context, env *runtime.Env) error { return BumpVersions(ctx, env, cfg) },
	}
}
