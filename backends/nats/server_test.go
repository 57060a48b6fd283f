package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats"
	"github.com/prism-proxy/prism/backends/nats/natstest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/runtime/tuple"
)

// outcome returns the reason of err and whether the write was applied.
func outcome(t testing.TB, err error) string {
	t.Helper()
	var e *runtime.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is not an error of package runtime", err)
	}
	return string(e.Reason) + " " + e.Metadata["outcome"]
}

// admin returns a client that changes streams behind the proxy's back.
func admin(t *testing.T, s *natstest.Server) jetstream.JetStream {
	t.Helper()
	conn, err := driver.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// A server that goes away and comes back has all acknowledged writes and issues
// no version twice; meanwhile calls fail at once.
func TestServerRestarts(t *testing.T) {
	s := open(t)
	version := s.put("ann a@x 1")
	deleted := s.put("bob b@x 2")
	if _, err := s.Delete(t.Context(), key("bob"), 0); err != nil {
		t.Fatal(err)
	}
	// This is how the server leaves the stream of notes once all that was deleted
	// is gone.
	last := func() int64 {
		w, err := s.Put(t.Context(), bytestore.NewRecord(plain.Text([]byte("n")), nil))
		if err != nil {
			t.Fatal(err)
		}
		return w.Version
	}
	noted := last()
	notes, err := admin(t, s.server).Stream(t.Context(), "PRISM_SHOP_NOTES")
	if err != nil {
		t.Fatal(err)
	}
	if err := notes.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.server.Stop()
	_, err = s.Put(t.Context(), record("cid"))
	if got := outcome(t, err); !strings.HasPrefix(got, "BACKEND_UNAVAILABLE") {
		t.Errorf("Put without a server: %s (%v)", got, err)
	}
	if err := s.Get(t.Context(), key("ann"), func(runtime.Row) bool { return true }); !strings.HasPrefix(outcome(t, err), "BACKEND_UNAVAILABLE") {
		t.Errorf("Get without a server: %v", err)
	}
	s.server.Start(t)
	s.await(t)
	if got, want := s.all(), []string{"ann a@x 1"}; !slices.Equal(got, want) {
		t.Errorf("after the restart the store holds %q, want %q", got, want)
	}
	if _, err := s.CompareAndSwap(t.Context(), record("ann c@x"), version); err != nil {
		t.Errorf("a swap of a version of before: %v", err)
	}
	if again := s.put("bob b@x 2"); again <= deleted {
		t.Errorf("version %d is issued after %d", again, deleted)
	}
	if again := last(); again <= noted {
		t.Errorf("version %d is issued after %d in a stream that was empty", again, noted)
	}
}

// await waits until the store answers.
func (s *store) await(t *testing.T) {
	t.Helper()
	var err error
	for range 1000 {
		if err = s.Get(t.Context(), key("nobody"), func(runtime.Row) bool { return true }); reason(t, err) == "NOT_FOUND" {
			return
		}
		time.Sleep(10 * time.Millisecond) // the client reconnects in its own time
	}
	t.Fatalf("the store does not come back: %v", err)
}

// relay sits between proxy and server and loses acknowledgements while it is
// deaf.
type relay struct {
	net.Listener
	deaf  atomic.Bool
	conns chan net.Conn // of proxies
}

func newRelay(t *testing.T, s *natstest.Server) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, conns: make(chan net.Conn, 100)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			proxy, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "nats://"))
			if err != nil {
				proxy.Close()
				continue
			}
			r.conns <- proxy
			go r.pass(proxy, server)
			go r.pass(server, proxy)
		}
	}()
	return r
}

func (r *relay) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if r.deaf.Load() && bytes.Contains(b[:n], []byte(`"stream":"PRISM_`)) {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// A write whose answer is lost with the connection may have been applied, and
// is reported as such; the proxy then goes on with a new connection.
func TestLostAnswer(t *testing.T) {
	for name, put := range map[string]*bytestore.Record{
		"one message": bytestore.NewRecord(plain.Text([]byte("lost")), []byte("lost")),
		"a batch":     record("eve e@x"),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			r := newRelay(t, s.server)
			c := config(s.server)
			c.URL = "nats://" + r.Addr().String()
			db, err := nats.Open(t.Context(), s.env, namespace, c)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			r.deaf.Store(true)
			failed := make(chan error, 1)
			go func() {
				_, err := db.Put(t.Context(), put)
				failed <- err
			}()
			for s.get(put.Key()) == "" {
				time.Sleep(time.Millisecond) // the server has stored it before the answer is cut
			}
			(<-r.conns).Close()
			if got := outcome(t, <-failed); got != "BACKEND_UNAVAILABLE unknown" {
				t.Errorf("Put: %s", got)
			}
			r.deaf.Store(false)
			again := &store{DB: db, t: t, server: s.server, env: s.env}
			again.await(t)
			if got := again.get(put.Key()); got != string(put.Bytes) {
				t.Errorf("the record is %q", got)
			}
		})
	}
}

