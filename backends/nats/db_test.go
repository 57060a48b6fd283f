package nats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/nats"
	"github.com/prism-proxy/prism/backends/nats/natstest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/tuple"
)

const (
	table tuple.Key = "users\x00"
	email tuple.Key = "users_email\x00"
	phone tuple.Key = "users_phone\x00"
	plain tuple.Key = "notes\x00" // a table without indexes
)

const ttl = 10 * time.Second

var namespace = runtime.Namespace{Name: "users", Tables: []string{"users", "notes"}}

func config(s *natstest.Server) nats.Config {
	return nats.Config{
		URL: s.URL, Prefix: "prism", Durability: "CRASH_SAFE",
		Keys: map[string][]string{
			"users": {"users", "id"}, "users_email": {"users", "email"}, "users_phone": {"users", "phone"}, "notes": {"notes", "id"},
		},
	}
}

// store is a DB whose records are a key and then values of unique indexes, its
// server and its clock.
type store struct {
	*nats.DB
	t      *testing.T
	server *natstest.Server
	env    *runtime.Env
	now    time.Time
}

func open(t *testing.T) *store {
	t.Helper()
	return openOn(t, natstest.Start(t))
}

func openOn(t *testing.T, server *natstest.Server) *store {
	t.Helper()
	s := &store{t: t, server: server, now: time.Date(2031, 2, 3, 4, 5, 6, 7_008, time.UTC)}
	s.env = &runtime.Env{Deployment: "shop", Now: func() time.Time { return s.now }, Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler)}
	if _, err := nats.Migrate(t.Context(), s.env, namespace, config(server)); err != nil {
		t.Fatal(err)
	}
	db, err := nats.Open(t.Context(), s.env, namespace, config(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s.DB = db
	return s
}

// record makes the record that text describes: the key, then email and phone where
// they are not "-".
func record(text string) *bytestore.Record {
	words := append(strings.Fields(text), "-", "-")
	r := bytestore.NewRecord(key(words[0]), []byte(text))
	if words[1] != "-" {
		r.Unique("email", email.Text([]byte(words[1])))
	}
	if words[2] != "-" {
		r.Unique("phone", phone.Text([]byte(words[2])))
	}
	return r
}

func expiring(text string) *bytestore.Record {
	r := record(text)
	r.ExpireAfter(ttl)
	return r
}

func key(k string) tuple.Key { return table.Text([]byte(k)) }

func (s *store) put(text string) int64 {
	s.t.Helper()
	return s.putRecord(record(text))
}

func (s *store) putRecord(r *bytestore.Record) int64 {
	s.t.Helper()
	w, err := s.Put(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.Version
}

// get returns the text of the record under k, "" if there is none.
func (s *store) get(k tuple.Key) string {
	s.t.Helper()
	var row runtime.Row
	err := s.Get(s.t.Context(), k, func(r runtime.Row) bool { row = r; return true })
	if err != nil && reason(s.t, err) != "NOT_FOUND" {
		s.t.Fatal(err)
	}
	return string(row.Record)
}

// all returns the texts of the records with the keys that the tests use, and demands
// that each is found by its unique values.
func (s *store) all() []string {
	s.t.Helper()
	var keys []tuple.Key
	for _, k := range []string{"ann", "bob", "cid", "dan", "eve"} {
		keys = append(keys, key(k))
	}
	var found []string
	if err := s.BatchGet(s.t.Context(), keys, func(r runtime.Row) bool {
		if r.Version != 0 {
			found = append(found, string(r.Record))
		}
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	for _, text := range found {
		for _, e := range record(text).Entries {
			if got := s.get(e.Key); got != text {
				s.t.Errorf("under %q there is %q, want %q", e.Key, got, text)
			}
		}
	}
	return found
}

// reason returns the reason of err and, of a unique violation, the index.
func reason(t testing.TB, err error) string {
	t.Helper()
	var e *runtime.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		t.Fatalf("%v is not an error of package runtime", err)
	}
	return strings.TrimSpace(string(e.Reason) + " " + e.Metadata["index"] + e.Metadata["current_version"])
}

func TestPutReplaces(t *testing.T) {
	s := open(t)
	first := s.put("ann a@x 1")
	if second := s.put("ann b@x 1"); second <= first {
		t.Errorf("versions %d, %d: they do not grow", first, second)
	}
	for k, want := range map[tuple.Key]string{
		key("ann"): "ann b@x 1", email.Text([]byte("b@x")): "ann b@x 1", phone.Text([]byte("1")): "ann b@x 1",
		email.Text([]byte("a@x")): "", key("bob"): "",
	} {
		if got := s.get(k); got != want {
			t.Errorf("Get(%q) = %q, want %q", k, got, want)
		}
	}
}

// What is put is copied before the call returns.
func TestPutCopies(t *testing.T) {
	s := open(t)
	request := []byte("ann")
	s.putRecord(bytestore.NewRecord(table.Text(request), request))
	copy(request, "bob")
	if got := s.all(); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("the store holds %q after the request was overwritten", got)
	}
}

func TestCompareAndSwap(t *testing.T) {
	s := open(t)
	s.put("bob b@x")
	version := s.put("ann a@x")
	tests := []struct {
		text     string
		expected int64
		want     string
	}{
		{"ann", 0, fmt.Sprint("EXISTS ", version)},
		{"ann", 1, fmt.Sprint("VERSION_MISMATCH ", version)},
		{"ann b@x", version, "UNIQUE email"},
		{"cid", 1, "NOT_FOUND"},
		{"ann c@x", version, ""},
		{"cid a@x", 0, ""},
	}
	for _, tt := range tests {
		_, err := s.CompareAndSwap(t.Context(), record(tt.text), tt.expected)
		if got := reason(t, err); got != tt.want {
			t.Errorf("CompareAndSwap(%s, %d): %q, want %q", tt.text, tt.expected, got, tt.want)
		}
	}
	if got, want := s.all(), []string{"ann c@x", "bob b@x", "cid a@x"}; !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
}

func TestDelete(t *testing.T) {
	s := open(t)
	version := s.put("ann a@x 1")
	s.put("cid")
	tests := []struct {
		key       string
		ifVersion int64
		existed   bool
		want      string
	}{
		{"bob", 0, false, ""},
		{"bob", 7, false, ""},
		{"ann", version + 1, false, fmt.Sprint("VERSION_MISMATCH ", version)},
		{"ann", version, true, ""},
		{"ann", 0, false, ""},
		{"cid", 0, true, ""},
	}
	for _, tt := range tests {
		existed, err := s.Delete(t.Context(), key(tt.key), tt.ifVersion)
		if got := reason(t, err); existed != tt.existed || got != tt.want {
			t.Errorf("Delete(%s, %d) = %t, %q, want %t, %q", tt.key, tt.ifVersion, existed, got, tt.existed, tt.want)
		}
	}
	if again := s.put("bob a@x 1"); again <= version {
		t.Errorf("version %d was issued after %d", again, version)
	}
	if again, err := s.CompareAndSwap(t.Context(), record("ann"), 0); err != nil || again.Version <= version {
		t.Errorf("a swap over a deleted record: version %d after %d, %v", again.Version, version, err)
	}
}

func TestUnique(t *testing.T) {
	s := open(t)
	s.put("ann a@x 1")
	s.put("bob b@x 2")
	tests := []struct{ text, want string }{
		{"cid a@x 2", "UNIQUE email"}, // the first index that is taken
		{"cid c@x 2", "UNIQUE phone"},
		{"cid a@x 3", "UNIQUE email"},
		{"ann a@x 2", "UNIQUE phone"},
		{"ann a@x 1", ""}, // its own values
		{"ann c@x 1", ""},
		{"cid a@x -", ""},
	}
	for _, tt := range tests {
		_, err := s.Put(t.Context(), record(tt.text))
		if got := reason(t, err); got != tt.want {
			t.Errorf("Put(%s): %q, want %q", tt.text, got, tt.want)
		}
	}
	if got, want := s.all(), []string{"ann c@x 1", "bob b@x 2", "cid a@x -"}; !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
}

func TestBatchPut(t *testing.T) {
	before := []string{"ann a@x 1", "bob b@x 2"}
	tests := []struct {
		name  string
		batch []string
		want  string // reason, index and item
		after []string
	}{
		{"all new", []string{"cid c@x", "dan d@x"}, "", []string{"ann a@x 1", "bob b@x 2", "cid c@x", "dan d@x"}},
		{"an item takes what one before it gives up", []string{"ann c@x", "cid a@x"}, "", []string{"ann c@x", "bob b@x 2", "cid a@x"}},
		{"two items exchange what a third holds", []string{"ann z@x 1", "bob a@x 2", "cid b@x"}, "", []string{"ann z@x 1", "bob a@x 2", "cid b@x"}},
		{"an item takes what one after it gives up", []string{"cid a@x", "ann c@x"}, "", []string{"ann c@x", "bob b@x 2", "cid a@x"}},
		{"items want one value", []string{"cid c@x 3", "dan d@x", "eve c@x"}, "UNIQUE email users[2]", before},
		{"an item fails after others replaced records", []string{"ann z@x 9", "bob y@x 8", "cid - 9"}, "UNIQUE phone users[2]", before},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			for _, text := range before {
				s.put(text)
			}
			var batch []*bytestore.Record
			for _, text := range tt.batch {
				batch = append(batch, record(text))
			}
			written, err := s.BatchPut(t.Context(), "users", batch)
			got := reason(t, err)
			if e := (*runtime.Error)(nil); errors.As(err, &e) {
				got += " " + e.Field
			}
			if got != tt.want {
				t.Errorf("BatchPut: %q, want %q", got, tt.want)
			}
			if got := s.all(); !slices.Equal(got, tt.after) {
				t.Errorf("the store holds %q, want %q", got, tt.after)
			}
			for i, w := range written {
				if w.Version != written[0].Version+int64(i) {
					t.Errorf("item %d has version %d, behind %d of item 0", i, w.Version, written[0].Version)
				}
				var row runtime.Row
				if err := s.Get(t.Context(), batch[i].Key(), func(r runtime.Row) bool { row = r; return true }); err != nil || row.Version != w.Version {
					t.Errorf("item %d is read with version %d, %v, and was written with %d", i, row.Version, err, w.Version)
				}
			}
		})
	}
}

