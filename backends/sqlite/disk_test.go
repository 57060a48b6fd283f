package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/prism-proxy/prism/backends/sqlite"
	"github.com/prism-proxy/prism/runtime"
)

func wantReason(t *testing.T, err error, reason runtime.Reason, outcome string) {
	t.Helper()
	var e *runtime.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Metadata["outcome"] != outcome {
		t.Errorf("got %v, want %s with outcome %s", err, reason, outcome)
	}
}

// With a full disk, writes are refused and reads are served; once there is
// space, writes work again without a restart.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	env := runtime.NewEnv("test", dir)
	db := open(t, env, config(initSQL))
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	stored := fill(t.Context(), db)
	wantReason(t, stored.err, runtime.BackendReadOnly, "none")
	if got := count(t, db); got != stored.n {
		t.Errorf("%d records are read from the full disk, want the %d acknowledged", got, stored.n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := add(t.Context(), db, "after", nil); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if got := count(t, db); got != stored.n+1 {
		t.Errorf("%d records, want %d", got, stored.n+1)
	}
}

// fill stores things until one is refused.
func fill(ctx context.Context, db *sqlite.DB) (stored struct {
	n   int64
	err error
}) {
	for ; stored.n < 1000; stored.n++ {
		if stored.err = add(ctx, db, strconv.FormatInt(stored.n, 10)+strings.Repeat("x", 4000), nil); stored.err != nil {
			break
		}
	}
	return stored
}

// A data directory that cannot be used is named, with what to do about it.
func TestUnusableDataDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "ns.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := unix.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		file:                       filepath.Join(file, "ns.db") + ": not a directory; it leads through a file; name another --data-dir",
		filepath.Join(file, "sub"): filepath.Join(file, "sub") + ": not a directory; it leads through a file; name another --data-dir",
		taken:                      filepath.Join(taken, "ns.db") + ": is a directory; move the folder that has the database's name away, or name another --data-dir",
		closed:                     filepath.Join(closed, "ns.db") + ": permission denied; let the proxy's user read and write there, or name another --data-dir",
		"/proc/prism":              "/proc/prism: no such file or directory; name another --data-dir",
	} {
		if at == closed && os.Geteuid() == 0 {
			continue // to whom no folder is closed
		}
		_, err := config(initSQL).Open(t.Context(), runtime.NewEnv("test", at))
		wantError(t, err, want)
	}
}
