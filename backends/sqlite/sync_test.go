package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/prism-proxy/prism/backends/sqlite"
	prism "github.com/prism-proxy/prism/runtime"
)

// After a failed sync of any file, no write is acknowledged until the store is
// opened again: a second sync may succeed for pages that the kernel has
// dropped. Reads go on. Acknowledged writes are there afterwards, whether the
// process was stopped or killed: closing the store as if nothing had happened
// would copy what the disk no longer has, and delete the rest.
//
// The test runs itself under strace, which makes the n-th sync of a file fail.
func TestFailedSyncEndsWrites(t *testing.T) {
	if os.Getenv("PRISM_TEST_SYNC") != "" {
		writeUntilRefused(t)
		return
	}
	strace(t)
	positions := map[string][]int{"ns.db": {1, 2, 4}, "ns.db-wal": {1, 2, 30}, "ns.db-journal": {1}, ".": {1, 2, 3}}
	if os.Getenv("PRISM_LONG") != "" {
		for _, file := range []string{"ns.db", "ns.db-wal"} {
			positions[file] = nil
			for n := range 50 {
				positions[file] = append(positions[file], n+1)
			}
		}
	}
	for file, list := range positions {
		for _, n := range list {
			for _, end := range []string{"stopped", "killed"} {
				t.Run(fmt.Sprintf("%s/%d/%s", file, n, end), func(t *testing.T) {
					dir := t.TempDir()
					fail(t, dir, end, file, fmt.Sprintf("fsync,fdatasync:error=EIO:when=%d", n))
				})
			}
		}
	}
	for _, end := range []string{"stopped", "killed"} {
		t.Run("ns.db/always/"+end, func(t *testing.T) {
			dir := t.TempDir()
			open(t, prism.NewEnv("test", dir), config(recordSQL)).Close()
			fail(t, dir, end, "ns.db", "fsync,fdatasync:error=EIO")
		})
		// A reader holds back part of the log's copy, which is then not synced. The
		// disk takes none of its pages and says so once.
		t.Run("dropped/"+end, func(t *testing.T) {
			dir := t.TempDir()
			open(t, prism.NewEnv("test", dir), config(recordSQL)).Close()
			fail(t, dir, end, "ns.db", "pwrite64:retval=4096:when=1..700", "fsync,fdatasync:error=EIO:when=1")
		})
	}
}

// recordSQL is initSQL with things of any size.
var recordSQL = strings.Replace(initSQL, `"id" TEXT NOT NULL`, `"id" TEXT NOT NULL, "value" BLOB`, 1)

func strace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-o", os.DevNull, "true").Run()
	}
	if err != nil && os.Getenv("PRISM_REQUIRE") == "all" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: no strace on this machine, or it may not trace; run make engines")
	}
	return path
}

// fail runs the test in a process whose calls on a file of dir fail as injected
// by strace, and checks what it left.
func fail(t *testing.T, dir, end, file string, injections ...string) {
	t.Helper()
	// The process is stopped only at those calls, or it would take too long.
	args, calls := []string{"-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-P", filepath.Join(dir, file)}, "trace="
	for _, i := range injections {
		args = append(args, "-e", "inject="+i)
		calls += strings.Split(i, ":")[0] + ","
	}
	args = append(args, "-e", strings.TrimSuffix(calls, ","))
	result := filepath.Join(t.TempDir(), "acknowledged")
	inner := exec.CommandContext(t.Context(), strace(t), append(args, os.Args[0], "-test.run=^TestFailedSyncEndsWrites$", "-test.v")...)
	inner.Env = append(os.Environ(), "PRISM_TEST_SYNC="+dir, "PRISM_TEST_END="+end, "PRISM_TEST_RESULT="+result)
	out, _ := inner.CombinedOutput() // it ends by a signal if it is killed
	text, err := os.ReadFile(result)
	if err != nil || strings.Contains(string(out), "--- FAIL") {
		t.Errorf("%v\n%s", err, out)
	}
	acknowledged, _ := strconv.ParseInt(string(text), 10, 64)
	intact(t, dir, acknowledged)
}

// intact opens a store and fails the test if one of the things 0 to n-1 is
// missing or damaged.
func intact(t *testing.T, dir string, n int64) {
	t.Helper()
	db, err := config(recordSQL).Open(t.Context(), prism.NewEnv("test", dir))
	if err != nil {
		t.Errorf("of %d acknowledged records none is left: %v", n, err)
		return
	}
	defer db.Close()
	if got := count(t, db); got != n && got != n+1 { // one may have been stored without an answer
		t.Errorf("%d records are left, want the %d acknowledged", got, n)
	}
	if err := addRecord(t.Context(), db, "after", nil); err != nil {
		t.Errorf("the store that was opened again takes no writes: %v", err)
	}
	if got := rows(t, filepath.Join(dir, "ns.db"), "PRAGMA integrity_check"); got[0][0] != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
}

