package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
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

// After a commit that could not be brought to the disk no write is
// acknowledged, though the disk works again, until the store is opened anew: a
// second fsync may succeed for pages that the kernel has dropped. Reads go on,
// and what was acknowledged is there.
//
// The test runs itself under strace, which makes one fsync fail.
func TestFailedSyncEndsWrites(t *testing.T) {
	if os.Getenv("PRISM_TEST_SYNC") == "" {
		strace, err := exec.LookPath("strace")
		if err != nil && os.Getenv("PRISM_REQUIRE") == "all" {
			t.Fatal(err)
		}
		if err != nil {
			t.Skip("SKIPPED, NOT PASSED: no strace on this machine; run make engines")
		}
		inner := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+failingSync,
			os.Args[0], "-test.run=^TestFailedSyncEndsWrites$", "-test.v")
		inner.Env = append(os.Environ(), "PRISM_TEST_SYNC=1")
		out, err := inner.CombinedOutput()
		if strings.Contains(string(out), "ptrace") {
			t.Skip("SKIPPED, NOT PASSED: strace may not trace here")
		}
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	env := environment(t)
	db := open(t, env, config(initSQL))
	acknowledged := int64(0)
	for ; acknowledged < 100; acknowledged++ {
		if err := add(t.Context(), db, strconv.FormatInt(acknowledged, 10), nil); err != nil {
			wantReason(t, err, runtime.BackendUnavailable, "unknown")
			break
		}
	}
	if acknowledged == 100 {
		t.Fatal("no sync failed")
	}
	for range 2 {
		wantReason(t, add(t.Context(), db, "refused", nil), runtime.BackendReadOnly, "none")
	}
	if got := count(t, db); got != acknowledged {
		t.Errorf("%d records are read, want %d", got, acknowledged)
	}
	db.Close()
	db = open(t, env, config(initSQL))
	if err := add(t.Context(), db, "again", nil); err != nil {
		t.Errorf("the store that was opened again takes no writes: %v", err)
	}
	if got := count(t, db); got < acknowledged+1 {
		t.Errorf("%d records are left, want the acknowledged %d", got, acknowledged+1)
	}
}

// failingSync is beyond those of opening the store.
const failingSync = "30"

// A full disk refuses writes, serves reads, and takes writes again when there
// is space, without a restart.
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
