package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prism-proxy/prism/backends/sqlite"
	"github.com/prism-proxy/prism/runtime"
)

// issue issues versions of things, and returns the first.
func issue(t *testing.T, db *sqlite.DB, n int) (first int64) {
	t.Helper()
	c, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first = c.Versions("things", n)
	if c.End(&err); err != nil {
		t.Fatal(err)
	}
	return first
}

// With synchronous=NORMAL a power cut takes the log back to its last sync.
// Versions issued since are not issued again, whatever the store is configured
// with afterwards.
func TestVersionsAfterAPowerCut(t *testing.T) {
	for _, behind := range []string{"NORMAL", "FULL"} {
		t.Run(behind, func(t *testing.T) {
			env := environment(t)
			cfg := config(initSQL)
			cfg.Synchronous = "NORMAL"
			last := int64(0)
			for i := range 3 {
				db := open(t, env, cfg)
				synced := environment(t)
				copyStore(t, env, synced)
				first := issue(t, db, 5)
				if first <= last {
					t.Errorf("power cut %d: version %d is issued after %d was", i, first, last)
				}
				last = issue(t, db, 1)
				db.Close()
				env = synced
			}
			cfg.Synchronous = behind
			for range 2 {
				db := open(t, env, cfg)
				if first := issue(t, db, 1); first <= last {
					t.Errorf("opened with %s: version %d is issued after %d was", behind, first, last)
				} else {
					last = first
				}
				db.Close()
			}
		})
	}
}

// A store that syncs every commit loses none, so its versions stay small.
func TestVersionsDoNotLeapWithoutNeed(t *testing.T) {
	env := environment(t)
	for want := int64(1); want <= 3; want++ {
		db := open(t, env, config(initSQL))
		if got := issue(t, db, 1); got != want {
			t.Errorf("version %d, want %d", got, want)
		}
		db.Close()
	}
}

// copyStore copies the files of the store as they are, which is what a power
// cut leaves of files that were just synced.
func copyStore(t *testing.T, from, to *runtime.Env) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(filepath.Join(from.DataDir, "ns.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to.DataDir, "ns.db"+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
