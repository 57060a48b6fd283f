package keyvalue_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

func reason(err error) runtime.Reason {
	var e *runtime.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// A message that stands twice in a request is merged, and the request is not
// written over by it.
func TestItemMerges(t *testing.T) {
	first, second := wire.AppendVarint(nil, 1, 3), wire.AppendVarint(nil, 4, 5)
	request := wire.AppendVarint(wire.AppendBytes(wire.AppendBytes(nil, 1, first), 1, second), 2, 7)
	both := string(first) + string(second)
	before := bytes.Clone(request)
	message, version, err := keyvalue.Versioned(request, "if_version")
	if string(message) != both || version != 7 || err != nil {
		t.Errorf("got %q, %d, %v", message, version, err)
	}
	if message, err = keyvalue.Item(request); string(message) != both || err != nil {
		t.Errorf("without a version: got %q, %v", message, err)
	}
	if !bytes.Equal(request, before) {
		t.Error("the request was written over")
	}
	if message, err = keyvalue.Item(nil); len(message) != 0 || err != nil {
		t.Errorf("an empty request gives %q, %v", message, err)
	}
	if _, err = keyvalue.Item([]byte{0xff}); reason(err) != runtime.RequestMalformed {
		t.Errorf("garbage gives %v", err)
	}
	// Each of two is a message by itself: what the first lacks, the second has not.
	for _, part := range [][]byte{{0x0a, 5, 'a'}, {0x0a}, {0x0b}, {0x0c}} {
		cut := wire.AppendBytes(wire.AppendBytes(nil, 1, part), 1, []byte("\x0c\x01a"))
		if _, err = keyvalue.Item(cut); reason(err) != runtime.RequestMalformed {
			t.Errorf("% x before another message gives %v", part, err)
		}
		if _, _, err = keyvalue.Versioned(cut, "if_version"); reason(err) != runtime.RequestMalformed {
			t.Errorf("% x before another message, and a version, give %v", part, err)
		}
	}
	for _, garbage := range [][]byte{{0xff}, append(wire.AppendVarint(nil, 2, math.MaxUint64), 0xff)} {
		if _, _, err = keyvalue.Versioned(garbage, "if_version"); reason(err) != runtime.RequestMalformed {
			t.Errorf("garbage beside a version gives %v", err)
		}
	}
	if _, _, err = keyvalue.Versioned(wire.AppendVarint(nil, 2, math.MaxUint64), "if_version"); reason(err) != runtime.FieldRange {
		t.Errorf("a version of -1 gives %v", err)
	}
}

func TestItems(t *testing.T) {
	batch := func(n int) []byte { return bytes.Repeat(wire.AppendBytes(nil, 1, []byte("x")), n) }
	for n, want := range map[int]runtime.Reason{0: runtime.BatchEmpty, 1: "", 1000: "", 1001: runtime.BatchSize} {
		items, err := keyvalue.Items(batch(n), "keys")
		if reason(err) != want {
			t.Errorf("%d items: got %v, want %q", n, err, want)
		}
		if want == "" && len(items) != n {
			t.Errorf("%d items are read as %d", n, len(items))
		}
	}
}

func TestResultsArePrefix(t *testing.T) {
	var r keyvalue.Results
	record := make([]byte, 1<<20)
	n := 0
	for r.Add(runtime.Row{Version: 1, Record: record}) {
		n++
	}
	if n != 3 || len(r.Bytes()) > runtime.MaxAnswer {
		t.Errorf("%d records of 1 MiB in %d bytes, want 3 below %d", n, len(r.Bytes()), runtime.MaxAnswer)
	}
}

func tokens(t *testing.T, now *time.Time) *keyvalue.Tokens {
	t.Helper()
	sealer, err := keyvalue.NewTokens(keyvalue.NewKey(), func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// Any change to a token, to the query, to the key or the passing of a day is
// answered alike.
func TestTokens(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	sealer := tokens(t, &now)
	token := sealer.Seal([]byte("query"), []byte("cursor"))
	if cursor, err := sealer.Open([]byte("query"), token); err != nil || string(cursor) != "cursor" {
		t.Fatalf("got %q, %v", cursor, err)
	}
	if strings.Contains(string(token), "cursor") {
		t.Error("the cursor can be read in the token")
	}
	texts := map[string]bool{}
	refused := func(what string, sealer *keyvalue.Tokens, query string, token []byte) {
		t.Helper()
		_, err := sealer.Open([]byte(query), token)
		if reason(err) != runtime.PageTokenInvalid {
			t.Errorf("%s: got %v", what, err)
			return
		}
		texts[err.Error()] = true
	}
	for i := range token {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			changed := bytes.Clone(token)
			changed[i] ^= flip
			refused("a flipped bit", sealer, "query", changed)
		}
		refused("a cut token", sealer, "query", token[:i])
	}
	for _, form := range []string{"\n", "\r\n", "=", " ", "\t"} { // a token has one form: decoders pass over line breaks
		refused(fmt.Sprintf("%q behind", form), sealer, "query", append(bytes.Clone(token), form...))
		refused(fmt.Sprintf("%q within", form), sealer, "query", slices.Insert(bytes.Clone(token), 8, []byte(form)...))
	}
	refused("another query", sealer, "query2", token)
	refused("another key", tokens(t, &now), "query", token)
	refused("a long token", sealer, "query", bytes.Repeat([]byte("A"), 1<<20))
	now = now.Add(24*time.Hour - time.Second)
	if _, err := sealer.Open([]byte("query"), token); err != nil {
		t.Errorf("after less than a day: %v", err)
	}
	now = now.Add(time.Second)
	refused("a token of yesterday", sealer, "query", token)
	if len(texts) != 1 {
		t.Errorf("%d different texts tell what is wrong with a token: %v", len(texts), texts)
	}
}

func TestPage(t *testing.T) {
	now := time.Now()
	sealer := tokens(t, &now)
	tests := []struct {
		name  string
		size  int32
		limit int64
		want  runtime.Reason
	}{
		{"unset", 0, 101, ""}, {"one", 1, 2, ""}, {"most", 1000, 1001, ""}, {"more", 1 << 30, 1001, ""}, {"negative", -1, 0, runtime.PageSizeRange},
	}
	for _, test := range tests {
		page, cursor, err := sealer.Page(nil, nil, &keyvalue.Paging{Size: test.size})
		if reason(err) != test.want || cursor != nil {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		if test.want == "" && page.Limit() != test.limit {
			t.Errorf("%s: limit %d, want %d", test.name, page.Limit(), test.limit)
		}
	}
	for _, reverse := range []bool{false, true} {
		page, _, err := sealer.Page(nil, nil, &keyvalue.Paging{Size: 2, Reverse: reverse})
		if err != nil {
			t.Fatal(err)
		}
		added := 0
		for _, r := range []string{"a", "b", "c", "d"} {
			if !page.Add(runtime.Row{Version: 1, Record: []byte(r)}) {
				break
			}
			added++
		}
		want := "c" // the first that did not fit
		if reverse {
			want = "b" // the last that did
		}
		if added != 2 || string(page.Edge()) != want {
			t.Errorf("reverse %t: %d added, edge %q, want 2 and %q", reverse, added, page.Edge(), want)
		}
	}
}

func TestPageIsBoundedByBytes(t *testing.T) {
	now := time.Now()
	page, _, err := tokens(t, &now).Page(nil, nil, &keyvalue.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for page.Add(runtime.Row{Version: 1, Record: make([]byte, 1<<20)}) {
		n++
	}
	if answer := page.Bytes(make([]byte, 2<<10)); n != 3 || len(answer) > runtime.MaxAnswer+16 || page.Edge() == nil {
		t.Errorf("%d records of 1 MiB in %d bytes, want 3 and a next page", n, len(answer))
	}
}

// A record whose fields are all zero is encoded as nothing, and is a record.
func TestPageGoesOnAfterEmptyRecord(t *testing.T) {
	now := time.Now()
	for _, reverse := range []bool{false, true} {
		page, _, err := tokens(t, &now).Page(nil, nil, &keyvalue.Paging{Size: 1, Reverse: reverse})
		if err != nil {
			t.Fatal(err)
		}
		if page.Add(runtime.Row{Version: 1}); page.Add(runtime.Row{Version: 2}) || page.Edge() == nil {
			t.Errorf("reverse %t: the list ends at an empty record", reverse)
		}
	}
}

// A message in very many parts must not cost a copy of all that came for each.
func TestPartsAreJoinedOnce(t *testing.T) {
	part := wire.AppendBytes(nil, 1, wire.AppendBytes(nil, 1, make([]byte, 30)))
	request := bytes.Repeat(part, wire.MaxElements/4)
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	if message, err := keyvalue.Item(request); err != nil || len(message) != wire.MaxElements/4*(len(part)-2) {
		t.Errorf("got %d bytes, %v", len(message), err)
	}
	goruntime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 10*uint64(len(request)) {
		t.Errorf("a message of %d bytes in parts takes %d bytes", len(request), cost)
	}
}

// A batch that is refused for its size must not cost what it asks for.
func TestItemsAreCountedNotKept(t *testing.T) {
	request := bytes.Repeat(wire.AppendBytes(nil, 1, nil), wire.MaxElements)
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	if _, err := keyvalue.Items(request, "keys"); reason(err) != runtime.BatchSize {
		t.Errorf("got %v", err)
	}
	goruntime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 1<<18 {
		t.Errorf("a batch of 100,000 items takes %d bytes", cost)
	}
}
