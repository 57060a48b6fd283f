package nats_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats"
	"github.com/prism-proxy/prism/backends/nats/natstest"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/runtime/tuple"
)

const plain tuple.Key = "notes\x00" // a table without indexes

// The records, keys and reasons are those of the table that all stores of bytes keep.
var (
	record = backendtest.ByteRecord
	key    = backendtest.ByteKey
	reason = backendtest.ByteReason
)

var namespace = runtime.Namespace{Name: "users", Tables: []string{"users", "notes"}}

func config(s *natstest.Server) nats.Config {
	return nats.Config{
		URL: s.URL, Prefix: "prism", Durability: "CRASH_SAFE",
		Keys: map[string][]string{
			"users": {"users", "id"}, "users_email": {"users", "email"}, "users_phone": {"users", "phone"}, "notes": {"notes", "id"},
		},
	}
}

// store is a DB with the records of ByteStore, its server and how it was opened.
type store struct {
	*nats.DB
	t      *testing.T
	server *natstest.Server
	env    *runtime.Env
}

func open(t *testing.T) *store {
	t.Helper()
	return openOn(t, natstest.Start(t))
}

func openOn(t *testing.T, server *natstest.Server) *store {
	t.Helper()
	return openAt(t, server, time.Now)
}

func openAt(t *testing.T, server *natstest.Server, now func() time.Time) *store {
	t.Helper()
	s := &store{t: t, server: server}
	s.env = &runtime.Env{Deployment: "shop", Now: now, Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler)}
	if _, err := nats.Migrate(t.Context(), s.env, namespace, config(server), migration.Run{}); err != nil {
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

func (s *store) put(text string) int64 {
	s.t.Helper()
	w, err := s.Put(s.t.Context(), record(text))
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

func TestByteStore(t *testing.T) {
	backendtest.ByteStore(t, func(t *testing.T, now func() time.Time) bytestore.KeyValue {
		return openAt(t, natstest.Start(t), now)
	})
}

// The server takes at most 1,000 messages atomically: a larger batch is refused
// as a whole, and the error says what there is too much of.
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
