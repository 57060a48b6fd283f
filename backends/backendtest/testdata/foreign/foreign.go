// Package foreign is the run-time half of a backend in a module of its own.
package foreign

import (
	"context"

	"github.com/prism-proxy/prism/backends/memory"
	"github.com/prism-proxy/prism/runtime"
)

// Backend is the run-time half of foreign.
var Backend = runtime.Backend[*DB, Config]{Name: "foreign", Open: Open}

// Config has a setting.
type Config struct{ Label string }

// DB is an open store: memory.
type DB struct{ *memory.DB }

// Open returns an empty store.
func Open(ctx context.Context, env *runtime.Env, n runtime.Namespace, _ Config) (*DB, error) {
	db, err := memory.Open(ctx, env, n, memory.Config{})
	return &DB{db}, err
}
