package page_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/wire"
)

func reason(err error) runtime.Reason {
	var e *runtime.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func tokens(t *testing.T, now *time.Time) *page.Tokens {
	t.Helper()
	sealer, err := page.NewTokens(page.NewKey(), func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// Any change to a token, the query or the key, and the passing of a day, get
// the same answer.
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
	refused := func(what string, sealer *page.Tokens, query string, token []byte) {
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
	for _, form := range []string{"\n", "\r\n", "=", " ", "\t"} { // a token has only one form, though decoders skip line breaks
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
		page, cursor, err := sealer.Page(nil, nil, &page.Request{Size: test.size})
		if reason(err) != test.want || cursor != nil {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		if test.want == "" && page.Limit() != test.limit {
			t.Errorf("%s: limit %d, want %d", test.name, page.Limit(), test.limit)
		}
	}
	for _, reverse := range []bool{false, true} {
		page, _, err := sealer.Page(nil, nil, &page.Request{Size: 2, Reverse: reverse})
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
	page, _, err := tokens(t, &now).Page(nil, nil, &page.Request{})
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

// A record whose fields are all zero has an empty encoding, but is a record.
func TestPageGoesOnAfterEmptyRecord(t *testing.T) {
	now := time.Now()
	for _, reverse := range []bool{false, true} {
		page, _, err := tokens(t, &now).Page(nil, nil, &page.Request{Size: 1, Reverse: reverse})
		if err != nil {
			t.Fatal(err)
		}
		if page.Add(runtime.Row{Version: 1}); page.Add(runtime.Row{Version: 2}) || page.Edge() == nil {
			t.Errorf("reverse %t: the list ends at an empty record", reverse)
		}
	}
}

// Every page but the last has the token of the next one.
func TestPageToken(t *testing.T) {
	now := time.Now()
	sealer := tokens(t, &now)
	for more, want := range map[bool]string{true: "here", false: ""} {
		list, _, err := sealer.Page(nil, []byte("query"), &page.Request{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if list.Add(runtime.Row{Version: 1}); more {
			list.Add(runtime.Row{Version: 2})
		}
		var next page.Request
		for f := wire.Read(list.Bytes([]byte("here"))); f.Next(); {
			if f.Tag == 2<<3|wire.Bytes {
				next.Token = f.Text()
			}
		}
		_, cursor, err := sealer.Page(nil, []byte("query"), &next)
		if string(cursor) != want || err != nil {
			t.Errorf("there is more: %t, and the list goes on at %q, %v, want %q", more, cursor, err, want)
		}
	}
}
