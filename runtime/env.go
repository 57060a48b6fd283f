package runtime

import (
	"log/slog"
	"os"
	"time"
)

// Env is what differs from one start of a proxy to the next. Stores are opened
// with it. It must not be changed after its first use.
type Env struct {
	Deployment string           // the deployment's name, which the store must agree with
	DataDir    string           // where embedded stores keep their files
	Now        func() time.Time // the clock of ttl and page tokens
	Log        *slog.Logger     // never gets the value of a field
	Getenv     func(name string) string
}

// NewEnv returns the process's environment, which logs JSON to standard error.
func NewEnv(deployment, dataDir string) *Env {
	return &Env{
		Deployment: deployment,
		DataDir:    dataDir,
		Now:        time.Now,
		Log:        slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Getenv:     os.Getenv,
	}
}
