package main_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/number"
	"github.com/prism-proxy/prism/reason"
	"github.com/prism-proxy/prism/runtime/wire"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// release is a proxy of one release, and its clients.
type release struct {
	binary string
	env    []string
	conn   *grpc.ClientConn
	stop   func()
}

// closed builds the proxy of the module's schema, releases it, and returns the
// binary under a name of its own.
func closed(t *testing.T, dir string, prism func(...string) string, name string) *release {
	t.Helper()
	prism("generate")
	prism("release")
	prism("build")
	r := &release{binary: filepath.Join(dir, "bin", name)}
	if err := os.Rename(filepath.Join(dir, "bin/app-proxy"), r.binary); err != nil {
		t.Fatal(err)
	}
	return r
}

// migrate runs migrate of the release's binary; want is a part of what it says, and it
// fails if the words begin with "!".
func (r *release) migrate(t *testing.T, line, want string) {
	t.Helper()
	line, fails := strings.CutPrefix(line, "!")
	c := exec.CommandContext(t.Context(), r.binary, append([]string{"migrate"}, strings.Fields(line)...)...)
	c.Env = append(os.Environ(), r.env...)
	out, err := c.CombinedOutput()
	t.Logf("%s migrate %s\n%s", filepath.Base(r.binary), line, out)
	if (err != nil) != fails || !strings.Contains(string(out), want) {
		t.Fatalf("%s migrate %s: %v\n%s\nwant %q", filepath.Base(r.binary), line, err, out, want)
	}
}

// serve starts the proxy.
func (r *release) serve(t *testing.T) { t.Helper(); r.serveAt(t, t.TempDir()) }

// serveAt starts the proxy on a data directory.
func (r *release) serveAt(t *testing.T, data string) {
	t.Helper()
	for _, e := range r.env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	address, stop := start(t, r.binary, data)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	r.conn = conn
	r.stop = func() { conn.Close(); stop() }
}

// put stores a note with a tag, or none.
func (r *release) put(ctx context.Context, id, tag string) error {
	note := wire.AppendBytes(nil, 1, []byte(id))
	if tag != "" {
		note = wire.AppendBytes(note, 3, []byte(tag))
	}
	in, out := wire.AppendBytes(nil, number.Item, note), []byte(nil)
	return r.conn.Invoke(ctx, "/app.v1.NoteService/PutNote", &in, &out)
}

// find returns the keys of the notes with a tag.
func (r *release) find(ctx context.Context, tag string) ([]string, error) {
	var keys []string
	token := []byte(nil)
	for {
		in := wire.AppendBytes(nil, number.Item, wire.AppendBytes(nil, 3, []byte(tag)))
		if token != nil {
			in = wire.AppendBytes(in, number.PageToken, token)
		}
		var out []byte
		if err := r.conn.Invoke(ctx, "/app.v1.NoteService/FindNotesByTag", &in, &out); err != nil {
			return nil, err
		}
		token = nil
		for f := wire.Read(out); f.Next(); {
			switch f.Tag {
			case number.Record<<3 | wire.Bytes:
				record := f.Message()
				for record.Next() {
					if record.Tag == number.Entity<<3|wire.Bytes {
						note := record.Message()
						for note.Next() {
							if note.Tag == 1<<3|wire.Bytes {
								keys = append(keys, string(note.Bytes()))
							}
						}
					}
				}
			case number.NextPageToken<<3 | wire.Bytes:
				token = bytes.Clone(f.Bytes())
			}
		}
		if len(token) == 0 {
			return keys, nil
		}
	}
}

// writers put notes through releases, each its own keys one after another, and
// remember what was acknowledged.
type writers struct {
	*testing.T
	mu      sync.Mutex
	through []*release
	notes   map[string]string
	fenced  int
	stop    context.CancelFunc
	running sync.WaitGroup
}

const tags = 5

func write4(t *testing.T, through ...*release) *writers {
	w := &writers{T: t, through: through, notes: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	for n := range 4 {
		w.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id, tag := fmt.Sprintf("w%d-%d", n, i%50), fmt.Sprintf("t%d", (i/50+i+n)%tags)
				w.mu.Lock()
				all := w.through
				w.mu.Unlock()
				err := all[(i+n)%len(all)].put(t.Context(), id, tag)
				switch {
				case err == nil:
					w.mu.Lock()
					w.notes[id] = tag
					w.mu.Unlock()
				case reason.Of(err) == prismv1.Reason_RELEASE_FENCED && status.Code(err) == codes.FailedPrecondition:
					w.mu.Lock()
					w.fenced++
					w.mu.Unlock()
				default:
					t.Errorf("a put: %v", err)
				}
			}
		})
	}
	return w
}

