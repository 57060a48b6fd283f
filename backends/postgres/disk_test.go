package postgres_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// A server whose tables have no space left refuses writes, serves reads, and
// takes writes again when there is space, without a restart of it or of the
// proxy. Its write-ahead log has a disk of its own: a server that cannot write
// it ends (TestKilledPostgresLosesNothing).
func TestFullDisk(t *testing.T) {
	dir, err := os.MkdirTemp("", "prism-disk-") // the server's account cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,mode=0777"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	store := postgrestest.StartOwn(t).URL
	tables := filepath.Join(dir, "tables")
	if err := os.Mkdir(tables, 0o700); err != nil {
		t.Fatal(err)
	}
	giveToServer(t, store, tables)
	query(t, store, `CREATE TABLESPACE "small" LOCATION '`+tables+`'`)
	p := backendtest.Open(t, backendtest.Backend{Emit: gen.Backend(), Persistent: true, Getenv: func(t testing.TB) func(string) string {
		return func(string) string { return store + "&default_tablespace=small" }
	}})

	stored := 0
	put := func() error {
		payload := make([]byte, 10_000)
		rand.Read(payload) // cannot be compressed
		_, err := p.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: fmt.Sprint(stored), Payload: payload}})
		return err
	}
	verify := func() {
		t.Helper()
		out, err := p.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1000})
		if err != nil || len(out.GetRecords()) != stored {
			t.Errorf("%d records are read, %v, want the %d acknowledged", len(out.GetRecords()), err, stored)
		}
	}
	for ; stored < 20; stored++ {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for err = put(); err == nil && stored < 1000; err = put() {
		stored++
	}
	for range 3 {
		if reason.Of(err) != prismv1.Reason_BACKEND_READONLY || reason.Metadata(err)["outcome"] != "none" {
			t.Errorf("got %v (%v), want BACKEND_READONLY with outcome none", err, reason.Metadata(err))
		}
		verify()
		err = put()
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := put(); err != nil {
			t.Fatalf("with space again: %v", err)
		}
		stored++
	}
	verify()
}

// giveToServer makes dir a folder of the account that the server runs as.
func giveToServer(t *testing.T, store, dir string) {
	t.Helper()
	info, err := os.Stat(query(t, store, `SHOW data_directory`)[0])
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}