// writeUntilRefused is the process whose sync fails. It stores things until
// writes are refused, and then stops or kills itself.
func writeUntilRefused(t *testing.T) {
	runtime.LockOSThread() // strace counts the calls of each thread
	var log bytes.Buffer
	env := prism.NewEnv("test", os.Getenv("PRISM_TEST_SYNC"))
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	ended := func() bool { return strings.Contains(log.String(), "takes no more writes") }
	acknowledged := 0
	db, err := config(recordSQL).Open(t.Context(), env)
	if err == nil {
		acknowledged = refused(t, db, ended)
		if strings.Count(log.String(), "takes no more writes") != 1 {
			t.Errorf("want one line that says that writes have ended:\n%s", log.String())
		}
	}
	if err := os.WriteFile(os.Getenv("PRISM_TEST_RESULT"), []byte(strconv.Itoa(acknowledged)), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PRISM_TEST_END") == "killed" && !t.Failed() {
		unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	if err == nil {
		db.Close()
	}
}

// refused stores things until writes are refused and returns how many were
// acknowledged. Meanwhile a reader keeps a part of the log from being copied,
// so that the log grows beyond what is copied at once.
func refused(t *testing.T, db *sqlite.DB, ended func() bool) (acknowledged int) {
	t.Helper()
	value := make([]byte, 100<<10) // 25 pages of the 1,000 at which the log is copied
	var reader *sqlite.Conn
	for ; acknowledged < 2500 && !ended(); acknowledged++ {
		switch acknowledged {
		case 30:
			reader, _ = db.Reader(t.Context())
			reader.Query(countThings).Next()
		case 45:
			var err error
			reader.End(&err)
		}
		if err := addRecord(t.Context(), db, strconv.Itoa(acknowledged), value); err != nil {
			wantReason(t, err, prism.BackendUnavailable, "unknown")
			break
		}
	}
	if acknowledged == 2500 {
		t.Errorf("%d records are acknowledged, and no sync failed", acknowledged)
	}
	if reader != nil && acknowledged < 45 {
		var err error
		reader.End(&err)
	}
	for range 2 {
		wantReason(t, addRecord(t.Context(), db, "refused", nil), prism.BackendReadOnly, "none")
	}
	if got := count(t, db); got != int64(acknowledged) {
		t.Errorf("%d records are read, want %d", got, acknowledged)
	}
	return acknowledged
}

var insertRecord = sqlite.NewStatement(`INSERT INTO "things" ("id", "value") VALUES (?1, ?2)`)

func addRecord(ctx context.Context, db *sqlite.DB, id string, value []byte) (err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	q := c.Query(insertRecord)
	q.Text(1, []byte(id))
	q.Blob(2, value)
	q.Exec()
	return nil
}

// A power cut loses a new file whose folder was not synced, even if the file
// was. The test cannot cut the power; instead strace records in which order the
// process creates files, syncs and acknowledges.
func TestNewFilesAreSyncedInTheirFolder(t *testing.T) {
	if dir := os.Getenv("PRISM_TEST_NEW"); dir != "" {
		db := open(t, prism.NewEnv("test", dir), config(initSQL))
		if err := add(t.Context(), db, "a", nil); err != nil {
			t.Fatal(err)
		}
		os.Open("/acknowledged")
		return
	}
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	inner := exec.CommandContext(t.Context(), strace(t), "-f", "-qq", "-y", "-o", log, "-e", "trace=openat,mkdirat,fsync,fdatasync", os.Args[0], "-test.run=^TestNewFilesAreSyncedInTheirFolder$")
	inner.Env = append(os.Environ(), "PRISM_TEST_NEW="+filepath.Join(dir, "made", "data"))
	if out, err := inner.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls, _, acknowledged := strings.Cut(string(text), `"/acknowledged"`)
	if !acknowledged {
		t.Fatal("nothing was acknowledged")
	}
	for _, name := range []string{"made", "made/data", "made/data/ns.db", "made/data/ns.db-journal", "made/data/ns.db-wal"} {
		path := filepath.Join(dir, name)
		made := regexp.MustCompile(`mkdirat\([^"]*"` + path + `"|openat\([^"]*"` + path + `", [A-Z_|]*O_CREAT`).FindStringIndex(calls)
		if made == nil {
			t.Errorf("%s was not made", name)
			continue
		}
		if !regexp.MustCompile(`fsync\([0-9]+<` + filepath.Dir(path) + `>`).MatchString(calls[made[1]:]) {
			t.Errorf("%s was made, and its folder not synced before the first acknowledgement", name)
		}
	}
	if !regexp.MustCompile(`sync\([0-9]+<` + filepath.Join(dir, "made/data/ns.db-wal") + `>`).MatchString(calls) {
		t.Error("the log was not synced before the first acknowledgement")
	}
}