// A call whose deadline passes while the server is silent may have been applied.
func TestDeadline(t *testing.T) {
	s := open(t)
	r := newRelay(t, s.server)
	c := config(s.server)
	c.URL = "nats://" + r.Addr().String()
	db, err := nats.Open(t.Context(), s.env, namespace, c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r.deaf.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = db.Put(ctx, bytestore.NewRecord(plain.Text([]byte("late")), []byte("late")))
	if got := outcome(t, err); got != "BACKEND_TIMEOUT unknown" {
		t.Errorf("Put: %s", got)
	}
}

// Changed bytes are reported, with their version, wherever they would be
// answered, and found by Verify; a put repairs them.
func TestDamage(t *testing.T) {
	s := open(t)
	s.put("bob b@x")
	s.put("ann a@x")
	js := admin(t, s.server)
	stream, err := js.Stream(t.Context(), "PRISM_SHOP_USERS")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := stream.GetLastMsgForSubject(t.Context(), "prism.shop.users.r.>")
	if err != nil || string(whole.Data) != "ann a@x" {
		t.Fatalf("the last record is %v, %v", whole, err)
	}
	header := driver.Header{}
	for name, values := range whole.Header {
		if strings.HasPrefix(name, "Prism-") {
			header[name] = values
		}
	}
	ack, err := js.PublishMsg(t.Context(), &driver.Msg{Subject: whole.Subject, Header: header, Data: []byte("ann a@y")})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint("VALUE_CORRUPT ", ack.Sequence)
	row := func(runtime.Row) bool { return true }
	for _, k := range []tuple.Key{key("ann"), backendtest.ByteEmail("a@x")} {
		if got := reason(t, s.Get(t.Context(), k, row)); got != want {
			t.Errorf("Get(%q): %q, want %q", k, got, want)
		}
	}
	err = s.BatchGet(t.Context(), []tuple.Key{key("bob"), key("ann")}, row)
	if e := (*runtime.Error)(nil); !errors.As(err, &e) || e.Reason != runtime.ValueCorrupt || e.Field != "keys[1]" {
		t.Errorf("BatchGet: %v", err)
	}
	var damaged []int64
	verify := func() []runtime.Verified {
		damaged = nil
		all, err := nats.Verify(t.Context(), s.env, namespace, config(s.server), func(table string, version int64) { damaged = append(damaged, version) })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if diff := cmp.Diff([]runtime.Verified{{Table: "users", Records: 2, Damaged: 1}, {Table: "notes"}}, verify()); diff != "" {
		t.Errorf("Verify (-want +got):\n%s", diff)
	}
	if want := []int64{int64(ack.Sequence)}; !slices.Equal(damaged, want) {
		t.Errorf("damaged are %d, want %d", damaged, want)
	}
	s.put("ann a@x")
	if all := verify(); all[0].Damaged != 0 || !slices.Equal(s.all(), []string{"ann a@x", "bob b@x"}) {
		t.Errorf("after a put: %v, and the store holds %q", all, s.all())
	}
}

// What a proxy cannot serve with is refused by name when it starts.
func TestRefusals(t *testing.T) {
	change := func(c func(*jetstream.StreamConfig)) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			js := admin(t, s.server)
			stream, err := js.Stream(t.Context(), "PRISM_SHOP_USERS")
			if err != nil {
				t.Fatal(err)
			}
			changed := stream.CachedInfo().Config
			c(&changed)
			if _, err := js.UpdateStream(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		change func(*testing.T, *store)
		config func(*nats.Config, *natstest.Server)
		want   string
	}{
		{"no stream", func(t *testing.T, s *store) {
			if err := admin(t, s.server).DeleteStream(t.Context(), "PRISM_SHOP_USERS"); err != nil {
				t.Fatal(err)
			}
		}, nil, "stream PRISM_SHOP_USERS does not exist; run shop-proxy migrate up"},
		{"bytes are bounded", change(func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }), nil, "max_bytes 1073741824, and needs -1"},
		{"age is bounded", change(func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }), nil, "max_age 1h0m0s, and needs 0s"},
		{"direct gets", change(func(c *jetstream.StreamConfig) { c.AllowDirect = true }), nil, "allow_direct true, and needs false"},
		{"more subjects", change(func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "other") }), nil, "subjects prism.shop.users.> other, and needs prism.shop.users.>"},
		{"another owner", change(func(c *jetstream.StreamConfig) { c.Metadata["prism_deployment"] = "bar" }), nil, "metadata prism_deployment bar, and needs shop"},
		{"another index", nil, func(c *nats.Config, _ *natstest.Server) { c.Keys["users_phone"] = []string{"users", "email", "phone"} }, "users_phone(email,phone)"},
		{"memory where files are", nil, func(c *nats.Config, _ *natstest.Server) { c.Durability = "LOST_ON_RESTART" }, "storage File, and needs Memory"},
		{"POWER_SAFE without sync", nil, func(c *nats.Config, s *natstest.Server) { c.Durability, c.Monitor = "POWER_SAFE", s.Monitor }, "needs sync_interval: always"},
		{"monitor of another", nil, func(c *nats.Config, _ *natstest.Server) {
			c.Durability, c.Monitor = "POWER_SAFE", natstest.Start(t).Monitor
		}, "of another server than url leads to"},
		{"monitor of nobody", nil, func(c *nats.Config, _ *natstest.Server) { c.Durability, c.Monitor = "POWER_SAFE", "http://127.0.0.1:1" }, "no server answers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			if tt.change != nil {
				tt.change(t, s)
			}
			c := config(s.server)
			if tt.config != nil {
				tt.config(&c, s.server)
			}
			db, err := nats.Open(t.Context(), s.env, namespace, c)
			if err == nil {
				db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestServerRefused(t *testing.T) {
	small := natstest.Start(t, func(o *server.Options) { o.MaxPayload = 1 << 20 })
	locked := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "shop", "secret" })
	none := natstest.Start(t, func(o *server.Options) { o.JetStream = false })
	s := open(t)
	for name, tt := range map[string]struct{ url, want string }{
		"a small max_payload": {small.URL, "max_payload of the server is 1048576"},
		"no JetStream":        {none.URL, "BACKEND_UNAVAILABLE"},
		"no credentials":      {locked.URL, "refuses the proxy's credentials; correct user and password"},
		"no TLS":              {strings.Replace(s.server.URL, "nats://", "tls://", 1), "does not speak TLS; url says tls"},
		"no such host":        {"nats://shop:hunter2@nowhere.invalid:4222", "the name of the server at nowhere.invalid:4222 is not resolved"},
		"wrong credentials":   {strings.Replace(locked.URL, "nats://", "nats://shop:hunter2@", 1), "refuses the proxy's credentials"},
		"nobody":              {"nats://127.0.0.1:1", "the server at 127.0.0.1:1 is not there: nothing listens (connection refused)"},
		"nobody, no scheme":   {"127.0.0.1:1", "the server at 127.0.0.1:1 is not there: nothing listens"},
		"no address":          {"nats://shop:hunter2@[", "url of namespace users: it is no address"},
	} {
		c := config(s.server)
		c.URL = "${env:ADDRESS}"
		env := *s.env
		env.Getenv = func(string) string { return tt.url }
		c, err := nats.Resolve(&env, namespace, c)
		if err == nil {
			_, err = nats.Open(t.Context(), &env, namespace, c)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password stands in %v", name, err)
		}
	}
}

