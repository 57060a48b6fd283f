package memory

import (
	"context"
	"io"

	"github.com/prism-proxy/prism/runtime"
)

// Namespace returns the namespace whose store cfg describes, and whose services
// are bound to the store when it is opened.
func Namespace(cfg Config, services ...func(*DB) runtime.Service) runtime.Namespace {
	return runtime.Namespace{
		Name: cfg.Namespace, Backend: "memory", InFlight: cfg.InFlight,
		Open: func(ctx context.Context, env *runtime.Env) (io.Closer, []runtime.Service, error) {
			db, err := Open(ctx, env, cfg)
			if err != nil {
				return nil, nil, err
			}
			return db, runtime.Bind(db, services), nil
		},
	}
}
