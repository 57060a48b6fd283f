package keyvalue_test

import (
	"bytes"
	"errors"
	"math"
	goruntime "runtime"
	"testing"

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

// A message that occurs twice in a request is merged, without overwriting the
// request.
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
	// Each part must be a message by itself: the second cannot complete the first.
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

// A message in very many parts must not be copied once for each part.
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

// A batch that is refused for its size must not cost memory for its items.
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
