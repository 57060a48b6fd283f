package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// What the keys of ByteStore begin with: its table, the table's unique indexes,
// and the index that is not unique, in stores that keep their keys in order.
const (
	users   tuple.Key = "users\x00"
	email   tuple.Key = "users_email\x00"
	phone   tuple.Key = "users_phone\x00"
	byGroup tuple.Key = "users_group\x00"
)

// ByteTTL is the ttl of the records of ByteStore that expire.
const ByteTTL = 10 * time.Second

// ByteStore checks what generated code, below the contract, relies on in a
// store of bytes. Each case runs on an empty store that open returns, whose
// clock is now. The store has the table users with the unique indexes
// users_email and users_phone and, if it lists, the index users_group. Lists
// and sweeps are checked if the store has them.
func ByteStore(t *testing.T, open func(t *testing.T, now func() time.Time) bytestore.KeyValue) {
	for _, c := range slices.Concat(byteWrites, byteReads) {
		check := &byteCheck{rule: c.rule, now: time.Date(2031, 2, 3, 4, 5, 6, 7_008, time.UTC)}
		t.Run(c.name, func(t *testing.T) {
			check.T, check.KeyValue = t, open(t, func() time.Time { return check.now })
			check.lists, _ = check.KeyValue.(bytestore.Lists)
			check.sweeper, _ = check.KeyValue.(bytestore.Sweeper)
			c.run(check)
		})
	}
}

// byteCase is one rule and how it is checked.
type byteCase struct {
	name, rule string
	run        func(*byteCheck)
}

// byteCheck is a case that runs on a store, with the store's time.
type byteCheck struct {
	*testing.T
	bytestore.KeyValue
	lists   bytestore.Lists   // nil: it has none
	sweeper bytestore.Sweeper // nil: the store deletes what has expired by itself
	rule    string
	now     time.Time
}

func (t *byteCheck) Errorf(format string, args ...any) {
	t.Helper()
	t.T.Errorf("rule: %s\n%s", t.rule, fmt.Sprintf(format, args...))
}

// ByteKey is the key of the record called name in a store of ByteStore.
func ByteKey(name string) tuple.Key { return users.Text([]byte(name)) }

// ByteEmail is the key of a value in the index users_email.
func ByteEmail(value string) tuple.Key { return email.Text([]byte(value)) }

// ByteRecord makes the record that text describes: its name, then email and
// phone unless they are "-".
func ByteRecord(text string) *bytestore.Record {
	words := append(strings.Fields(text), "-", "-")
	r := bytestore.NewRecord(ByteKey(words[0]), []byte(text))
	if words[1] != "-" {
		r.Unique("email", ByteEmail(words[1]))
	}
	if words[2] != "-" {
		r.Unique("phone", phone.Text([]byte(words[2])))
	}
	return r
}

// ByteReason returns the reason of err, with the index of a unique violation or
// the stored version.
func ByteReason(t testing.TB, err error) string {
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

// record is ByteRecord, which in a store that lists is also indexed by the
// second word.
func (t *byteCheck) record(text string) *bytestore.Record {
	r := ByteRecord(text)
	if words := strings.Fields(text); t.lists != nil && len(words) > 1 {
		r.Index(byGroup.Text([]byte(words[1])).Text([]byte(words[0])))
	}
	return r
}

func (t *byteCheck) records(texts []string) []*bytestore.Record {
	var records []*bytestore.Record
	for _, text := range texts {
		records = append(records, t.record(text))
	}
	return records
}

func (t *byteCheck) expiring(text string) *bytestore.Record {
	r := t.record(text)
	r.ExpireAfter(ByteTTL)
	return r
}

func (t *byteCheck) put(r *bytestore.Record) int64 {
	t.Helper()
	w, err := t.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return w.Version
}

// text returns the record under k, or "".
func (t *byteCheck) text(k tuple.Key) string {
	t.Helper()
	var row runtime.Row
	if err := t.Get(t.Context(), k, func(r runtime.Row) bool { row = r; return true }); err != nil && ByteReason(t, err) != "NOT_FOUND" {
		t.Fatal(err)
	}
	return string(row.Record)
}

// reason checks how a call failed.
func (t *byteCheck) reason(what string, err error, want string) {
	t.Helper()
	if got := ByteReason(t, err); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// holds demands that the store has these records, in the order of their keys,
// that each is found by its unique values, and that lists contain exactly them.
func (t *byteCheck) holds(want ...string) {
	t.Helper()
	var keys []tuple.Key
	for _, name := range []string{"ann", "bob", "cid", "dan", "eve"} {
		keys = append(keys, ByteKey(name))
	}
	var got []string
	if err := t.BatchGet(t.Context(), keys, func(r runtime.Row) bool {
		if r.Version != 0 {
			got = append(got, string(r.Record))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the store holds %q, want %q", got, want)
	}
	for _, text := range got {
		for _, e := range ByteRecord(text).Entries {
			if found := t.text(e.Key); found != text {
				t.Errorf("under %q there is %q, want %q", e.Key, found, text)
			}
		}
	}
	if t.lists == nil {
		return
	}
	if listed := t.list(users, users.End(), page.Request{}); !slices.Equal(listed, want) {
		t.Errorf("the table lists %q, want %q", listed, want)
	}
	indexed := slices.DeleteFunc(slices.Clone(want), func(text string) bool { return !strings.Contains(text, " ") })
	slices.Sort(indexed)
	if listed := t.list(byGroup, byGroup.End(), page.Request{}); !slices.Equal(slices.Sorted(slices.Values(listed)), indexed) {
		t.Errorf("the index lists %q, want %q", listed, indexed)
	}
}

// list returns the texts of the records between two keys, and "+" if there are more
// than the page takes.
func (t *byteCheck) list(from, to tuple.Key, r page.Request) []string {
	t.Helper()
	tokens, err := page.NewTokens(strings.Repeat("00", 32), func() time.Time { return t.now })
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := tokens.Page(nil, nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	if err := t.lists.List(t.Context(), from, to, p); err != nil {
		t.Fatal(err)
	}
	var found []string
	for f := wire.Read(p.Bytes(nil)); f.Next(); {
		if f.Tag != 1<<3|wire.Bytes {
			continue // the next page's token
		}
		for r := f.Message(); r.Next(); {
			if r.Tag == 1<<3|wire.Bytes {
				found = append(found, string(r.Bytes()))
			}
		}
	}
	if p.Edge() != nil {
		found = append(found, "+")
	}
	return found
}
