package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Otherwise a page of large records would take as long as reading a thousand of
// them, and a client that asks for such pages would never get one.
func TestPageOfLargeRecords(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	db := open(t, environment(store), cfg)
	session := func() int64 {
		t.Helper()
		pid, err := db.Version(t.Context(), `SELECT pg_backend_pid()::bigint`)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	const (
		large = `SELECT n, convert_to(repeat('x', 1000000), 'UTF8') AS "prism_record", NULL::bigint FROM generate_series(1, $1::bigint) n`
		small = `SELECT n, convert_to('x', 'UTF8') AS "prism_record", NULL::bigint FROM generate_series(1, $1::bigint) n`
	)
	for _, c := range []struct {
		name, list string
		size, want int
		keeps      bool
	}{
		{"the first", large, 1000, 3, true},
		{"one more", large, 1000, 3, true},
		{"small ones", small, 1000, 1000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := session()
			if got := pageOf(t, db, c.list, c.size); got != c.want {
				t.Errorf("got %d records, want %d", got, c.want)
			}
			if kept := session() == before; kept != c.keeps {
				t.Errorf("the connection was kept: %t, want %t", kept, c.keeps)
			}
		})
	}
	t.Run("after many small ones", func(t *testing.T) {
		for range 100 {
			pageOf(t, db, small, 1000)
		}
		for _, keeps := range []bool{false, true} {
			before := session()
			if got := pageOf(t, db, large, 1000); got != 3 {
				t.Errorf("got %d records, want 3", got)
			}
			if kept := session() == before; kept != keeps {
				t.Errorf("the connection was kept: %t, want %t", kept, keeps)
			}
		}
	})
}

// pageOf returns how many records list puts on a page of size.
func pageOf(t *testing.T, db *postgres.DB, list string, size int) int {
	t.Helper()
	page, _, err := db.Tokens.Page(nil, nil, &page.Request{Size: int32(size)})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Page(t.Context(), &things, page, list, ""); err != nil {
		t.Fatal(err)
	}
	if page.Edge() == nil {
		t.Error("there is no more, want that there is")
	}
	n, f := 0, wire.Read(page.Bytes(nil))
	for f.Next() {
		if f.Tag == 1<<3|wire.Bytes {
			n++
		}
	}
	return n
}

// Otherwise a batch of a hundred large records would read them all to answer
// the first.
func TestBatchOfLargeRecords(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	db := open(t, environment(store), cfg)
	const get = `SELECT pg_backend_pid()::bigint, convert_to(repeat('x', CASE WHEN $1::bigint >= 1000 THEN 1 ELSE 1000000 END), 'UTF8'), NULL::bigint`
	session := func() int64 {
		t.Helper()
		pid, err := db.Version(t.Context(), `SELECT pg_backend_pid()::bigint`)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	batch := func(first, n int) int {
		t.Helper()
		var results keyvalue.Results
		if err := db.Records(t.Context(), &things, results.Add, get, n, func(i int) []any { return []any{int64(first + i)} }); err != nil {
			t.Fatal(err)
		}
		return len(results.Bytes()) / 1000000
	}
	check := func(n int, keeps bool) {
		t.Helper()
		before := session()
		if got := batch(0, n); got != 3 {
			t.Errorf("of %d records %d were answered, want 3", n, got)
		}
		if kept := session() == before; kept != keeps {
			t.Errorf("of %d records: the connection was kept: %t, want %t", n, kept, keeps)
		}
	}
	for _, n := range []int{3, 10, 150} {
		check(n, true)
	}
	for range 100 {
		batch(1000, 100)
	}
	check(150, false) // larger than all read lately
	check(150, true)
}

// Batches with the same keys in opposite orders wait for each other; none is
// undone and retried because of a deadlock.
func TestBatchesTakeTurns(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	const slow = `WITH written AS (
  INSERT INTO "things" VALUES ($1, NULL, 7) ON CONFLICT ("id") DO UPDATE SET "prism_version" = 8 RETURNING "prism_version"
) SELECT "prism_version" FROM written, pg_sleep(0.1)`
	var sent atomic.Int32
	var group sync.WaitGroup
	for _, ids := range [][]string{{"a", "b"}, {"b", "a"}} {
		group.Go(func() {
			_, _, err := db.Versions(t.Context(), &things, slow, len(ids), func(i int) []any {
				sent.Add(1)
				return []any{ids[i]}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := sent.Load(); got != 4 {
		t.Errorf("%d items were sent, want each of the 4 once", got)
	}
}

// Batches that wait for another proxy's leave connections to other calls.
func TestBatchesLeaveConnections(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 3 // of which 2 may write
	db := open(t, environment(store), cfg)
	other := connect(t, store)
	other.exec(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('prism_batch'), hashtext('things'))`)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			values := func(int) []any { return []any{string(rune('a' + i)), nil} }
			if _, _, err := db.Versions(t.Context(), &things, insertThing, 1, values); err != nil {
				t.Error(err)
			}
		})
	}
	other.blocked(1)
	time.Sleep(100 * time.Millisecond) // for the others to arrive
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := db.Version(ctx, insertThing, "single", nil); err != nil {
		t.Errorf("a call beside batches that wait: %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, _, err := db.Versions(late, &things, insertThing, 1, nil)
	wantReason(t, err, runtime.DeadlineExceeded, "none")
	other.exec(`COMMIT`)
	group.Wait()
}

// What Postgres undoes to resolve a deadlock is tried again, but not for ever.
func TestContention(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	query(t, store, `CREATE SEQUENCE "tries"`)
	query(t, store, `CREATE FUNCTION "win"("try" bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('"tries"') < "try" THEN RAISE 'lost' USING ERRCODE = 'deadlock_detected'; END IF;
  RETURN setval('"tries"', 1, false);
END $$`)
	if _, err := db.Version(t.Context(), `SELECT "win"($1)`, 3); err != nil {
		t.Errorf("the third try was not made: %v", err)
	}
	_, err := db.Version(t.Context(), `SELECT "win"($1)`, 4)
	wantReason(t, err, runtime.BackendContention, "none")
}

// A swap that expects no record runs again with the same values if the record
// that kept it from inserting was deleted in between.
func TestCreateBesideDelete(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	query(t, store, `CREATE SEQUENCE "tries"`)
	table := postgres.Table{
		Key: 1, TTL: time.Hour,
		Create:    `SELECT 7::bigint WHERE nextval('"tries"') = 2 AND $1::text = 'a' AND $2::text = 'x' AND $3::timestamptz > $4::timestamptz`,
		VersionOf: `SELECT 7::bigint WHERE $1::text <> 'a' AND $2::timestamptz IS NOT NULL`,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w, err := db.CompareAndSwap(ctx, &table, []any{[]byte("a"), []byte("x")}, 0)
	if err != nil || w.Version != 7 || !w.Expires.Set {
		t.Errorf("got %+v, %v, want version 7, which expires", w, err)
	}
}
