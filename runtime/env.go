package runtime

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"
)

// Env is what differs from one start of a proxy to the next. Stores are opened
// with it. It is not changed after the first use.
type Env struct {
	Deployment string           // the deployment's name, which the store must agree with
	DataDir    string           // where embedded stores keep their files
	Now        func() time.Time // the clock of ttl and page tokens
	Log        *slog.Logger     // gets no value of any field
	Getenv     func(name string) string
}

// NewEnv returns the process's own environment, with logs as JSON on standard
// error.
func NewEnv(deployment, dataDir string) *Env {
	return &Env{
		Deployment: deployment,
		DataDir:    dataDir,
		Now:        time.Now,
		Log:        slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Getenv:     os.Getenv,
	}
}

var reference = regexp.MustCompile(`\$\{(env|file):([^}]*)\}`)

// Resolve replaces each ${env:NAME} and ${file:path} in a setting by the
// variable's value or the file's text without its last line break. An error
// names the setting and the reference that leads nowhere, and never a value.
func (e *Env) Resolve(setting, value string) (string, error) {
	var missing error
	resolved := reference.ReplaceAllStringFunc(value, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		if m[1] == "env" {
			if v := e.Getenv(m[2]); v != "" {
				return v
			}
			missing = fmt.Errorf("%s: the environment variable %s is not set; set it to what prism.yaml refers to as %s", setting, m[2], ref)
			return ""
		}
		text, err := os.ReadFile(m[2])
		if err != nil {
			missing = fmt.Errorf("%s: %w; prism.yaml refers to the file as %s", setting, err, ref)
		}
		return strings.TrimRight(string(text), "\r\n")
	})
	return resolved, missing
}
