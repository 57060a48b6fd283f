package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prism-proxy/prism/backends/chaintest"
	"github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/generator/storage"
)

// filling is a table of items whose column label release 2 fills in.
type filling struct {
	*testing.T
	chain
	url   string
	item  *storage.Entity
	store string // the generated store.go
}

// newFilling has n items that release 1 wrote, and all of release 2 before its fill.
func newFilling(t *testing.T, n int) *filling {
	f := &filling{T: t, url: postgrestest.Start(t)}
	f.chain = openChain(t, f.url, "chain_0_0").(chain)
	dir := fstest.MapFS{}
	apply := func(fields string, files ...string) *storage.Entity {
		out := chaintest.Compile(t, chaintest.Fixed(fields), gen.Backend(), f.Config(), dir, true)
		for _, file := range out.Files {
			if len(file.Path) > len(chaintest.Folder) && file.Path[:len(chaintest.Folder)] == chaintest.Folder {
				dir[file.Path[len(chaintest.Folder)+1:]] = &fstest.MapFile{Data: file.Content}
			}
			if file.Path == "out/app/proxy/app/v1/item/store.go" {
				f.store = string(file.Content)
			}
		}
		for _, name := range files {
			if err := f.Apply(string(dir["migrations/items/"+name+".up.sql"].Data), true); err != nil {
				t.Fatal(err)
			}
		}
		return out.Plan.Lock.Open.Entity("app.v1.Item")
	}
	item := apply("  string label = 2 [(prism.v1.field).max_length = 40];", "0001_init_expand")
	for i := range n {
		f.put(item, i, "first")
	}
	f.item = apply("  string label = 2 [(prism.v1.field).max_length = 40, (prism.v1.field).index = EQUALITY];", "0002_items_expand", "0003_items_fence")
	return f
}

func record(i int, label string) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), fmt.Sprintf("k%03d", i))
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), label)
}

func (f *filling) put(e *storage.Entity, i int, label string) {
	f.Helper()
	var values []any
	for _, c := range e.Columns {
		values = append(values, chaintest.Value(c, record(i, label)))
	}
	if err := f.Put(e, e.Columns, values, record(i, label)); err != nil {
		f.Fatal(err)
	}
}

// labels returns how many rows have each label.
func (f *filling) labels() map[string]int {
	f.Helper()
	counts := map[string]int{}
	rows, err := f.conn.Query(f.ctx, `SELECT coalesce("label", 'none'), count(*) FROM "items" GROUP BY 1`)
	if err != nil {
		f.Fatal(err)
	}
	var label string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&label, &n}, func() error { counts[label] = n; return nil }); err != nil {
		f.Fatal(err)
	}
	return counts
}

// other is a second connection to the same tables.
func (f *filling) other() *filling {
	f.Helper()
	conn, err := pgx.Connect(f.Context(), f.url)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { conn.Close(context.WithoutCancel(f.Context())) })
	o := *f
	o.chain = chain{f.Context(), conn}
	if err := o.Apply("SET search_path = chain_0_0;", true); err != nil {
		f.Fatal(err)
	}
	return &o
}

// What somebody writes after the fill has read it, and before it writes, stays.
func TestFillLeavesNewerRows(t *testing.T) {
	f := newFilling(t, 100)
	proxy, read := f.other(), 0
	if err := f.fill(f.store, "items", f.item.Columns, 2, func() {
		if read++; read == 50 {
			proxy.put(f.item, 7, "second")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if got := f.labels(); got["first"] != 99 || got["second"] != 1 || len(got) != 2 {
		t.Errorf("labels %v, want 99 first and 1 second", got)
	}
}

// The fill waits for no row that somebody has locked: it comes again at the end.
func TestFillSkipsLockedRows(t *testing.T) {
	f := newFilling(t, 100)
	proxy := f.other()
	tx, err := proxy.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM "items" WHERE "id" = 'k007' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- f.fill(f.store, "items", f.item.Columns, 2, func() {}) }()
	watch := f.other()
	for got := watch.labels(); got["first"] != 99; got = watch.labels() {
		select {
		case err := <-done:
			t.Fatalf("the fill ended beside a locked row: %v, %v", err, got)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := watch.labels(); got["first"] != 100 {
		t.Errorf("labels %v, want 100 first", got)
	}
}

// A fill that was killed goes on behind the last batch that it wrote, and only for the
// release that it was of.
func TestFillGoesOnBehindACrash(t *testing.T) {
	for _, release := range []int{2, 3} {
		t.Run(fmt.Sprint(release), func(t *testing.T) {
			f := newFilling(t, 1200)
			ctx, kill := context.WithCancel(t.Context())
			read := 0
			half := *f
			half.chain = chain{ctx, f.other().conn}
			if err := half.fill(f.store, "items", f.item.Columns, 2, func() {
				if read++; read == 900 {
					kill()
				}
			}); err == nil {
				t.Fatal("the fill was not killed")
			}
			read = 0
			if err := f.fill(f.store, "items", f.item.Columns, release, func() { read++ }); err != nil {
				t.Fatal(err)
			}
			if want := map[int]int{2: 700, 3: 1200}[release]; read != want {
				t.Errorf("the second run read %d records, want %d", read, want)
			}
			if got := f.labels(); got["first"] != 1200 {
				t.Errorf("labels %v, want 1200 first", got)
			}
		})
	}
}