// Every class of durability is served if server and streams promise it.
func TestDurability(t *testing.T) {
	synced := natstest.Start(t, func(o *server.Options) { o.SyncAlways = true })
	for class, c := range map[string]nats.Config{"POWER_SAFE": config(synced), "LOST_ON_RESTART": config(natstest.Start(t))} {
		c.Durability, c.Monitor = class, synced.Monitor
		s := open(t)
		if _, err := nats.Migrate(t.Context(), s.env, namespace, c, migration.Run{}); err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		db, err := nats.Open(t.Context(), s.env, namespace, c)
		if err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		defer db.Close()
		s.DB = db
		if s.put("ann a@x"); s.get(backendtest.ByteEmail("a@x")) != "ann a@x" {
			t.Errorf("%s: the record is not found", class)
		}
	}
}

// Migrate creates what is missing, once. Unique indexes can be added while a
// stream is empty, and removed at any time.
func TestMigrate(t *testing.T) {
	s := open(t)
	c := config(s.server)
	migrate := func(run migration.Run) (names []string, err error) {
		run.Done = func(f migration.File) { names = append(names, f.Name) }
		_, err = nats.Migrate(t.Context(), s.env, namespace, c, run)
		return names, err
	}
	state := func() string {
		states, err := nats.Status(t.Context(), s.env, namespace, c)
		if err != nil {
			t.Fatal(err)
		}
		return states[0].State + " " + states[1].State
	}
	for _, step := range []struct {
		name   string
		do     func()
		before string
		done   []string
		want   string
	}{
		{"again", func() {}, "applied applied", nil, ""},
		{"an index more, of an empty stream", func() { c.Keys["users_nick"] = []string{"users", "nick"} }, "changed applied", []string{"PRISM_SHOP_USERS"}, ""},
		{"an index less, of a full one", func() { s.put("ann"); delete(c.Keys, "users_nick") }, "changed applied", []string{"PRISM_SHOP_USERS"}, ""},
		{"an index more, of a full one", func() { c.Keys["users_nick"] = []string{"users", "nick"} }, "changed applied", nil, "unique indexes can be added and keys be changed while it is empty"},
		{"a stream is missing", func() {
			delete(c.Keys, "users_nick")
			if err := admin(t, s.server).DeleteStream(t.Context(), "PRISM_SHOP_NOTES"); err != nil {
				t.Fatal(err)
			}
		}, "applied pending", []string{"PRISM_SHOP_NOTES"}, ""},
	} {
		step.do()
		if got := state(); got != step.before {
			t.Errorf("%s: the states are %s, want %s", step.name, got, step.before)
		}
		if would, err := migrate(migration.Run{DryRun: true}); step.want == "" && !slices.Equal(would, step.done) || err != nil || state() != step.before {
			t.Errorf("%s: a dry run = %q, %v, and the states are %s", step.name, would, err, state())
		}
		done, err := migrate(migration.Run{Through: migration.Contract})
		if !slices.Equal(done, step.done) || (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: Migrate = %q, %v, want %q, %q", step.name, done, err, step.done, step.want)
		}
	}
}