// switchTo lets the writers go on through other releases.
func (w *writers) switchTo(through ...*release) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.through = through
}

// end ends the writers.
func (w *writers) end() {
	w.stop()
	w.running.Wait()
}

// same checks that every Find through r gives the notes that have the tag, and no
// others.
func (w *writers) same(r *release) {
	w.Helper()
	for n := range tags {
		tag := fmt.Sprintf("t%d", n)
		got, err := r.find(w.Context(), tag)
		if err != nil {
			w.Fatalf("FindNotesByTag %s: %v", tag, err)
		}
		want := slices.DeleteFunc(slices.Sorted(maps.Keys(w.notes)), func(id string) bool { return w.notes[id] != tag })
		slices.Sort(got)
		if !slices.Equal(want, got) {
			w.Errorf("FindNotesByTag %s has %d notes, want %d\ngot  %q\nwant %q", tag, len(got), len(want), got, want)
		}
	}
}

// An index comes to an old field, under load, while both releases serve: no call fails
// but for the reasons declared, and the new Find neither misses a note nor invents one.
// Then it goes again over two releases, and the older proxy's Find is right until the
// end.
func TestRollout(t *testing.T) {
	dir, prism := module(t)
	place := filepath.Join(dir, "schemas/app/v1/note.proto")
	write(t, filepath.Join(dir, "schemas/app/prism.yaml"), strings.Replace(noteDeployment, "backend: sqlite", "backend: postgres\n    config: {url: \"${env:STORE}\"}", 1))
	plain := strings.Replace(noteSchema, "string title = 2 [(prism.v1.field).column = {}];", "string title = 2;\n  optional string tag = 3;", 1)
	indexed := strings.Replace(plain, "tag = 3;", "tag = 3 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 16];", 1)
	write(t, place, plain)
	r1 := closed(t, dir, prism, "r1")
	write(t, place, indexed)
	r2 := closed(t, dir, prism, "r2")
	write(t, place, strings.Replace(plain, "  string note_id", `  option (prism.v1.entity).acknowledge = {rule: "evolve.contract", field: 3, reason: "nobody finds by tag"};
  string note_id`, 1))
	r3 := closed(t, dir, prism, "r3")
	write(t, place, strings.Replace(plain, "string title", "string author = 4;\n  string title", 1))
	r4 := closed(t, dir, prism, "r4")
	store := "STORE=" + postgrestest.Start(t)
	for _, r := range []*release{r1, r2, r3, r4} {
		r.env = []string{store}
	}

	r1.migrate(t, "up", "0001_init_expand applied")
	r1.serve(t)
	if err := r1.put(t.Context(), "long", "a tag that is longer than the bound that comes"); err != nil {
		t.Fatal(err)
	}
	w := write4(t, r1)
	time.Sleep(300 * time.Millisecond)
	r2.migrate(t, "up", "0002_notes_expand applied")
	r2.serve(t)
	w.switchTo(r1, r2)
	time.Sleep(300 * time.Millisecond)
	if _, err := r2.find(t.Context(), "t1"); reason.Of(err) != prismv1.Reason_INDEX_BUILDING {
		t.Errorf("a Find before its index: %v", err)
	}
	r2.migrate(t, "!complete", "r1")
	// Records are yesterday's, and bounds today's.
	r2.migrate(t, "!complete --fence-now", "table notes has values that an index cannot hold: 1 of tag")
	r2.migrate(t, "complete --fence-now --leave-out", "0005_notes_tag_index applied")
	time.Sleep(1200 * time.Millisecond) // a proxy asks once a second
	w.switchTo(r2)
	w.end()
	if w.fenced == 0 {
		t.Error("no write of release 1 met the fence")
	}
	w.same(r2)
	r1.stop()

	// Out again: release 3 keeps the column for the Finds of release 2.
	notes := w.notes
	w = write4(t, r2)
	r3.migrate(t, "up", "")
	r3.serve(t)
	w.switchTo(r2, r3)
	time.Sleep(300 * time.Millisecond)
	w.end()
	maps.Copy(notes, w.notes)
	w.notes = notes
	w.same(r2)
	r2.stop()
	r3.migrate(t, "complete", "")
	r4.migrate(t, "up", "")
	r4.serve(t)
	r3.stop()
	r4.migrate(t, "complete --contract", "contract applied")
	if err := r4.put(t.Context(), "last", "t1"); err != nil {
		t.Error(err)
	}
	r4.stop()
	r2.serveFails(t, "contract")
}

