package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/memory"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

const (
	table tuple.Key = "users\x00"
	email tuple.Key = "users_email\x00"
	phone tuple.Key = "users_phone\x00"
	group tuple.Key = "users_group\x00"
)

const ttl = 10 * time.Second

// store is a DB whose records are a key and then values of indexes, and its
// clock.
type store struct {
	*memory.DB
	t   *testing.T
	now time.Time
}

func open(t *testing.T) *store {
	t.Helper()
	s := &store{t: t, now: time.Date(2031, 2, 3, 4, 5, 6, 7_008, time.UTC)}
	db, err := memory.Open(t.Context(), &runtime.Env{Now: func() time.Time { return s.now }}, runtime.Namespace{Name: "users"}, memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.DB = db
	return s
}

// record makes the record that text describes: the key, then email, phone and
// group where they are not "-".
func record(text string) *bytestore.Record {
	words := append(strings.Fields(text), "-", "-", "-")
	r := bytestore.NewRecord(key(words[0]), []byte(text))
	if words[1] != "-" {
		r.Unique("email", email.Text([]byte(words[1])))
	}
	if words[2] != "-" {
		r.Unique("phone", phone.Text([]byte(words[2])))
	}
	if words[3] != "-" {
		r.Index(group.Text([]byte(words[3])).Text([]byte(words[0])))
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

// list returns the texts of the records between two keys, and "+" if there are
// more than the page takes.
func (s *store) list(from, to tuple.Key, p page.Request) []string {
	s.t.Helper()
	page, _, err := s.Tokens.Page(nil, nil, &p)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.List(s.t.Context(), from, to, page); err != nil {
		s.t.Fatal(err)
	}
	found := texts(page.Bytes(nil))
	if page.Edge() != nil {
		found = append(found, "+")
	}
	return found
}

func (s *store) all() []string {
	s.t.Helper()
	return s.list(table, table.End(), page.Request{})
}

// texts returns the texts of the records in a reply whose field 1 they are.
func texts(reply []byte) []string {
	var found []string
	for f := wire.Read(reply); f.Next(); {
		if f.Tag != 1<<3|wire.Bytes {
			continue // the next page's token
		}
		for r := f.Message(); r.Next(); {
			if r.Tag == 1<<3|wire.Bytes {
				found = append(found, string(r.Bytes()))
			}
		}
	}
	return found
}

// reason returns the reason of err and, of a unique violation, the index.
func reason(t *testing.T, err error) string {
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
	first := s.put("ann a@x 1 red")
	if second := s.put("ann b@x 1 blue"); second <= first {
		t.Errorf("versions %d, %d: they do not grow", first, second)
	}
	for k, want := range map[tuple.Key]string{
		key("ann"): "ann b@x 1 blue", email.Text([]byte("b@x")): "ann b@x 1 blue", phone.Text([]byte("1")): "ann b@x 1 blue",
		email.Text([]byte("a@x")): "", key("bob"): "",
	} {
		var result keyvalue.Result
		err := s.Get(t.Context(), k, result.Add)
		if got := strings.Join(texts(result.Bytes()), ""); got != want || (err == nil) != (want != "") {
			t.Errorf("Get(%q) = %q, %v, want %q", k, got, err, want)
		}
	}
	if got := s.list(group, group.End(), page.Request{}); !slices.Equal(got, []string{"ann b@x 1 blue"}) {
		t.Errorf("the index has %q", got)
	}
}

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
	current, next := fmt.Sprint(version), fmt.Sprint(version+1)
	tests := []struct {
		text     string
		expected int64
		want     string
	}{
		{"ann", 0, "EXISTS " + current},
		{"ann", 1, "VERSION_MISMATCH " + current},
		{"ann b@x", version, "UNIQUE email"},
		{"cid", 1, "NOT_FOUND"},
		{"ann c@x", version, ""},
		{"ann d@x", version, "VERSION_MISMATCH " + next},
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
	version := s.put("ann a@x 1 red")
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
	if again := s.put("bob a@x 1 red"); again <= version {
		t.Errorf("version %d was issued after %d", again, version)
	}
	if got := s.list(group, group.End(), page.Request{}); !slices.Equal(got, []string{"bob a@x 1 red"}) {
		t.Errorf("the index has %q", got)
	}
}

func TestUnique(t *testing.T) {
	s := open(t)
	s.put("ann a@x 1 red")
	s.put("bob b@x 2 red")
	tests := []struct{ text, want string }{
		{"cid a@x 2", "UNIQUE email"}, // the first index that is taken
		{"cid c@x 2", "UNIQUE phone"},
		{"cid a@x 3", "UNIQUE email"},
		{"ann a@x 2", "UNIQUE phone"},
		{"ann a@x 1", ""}, // its own values
		{"cid - - red", ""},
	}
	for _, tt := range tests {
		_, err := s.Put(t.Context(), record(tt.text))
		if got := reason(t, err); got != tt.want {
			t.Errorf("Put(%s): %q, want %q", tt.text, got, tt.want)
		}
	}
	if got, want := s.all(), []string{"ann a@x 1", "bob b@x 2 red", "cid - - red"}; !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
}

func TestBatchPut(t *testing.T) {
	before := []string{"ann a@x 1 red", "bob b@x 2 red"}
	tests := []struct {
		name  string
		batch []string
		want  string // reason, index and item
		after []string
	}{
		{"all new", []string{"cid c@x", "dan d@x"}, "", []string{"ann a@x 1 red", "bob b@x 2 red", "cid c@x", "dan d@x"}},
		{"an item takes what one before it gives up", []string{"ann c@x", "cid a@x"}, "", []string{"ann c@x", "bob b@x 2 red", "cid a@x"}},
		{"an item takes what one after it gives up", []string{"cid a@x", "ann c@x"}, "", []string{"ann c@x", "bob b@x 2 red", "cid a@x"}},
		{"items want one value", []string{"cid c@x 3 red", "dan d@x", "eve c@x"}, "UNIQUE email users[2]", before},
		{"an item fails after others replaced records", []string{"ann z@x 9 blue", "bob y@x 8 blue", "cid - 9"}, "UNIQUE phone users[2]", before},
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
			if err != nil {
				if got := s.list(group, group.End(), page.Request{}); !slices.Equal(got, before) {
					t.Errorf("the index has %q, want %q", got, before)
				}
				return
			}
			for i, w := range written {
				if w.Version != written[0].Version+int64(i) {
					t.Errorf("item %d has version %d, behind %d of item 0", i, w.Version, written[0].Version)
				}
			}
		})
	}
}

func TestBatchGetAndDelete(t *testing.T) {
	s := open(t)
	s.put("ann")
	s.putRecord(expiring("bob"))
	s.put("cid")
	s.now = s.now.Add(ttl)
	keys := []tuple.Key{key("cid"), key("bob"), key("ann"), key("dan")}
	var results keyvalue.Results
	if err := s.BatchGet(t.Context(), keys, results.Add); err != nil {
		t.Fatal(err)
	}
	var got []string
	for f := wire.Read(results.Bytes()); f.Next(); {
		got = append(got, strings.Join(texts(f.Bytes()), ""))
	}
	if want := []string{"cid", "", "ann", ""}; !slices.Equal(got, want) {
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

func TestList(t *testing.T) {
	s := open(t)
	for _, k := range []string{"d", "b", "a", "e", "c"} {
		s.put(k + " " + k + " - g")
	}
	s.put("f f - h")
	s.putRecord(expiring("bb"))
	s.now = s.now.Add(ttl)
	red := group.Text([]byte("g"))
	tests := []struct {
		name     string
		from, to tuple.Key
		paging   page.Request
		want     string
	}{
		{"all", table, table.End(), page.Request{}, "abcdef"},
		{"all in reverse", table, table.End(), page.Request{Reverse: true}, "fedcba"},
		{"from inclusive, to exclusive", key("b"), key("d"), page.Request{}, "bc"},
		{"the same in reverse", key("b"), key("d"), page.Request{Reverse: true}, "cb"},
		{"between keys", key("aa"), key("dd"), page.Request{}, "bcd"},
		{"between keys in reverse", key("aa"), key("dd"), page.Request{Reverse: true}, "dcb"},
		{"nothing", key("c"), key("c"), page.Request{}, ""},
		{"nothing in reverse", key("c"), key("c"), page.Request{Reverse: true}, ""},
		{"a page", table, table.End(), page.Request{Size: 3}, "abc+"},
		{"a page in reverse", table, table.End(), page.Request{Size: 3, Reverse: true}, "fed+"},
		{"a page that takes all", table, table.End(), page.Request{Size: 6}, "abcdef"},
		{"an index", red, red.End(), page.Request{}, "abcde"},
		{"an index in reverse", red, red.End(), page.Request{Reverse: true}, "edcba"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			for _, text := range s.list(tt.from, tt.to, tt.paging) {
				got += text[:1]
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestContext(t *testing.T) {
	s := open(t)
	s.put("ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	page, _, err := s.Tokens.Page(nil, nil, &page.Request{})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"Put":            func() error { _, err := s.Put(ctx, record("bob")); return err },
		"CompareAndSwap": func() error { _, err := s.CompareAndSwap(ctx, record("bob"), 0); return err },
		"Get":            func() error { return s.Get(ctx, key("ann"), new(keyvalue.Result).Add) },
		"Delete":         func() error { _, err := s.Delete(ctx, key("ann"), 0); return err },
		"BatchPut":       func() error { _, err := s.BatchPut(ctx, "users", []*bytestore.Record{record("bob")}); return err },
		"BatchGet":       func() error { return s.BatchGet(ctx, []tuple.Key{key("ann")}, new(keyvalue.Results).Add) },
		"BatchDelete":    func() error { _, err := s.BatchDelete(ctx, []tuple.Key{key("ann")}); return err },
		"List":           func() error { return s.List(ctx, table, table.End(), page) },
		"Sweep":          func() error { _, err := s.Sweep(ctx); return err },
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

// Readers see a batch as a whole, and versions are issued once, whoever writes.
func TestConcurrentUse(t *testing.T) {
	s := open(t)
	const writers, rounds = 8, 200
	versions := make(chan int64, writers*rounds*3)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				text := fmt.Sprintf("- - %d-%d", w, i)
				written, err := s.BatchPut(t.Context(), "users", []*bytestore.Record{record("a " + text), record("b " + text)})
				if err != nil {
					t.Error(err)
					return
				}
				versions <- written[0].Version
				versions <- written[1].Version
				one, err := s.Put(t.Context(), record("c"))
				if err != nil {
					t.Error(err)
					return
				}
				versions <- one.Version
			}
		})
		group.Go(func() {
			for range rounds {
				var results keyvalue.Results
				if err := s.BatchGet(t.Context(), []tuple.Key{key("a"), key("b")}, results.Add); err != nil {
					t.Error(err)
					return
				}
				var halves []string
				for f := wire.Read(results.Bytes()); f.Next(); {
					halves = append(halves, strings.TrimLeft(strings.Join(texts(f.Bytes()), ""), "ab"))
				}
				if halves[0] != halves[1] {
					t.Errorf("a reader saw %q", halves)
					return
				}
			}
		})
	}
	group.Wait()
	close(versions)
	seen := map[int64]bool{}
	for v := range versions {
		if seen[v] {
			t.Fatalf("version %d was issued twice", v)
		}
		seen[v] = true
	}
	if len(seen) != writers*rounds*3 {
		t.Errorf("%d versions, want %d", len(seen), writers*rounds*3)
	}
}