// Neither a stream created again under the same name nor a leap issues an
// earlier version.
func TestVersionsAreNew(t *testing.T) {
	s := open(t)
	before := s.put("ann a@x")
	if err := nats.BumpVersions(t.Context(), s.env, namespace, config(s.server)); err != nil {
		t.Fatal(err)
	}
	leapt := openOn(t, s.server)
	bumped := leapt.put("ann a@x")
	if bumped < before+1<<40 {
		t.Errorf("version %d after %d", bumped, before)
	}
	if _, err := leapt.CompareAndSwap(t.Context(), record("ann b@x"), bumped); err != nil {
		t.Errorf("a swap of a version that leapt: %v", err)
	}
	if err := admin(t, s.server).DeleteStream(t.Context(), "PRISM_SHOP_USERS"); err != nil {
		t.Fatal(err)
	}
	if anew := openOn(t, s.server).put("ann"); anew>>18 == before>>18 {
		t.Errorf("version %d of a stream made anew, near %d", anew, before)
	}
}

// Neither errors nor logs contain keys, values or the server's address.
func TestNothingIsTold(t *testing.T) {
	s := open(t)
	var log bytes.Buffer
	s.env.Log = slog.New(slog.NewTextHandler(&log, nil))
	db, err := nats.Open(t.Context(), s.env, namespace, config(s.server))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := admin(t, s.server).DeleteStream(t.Context(), "PRISM_SHOP_USERS"); err != nil {
		t.Fatal(err)
	}
	_, err = db.Put(t.Context(), record("hush hush@x"))
	if got := outcome(t, err); !strings.HasPrefix(got, "BACKEND_UNAVAILABLE") {
		t.Errorf("Put without a stream: %s", got)
	}
	for _, text := range []string{err.Error(), log.String()} {
		if strings.Contains(text, "hush") || strings.Contains(text, "aHVza") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("a key or an address stands in %q", text)
		}
	}
}
