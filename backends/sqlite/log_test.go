package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prism-proxy/prism/backends/sqlite"
)

// If there is always a reader, SQLite by itself would never restart the log,
// which would fill the disk.
func TestLogIsBoundedBesideReaders(t *testing.T) {
	env, cfg := environment(t), config(strings.Replace(initSQL, `"id" TEXT NOT NULL`, `"id" TEXT NOT NULL, "value" BLOB`, 1))
	cfg.Synchronous = "NORMAL"
	db := open(t, env, cfg)
	var stop atomic.Bool
	var reading sync.WaitGroup
	for range cfg.Readers {
		reading.Go(func() {
			for !stop.Load() {
				readSlowly(t, db)
			}
		})
	}
	const writes = 15_000 // of at least a page
	var longest int64
	for n := range writes {
		replace(t, db, n)
		if n%100 != 0 {
			continue
		}
		log, err := os.Stat(filepath.Join(env.DataDir, "ns.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, log.Size())
	}
	stop.Store(true)
	reading.Wait()
	if longest > 20<<20 {
		t.Errorf("the log had %d MB, want at most 20", longest>>20)
	}
}

var (
	countTriples = sqlite.NewStatement(`SELECT count(*) FROM "things" a, "things" b, "things" c`)
	replaceThing = sqlite.NewStatement(`INSERT INTO "things" ("id", "value") VALUES (?1, ?2) ON CONFLICT ("id") DO UPDATE SET "value" = excluded."value"`)
)

// readSlowly takes a millisecond.
func readSlowly(t *testing.T, db *sqlite.DB) {
	c, err := db.Reader(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	c.Query(countTriples).Next()
	if c.End(&err); err != nil {
		t.Error(err)
	}
}

// replace overwrites one of a few things with the n-th.
func replace(t *testing.T, db *sqlite.DB, n int) {
	t.Helper()
	c, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := c.Query(replaceThing)
	q.Text(1, []byte{'a' + byte(n%26)})
	q.Blob(2, bytes.Repeat([]byte{byte(n)}, 3000))
	q.Exec()
	if c.End(&err); err != nil {
		t.Fatal(err)
	}
}
