package tuple_test

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/tuple"
	"github.com/prism-proxy/prism/runtime/wire"
)

// value is one value of a tuple: a []byte, int64, uint64, bool or
// wire.Timestamp.
type value any

// values are the extremes of each type, and values next to each other.
var values = [][]value{
	{
		[]byte(""), []byte("\x00"), []byte("\x00\x00"), []byte("\x00\x01"), []byte("\x00\xff"), []byte("\x01"), []byte("a"), []byte("a\x00"),
		[]byte("a\x00\x01b"), []byte("a\x00\xffb"), []byte("a\x01"), []byte("ab"), []byte("a\xff"), []byte("b"), []byte("\xff"), []byte("\xff\xff"),
	},
	{int64(math.MinInt64), int64(math.MinInt64 + 1), int64(-256), int64(-1), int64(0), int64(1), int64(255), int64(256), int64(math.MaxInt64)},
	{uint64(0), uint64(1), uint64(255), uint64(256), uint64(math.MaxInt64), uint64(math.MaxInt64 + 1), uint64(math.MaxUint64)},
	{false, true},
	{
		wire.Timestamp{}, wire.Timestamp{Seconds: -62135596800, Set: true}, wire.Timestamp{Seconds: -1, Nanos: 999999999, Set: true},
		wire.Timestamp{Set: true}, wire.Timestamp{Nanos: 1, Set: true},
		wire.Timestamp{Nanos: 999, Set: true}, wire.Timestamp{Nanos: 1000, Set: true}, wire.Timestamp{Seconds: 1, Set: true},
		wire.Timestamp{Seconds: 253402300799, Nanos: 999999999, Set: true},
	},
}

func encode(k tuple.Key, tuple []value) tuple.Key {
	for _, v := range tuple {
		switch v := v.(type) {
		case []byte:
			k = k.Text(v)
		case int64:
			k = k.Int(v)
		case uint64:
			k = k.Uint(v)
		case bool:
			k = k.Bool(v)
		case wire.Timestamp:
			k = k.Time(v)
		}
	}
	return k
}

func compare(a, b value) int {
	switch a := a.(type) {
	case []byte:
		return bytes.Compare(a, b.([]byte))
	case int64:
		return cmp.Compare(a, b.(int64))
	case uint64:
		return cmp.Compare(a, b.(uint64))
	case bool:
		return page.CompareBool(a, b.(bool))
	}
	return a.(wire.Timestamp).Compare(b.(wire.Timestamp))
}

func compareTuples(a, b []value) int {
	for i := range a {
		if c := compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

func TestKeyOrderOfValues(t *testing.T) {
	for _, ofType := range values {
		for _, a := range ofType {
			for _, b := range ofType {
				checkOrder(t, []value{a}, []value{b})
			}
		}
	}
}

func TestKeyOrderOfTuples(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var a, b []value
		for range 1 + r.IntN(4) {
			ofType := values[r.IntN(len(values))]
			v := ofType[r.IntN(len(ofType))]
			a = append(a, v)
			if r.IntN(2) == 0 { // otherwise they differ later
				v = ofType[r.IntN(len(ofType))]
			}
			b = append(b, v)
		}
		checkOrder(t, a, b)
	}
}

func checkOrder(t *testing.T, a, b []value) {
	t.Helper()
	const table tuple.Key = "orders\x00"
	got := strings.Compare(string(encode(table, a)), string(encode(table, b)))
	if want := compareTuples(a, b); got != want {
		t.Errorf("the keys of %v and %v compare as %d, want %d", a, b, got, want)
	}
}

func TestKeyEnd(t *testing.T) {
	tests := []struct{ key, want tuple.Key }{
		{"orders\x00", "orders\x01"},
		{"k\x00\xff", "k\x01"},
		{"k\x00\xff\xff", "k\x01"},
		{"k\xff\x00", "k\xff\x01"},
		{"k\x7f", "k\x80"},
		{"k\x80", "k\x81"}, // not UTF-8, but no special case
		{"k\x03\xe7", "k\x03\xe8"},
		{"k\xfe", "k\xff"},
	}
	for _, tt := range tests {
		if got := tt.key.End(); got != tt.want {
			t.Errorf("%q.End() = %q, want %q", tt.key, got, tt.want)
		}
	}
}

// A list of all tuples that begin with one value contains none that begins with
// another.
func TestKeyEndPartsValues(t *testing.T) {
	const table tuple.Key = "orders\x00"
	for _, ofType := range values {
		for _, a := range ofType {
			within := encode(table, []value{a})
			for _, b := range ofType {
				inside := encode(table, []value{b}).Uint(math.MaxUint64)
				got := inside >= within && inside < within.End()
				if want := compare(a, b) == 0; got != want {
					t.Errorf("%q is in the list of %q = %t, want %t", inside, within, got, want)
				}
			}
		}
	}
}

func TestKeyIsNotChanged(t *testing.T) {
	k := tuple.Key("orders\x00").Text([]byte("a"))
	first := k.Int(1)
	second := k.Int(2)
	if want := tuple.Key("orders\x00").Text([]byte("a")).Int(1); first != want {
		t.Errorf("the key with 1 is %q after one with 2 was made, want %q; the other is %q", first, want, second)
	}
}
