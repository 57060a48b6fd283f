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