// serveFails checks that the proxy does not start, and says why.
func (r *release) serveFails(t *testing.T, why string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), r.binary, "serve", "--listen", "127.0.0.1:0")
	c.Env = append(os.Environ(), r.env...)
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), why) {
		t.Errorf("%s serves: %v\n%s", filepath.Base(r.binary), err, out)
	}
}

// get reports whether a note is there.
func (r *release) get(ctx context.Context, id string) (there bool, err error) {
	in, out := wire.AppendBytes(nil, number.Item, wire.AppendBytes(nil, 1, []byte(id))), []byte(nil)
	err = r.conn.Invoke(ctx, "/app.v1.NoteService/GetNote", &in, &out)
	if status.Code(err) == codes.NotFound {
		return false, nil
	}
	return err == nil, err
}

// A ttl begins on records that exist. As long as proxies without it renew records, none
// has expired; then all get their time, from when it was filled in.
func TestTTLBegins(t *testing.T) {
	dir, prism := module(t)
	place := filepath.Join(dir, "schemas/app/v1/note.proto")
	write(t, filepath.Join(dir, "schemas/app/prism.yaml"), strings.Replace(noteDeployment, "backend: sqlite", "backend: postgres\n    config: {url: \"${env:STORE}\"}", 1))
	r1 := closed(t, dir, prism, "r1")
	write(t, place, strings.Replace(noteSchema, "  string note_id", `  option (prism.v1.entity).ttl = {seconds: 1};
  option (prism.v1.entity).acknowledge = {rule: "evolve.lifetime", reason: "notes are for today"};
  string note_id`, 1))
	r2 := closed(t, dir, prism, "r2")
	store := "STORE=" + postgrestest.Start(t)
	r1.env, r2.env = []string{store}, []string{store}
	r1.migrate(t, "up", "")
	r1.serve(t)
	r2.migrate(t, "up", "0002_notes_expand applied")
	r2.serve(t)
	for _, put := range []struct {
		by *release
		id string
	}{{r1, "old"}, {r2, "renewed"}, {r1, "renewed"}, {r2, "new"}} {
		if err := put.by.put(t.Context(), put.id, ""); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1200 * time.Millisecond)
	for _, id := range []string{"old", "renewed", "new"} {
		if there, err := r2.get(t.Context(), id); !there {
			t.Errorf("before the fill, %s has expired (%v)", id, err)
		}
	}
	r1.stop()
	r2.migrate(t, "complete", "0004_notes_fill applied")
	r2.stop() // a proxy asks for the fill when it starts, and with each sweep
	r2.serve(t)
	defer r2.stop()
	time.Sleep(1200 * time.Millisecond)
	for _, id := range []string{"old", "renewed", "new"} {
		if there, err := r2.get(t.Context(), id); there || err != nil {
			t.Errorf("%s has not expired (%v)", id, err)
		}
	}
}

// A migrator that is killed at any moment leaves what another run brings to its end: up,
// complete, and back down.
func TestKilledMigrator(t *testing.T) {
	dir, prism := module(t)
	place := filepath.Join(dir, "schemas/app/v1/note.proto")
	write(t, filepath.Join(dir, "schemas/app/prism.yaml"), strings.Replace(noteDeployment, "backend: sqlite", "backend: postgres\n    config: {url: \"${env:STORE}\"}", 1))
	plain := strings.Replace(noteSchema, "string title = 2 [(prism.v1.field).column = {}];", "string title = 2;\n  optional string tag = 3;", 1)
	write(t, place, plain)
	r1 := closed(t, dir, prism, "r1")
	write(t, place, strings.Replace(plain, "tag = 3;", "tag = 3 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 16];", 1))
	r2 := closed(t, dir, prism, "r2")
	store := "STORE=" + postgrestest.Start(t)
	r1.env, r2.env = []string{store}, []string{store}
	r1.migrate(t, "up", "")
	r1.serve(t)
	w := write4(t, r1)
	time.Sleep(500 * time.Millisecond)
	w.end()
	r1.stop()
	killed := 0
	for _, line := range []string{"complete", "down --to 1", "complete"} {
		for i, ended := 0, false; !ended; i++ { // until one is slower than its end
			c := exec.CommandContext(t.Context(), r2.binary, append([]string{"migrate"}, strings.Fields(line)...)...)
			c.Env = append(os.Environ(), r2.env...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(6*i) * time.Millisecond)
			_ = c.Process.Kill() // it may have ended
			if ended = c.Wait() == nil; !ended {
				killed++
			}
		}
		r2.migrate(t, line, "")
	}
	if killed < 3 {
		t.Errorf("only %d runs were killed", killed)
	}
	r2.serve(t)
	w.same(r2)
	r2.stop()
}
