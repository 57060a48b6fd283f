package sqlite_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	prism "github.com/prism-proxy/prism/runtime"
)

// What is written to a file that no longer has a name is lost when it is
// closed, so it is not acknowledged. A store that is then closed properly has
// all that was acknowledged before.
func TestMovedFilesEndWrites(t *testing.T) {
	tests := []struct {
		name string
		move func(file string) error
		left int64 // records found when the path is opened again
	}{
		{"the log is removed", func(file string) error { return os.Remove(file + "-wal") }, 3},
		{"the log is renamed", func(file string) error { return os.Rename(file+"-wal", file+"-old") }, 3},
		{"the log is replaced", func(file string) error {
			return os.Rename(writeFile(t, file+"-new", "other"), file+"-wal")
		}, 3},
		{"the database is renamed", func(file string) error { return os.Rename(file, file+"-old") }, 0},
		{"the folder is renamed", func(file string) error {
			return os.Rename(filepath.Dir(file), filepath.Dir(file)+"-old")
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := prism.NewEnv("test", filepath.Join(t.TempDir(), "data"))
			var log strings.Builder
			env.Log = slog.New(slog.NewTextHandler(&log, nil))
			db := open(t, env, config(initSQL))
			for i := range 3 {
				if err := add(t.Context(), db, strconv.Itoa(i), nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.move(filepath.Join(env.DataDir, "ns.db")); err != nil {
				t.Fatal(err)
			}
			wantReason(t, add(t.Context(), db, "lost", nil), prism.BackendUnavailable, "unknown")
			for range 2 {
				wantReason(t, add(t.Context(), db, "refused", nil), prism.BackendReadOnly, "none")
			}
			if got := count(t, db); got != 3 {
				t.Errorf("%d records are read, want 3", got)
			}
			if n := strings.Count(log.String(), "takes no more writes"); n != 1 {
				t.Errorf("the log says %d times that writes have ended:\n%s", n, log.String())
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if got := count(t, open(t, env, config(initSQL))); got != test.left {
				t.Errorf("%d records are left, want %d", got, test.left)
			}
		})
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The lock is on the database, not on a path to it: two proxies that write one
// database by two paths have separate logs and damage it.
//
// The test runs itself as the other process.
func TestOtherPathsAreLocked(t *testing.T) {
	if dir := os.Getenv("PRISM_TEST_LOCKED"); dir != "" {
		_, err := config(initSQL).Open(t.Context(), prism.NewEnv("test", dir))
		wantError(t, err, "locked by another process")
		return
	}
	paths := map[string]func(data, other string) error{
		"the path":                  func(data, other string) error { return os.Symlink(data, other) }, // to the folder
		"a link to the database":    inFolder(os.Symlink),
		"a second name (hard link)": inFolder(os.Link),
	}
	for name, link := range paths {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data, other := filepath.Join(dir, "data"), filepath.Join(dir, "other")
			db := open(t, prism.NewEnv("test", data), config(initSQL))
			if err := link(data, other); err != nil {
				t.Fatal(err)
			}
			_, err := config(initSQL).Open(t.Context(), prism.NewEnv("test", other))
			wantError(t, err, "locked by another process")
			_, err = config(initSQL).Migrate(t.Context(), prism.NewEnv("test", other))
			wantError(t, err, "locked by another process")
			process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOtherPathsAreLocked$")
			process.Env = append(os.Environ(), "PRISM_TEST_LOCKED="+other)
			if out, err := process.CombinedOutput(); err != nil {
				t.Errorf("another process: %v\n%s", err, out)
			}
			// The refused open leaves the lock in place and the store working.
			if err := add(t.Context(), db, "a", nil); err != nil {
				t.Error(err)
			}
			_, err = config(initSQL).Open(t.Context(), prism.NewEnv("test", data))
			wantError(t, err, "locked by another process")
			db.Close()
			if got := count(t, open(t, prism.NewEnv("test", other), config(initSQL))); got != 1 {
				t.Errorf("%d records by the other path, want 1", got)
			}
		})
	}
}

// inFolder makes a folder whose database is a link to another folder's.
func inFolder(link func(from, to string) error) func(data, other string) error {
	return func(data, other string) error {
		if err := os.Mkdir(other, 0o700); err != nil {
			return err
		}
		return link(filepath.Join(data, "ns.db"), filepath.Join(other, "ns.db"))
	}
}

// If a link is where the database should be, the database is created at its
// target.
func TestLinkToNoDatabase(t *testing.T) {
	env, target := environment(t), filepath.Join(t.TempDir(), "elsewhere.db")
	if err := os.Symlink(target, filepath.Join(env.DataDir, "ns.db")); err != nil {
		t.Fatal(err)
	}
	db := open(t, env, config(initSQL))
	if err := add(t.Context(), db, "a", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(target + "-wal"); err != nil {
		t.Errorf("the log is not beside the database: %v", err)
	}
}

// The path is passed to SQLite as part of a URI.
func TestPathOfAnyName(t *testing.T) {
	env := prism.NewEnv("test", filepath.Join(t.TempDir(), "a b?c=d&vfs=e#f%41+ü"))
	open(t, env, config(initSQL)).Close()
	if _, err := os.Stat(filepath.Join(env.DataDir, "ns.db")); err != nil {
		t.Error(err)
	}
	if got := count(t, open(t, env, config(initSQL))); got != 0 {
		t.Errorf("%d records", got)
	}
}

// Asking for the status changes nothing: only a proxy may copy the log into the
// database, as SQLite does when the last connection is closed.
func TestStatusChangesNothing(t *testing.T) {
	env := environment(t)
	db := open(t, env, config(recordSQL))
	if err := add(t.Context(), db, "a", nil); err != nil {
		t.Fatal(err)
	}
	crashed := crash(t, env.DataDir)
	for _, dir := range []string{env.DataDir, crashed} {
		before := contents(t, dir)
		states, err := config(recordSQL, addSQL).Status(t.Context(), prism.NewEnv("test", dir))
		if err != nil || len(states) != 2 || states[0].State != "applied" || states[1].State != "pending" {
			t.Errorf("states %v, %v", states, err)
		}
		if after := contents(t, dir); after != before {
			t.Error("asking for the status changed the database or its log")
		}
	}
	if err := add(t.Context(), db, "b", nil); err != nil {
		t.Errorf("the proxy, after it was looked at: %v", err)
	}
	intact(t, crashed, 1)
}

// crash returns a copy of an open store that no call is changing, as a killed
// process would leave it.
func crash(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	for _, name := range []string{"ns.db", "ns.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(copied, name), string(b))
	}
	return copied
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	copied := crash(t, dir)
	db, _ := os.ReadFile(filepath.Join(copied, "ns.db"))
	log, _ := os.ReadFile(filepath.Join(copied, "ns.db-wal"))
	return string(db) + string(log)
}

// A commit that could not be synced may be in the kernel's copy of the log but
// not on the disk, and what is appended after it is lost with it in a power
// cut. So the log that a crash left is restarted before it is written to.
func TestLogIsBegunAnewAfterCrash(t *testing.T) {
	env := environment(t)
	db := open(t, env, config(initSQL))
	for i := range 3 {
		if err := add(t.Context(), db, strconv.Itoa(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	dir := crash(t, env.DataDir)
	again := open(t, prism.NewEnv("test", dir), config(initSQL))
	if err := add(t.Context(), again, "3", nil); err != nil {
		t.Fatal(err)
	}
	if got, before := sequence(t, dir), sequence(t, env.DataDir); got != before+1 {
		t.Errorf("the log was begun anew %d times, want once", got-before)
	}
	if got := count(t, again); got != 4 {
		t.Errorf("%d records, want 4", got)
	}
}

// sequence returns how often the log was restarted
// (https://sqlite.org/fileformat2.html#walformat, offset 12).
func sequence(t *testing.T, dir string) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, "ns.db-wal"))
	if err != nil || len(log) < 16 {
		t.Fatalf("a log of %d bytes, %v", len(log), err)
	}
	return int(log[12])<<24 | int(log[13])<<16 | int(log[14])<<8 | int(log[15])
}