// The server takes 1,000 messages as one: a batch with more is refused whole, and
// says what of.
func TestBatchIsBounded(t *testing.T) {
	s := open(t)
	batch := func(n int) (batch []*bytestore.Record, keys []tuple.Key) {
		for i := range n {
			r := record(fmt.Sprintf("k%d e%d", i, i))
			batch, keys = append(batch, r), append(keys, r.Key())
		}
		return batch, keys
	}
	records, _ := batch(501)
	_, err := s.BatchPut(t.Context(), "users", records)
	if e := (*runtime.Error)(nil); !errors.As(err, &e) || e.Reason != runtime.BatchSize || e.Field != "users" || e.Metadata["got"] != "1002" {
		t.Errorf("1,002 messages: %v", err)
	}
	if got := s.get(key("k0")); got != "" {
		t.Errorf("of the refused batch there is %q", got)
	}
	records, keys := batch(500)
	if _, err := s.BatchPut(t.Context(), "users", records); err != nil {
		t.Errorf("1,000 messages: %v", err)
	}
	if existed, err := s.BatchDelete(t.Context(), keys); err != nil || slices.Contains(existed, false) {
		t.Errorf("BatchDelete = %t, %v", existed, err)
	}
}

func TestBatchGetAndDelete(t *testing.T) {
	s := open(t)
	s.put("ann")
	s.putRecord(expiring("bob"))
	s.put("cid")
	s.now = s.now.Add(ttl)
	keys := []tuple.Key{key("cid"), key("bob"), key("ann"), key("dan")}
	var got []string
	if err := s.BatchGet(t.Context(), keys, func(r runtime.Row) bool {
		got = append(got, string(r.Record))
		return len(got) < 3
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"cid", "", "ann"}; !slices.Equal(got, want) {
		t.Errorf("BatchGet = %q, want %q", got, want)
	}
	existed, err := s.BatchDelete(t.Context(), keys)
	if want := []bool{true, false, true, false}; err != nil || !slices.Equal(existed, want) {
		t.Errorf("BatchDelete = %t, %v, want %t", existed, err, want)
	}
	if got := s.all(); got != nil {
		t.Errorf("the store holds %q", got)
	}
}

func TestContext(t *testing.T) {
	s := open(t)
	s.put("ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := func(runtime.Row) bool { return true }
	calls := map[string]func() error{
		"Put":            func() error { _, err := s.Put(ctx, record("bob")); return err },
		"CompareAndSwap": func() error { _, err := s.CompareAndSwap(ctx, record("bob"), 0); return err },
		"Get":            func() error { return s.Get(ctx, key("ann"), none) },
		"Delete":         func() error { _, err := s.Delete(ctx, key("ann"), 0); return err },
		"BatchPut":       func() error { _, err := s.BatchPut(ctx, "users", []*bytestore.Record{record("bob")}); return err },
		"BatchGet":       func() error { return s.BatchGet(ctx, []tuple.Key{key("ann")}, none) },
		"BatchDelete":    func() error { _, err := s.BatchDelete(ctx, []tuple.Key{key("ann")}); return err },
	}
	for name, call := range calls {
		if got := reason(t, call()); got != "CANCELLED" {
			t.Errorf("%s: %q, want CANCELLED", name, got)
		}
	}
	if got := s.all(); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("the store holds %q", got)
	}
}
