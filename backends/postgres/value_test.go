package postgres_test

import (
	"math"
	"testing"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime/wire"
)

// A person reads in the column the value that was bound.
func TestValues(t *testing.T) {
	pool, err := config().connect(t.Context(), environment(postgrestest.Start(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	text := func(s string) *string { return &s }
	first := wire.Timestamp{Seconds: -62135596800, Set: true}
	last := wire.Timestamp{Seconds: 253402300799, Nanos: 999999999, Set: true}
	before := wire.Timestamp{Seconds: -1, Nanos: 999999999, Set: true}
	none := wire.Timestamp{Nanos: -1, Set: true}
	for _, c := range []struct {
		name  string
		typ   string
		value any
		want  *string
	}{
		{"the largest uint64", "numeric(20,0)", uint64(math.MaxUint64), text("18446744073709551615")},
		{"an optional uint64", "numeric(20,0)", postgres.OptionalUint(wire.Some(uint64(1) << 63)), text("9223372036854775808")},
		{"an absent uint64", "numeric(20,0)", postgres.OptionalUint(wire.Optional[uint64]{}), nil},
		{"an absent bool", "boolean", postgres.OptionalBool(wire.Optional[bool]{}), nil},
		{"an optional bool", "boolean", postgres.OptionalBool(wire.Some(false)), text("false")},
		{"the first time", "timestamptz", postgres.Time(first), text("0001-01-01 00:00:00+00")},
		{"the last time", "timestamptz", postgres.Time(last), text("9999-12-31 23:59:59.999999+00")},
		{"a time before 1970", "timestamptz", postgres.Time(before), text("1969-12-31 23:59:59.999999+00")},
		{"its nanoseconds", "smallint", postgres.Nanos(before), text("999")},
		{"no time", "timestamptz", postgres.Time(none), nil},
		{"its nanoseconds", "smallint", postgres.Nanos(none), nil},
		{"an absent time", "timestamptz", postgres.Time(wire.Timestamp{}), nil},
		{"its nanoseconds", "smallint", postgres.Nanos(wire.Timestamp{}), nil},
		{"the lowest end", "timestamptz", postgres.TimeOrLowest(wire.Timestamp{}), text("-infinity")},
		{"its nanoseconds", "smallint", postgres.NanosOrLowest(wire.Timestamp{}), text("0")},
		{"an end", "smallint", postgres.NanosOrLowest(last), text("999")},
		{"text", "text", []byte("zoë"), text("zoë")},
		{"empty text", "text", wire.Empty, text("")},
		{"absent text", "text", []byte(nil), nil},
		{"a column", "text", postgres.Column([]byte("a")), text("a")},
		{"a column with NUL", "text", postgres.Column([]byte("a\x00")), nil},
		{"a column that is not UTF-8", "text", postgres.Column([]byte("\xff")), nil},
		{"an empty column", "text", postgres.Column(wire.Empty), text("")},
		{"an empty record", "bytea", postgres.Record(nil), text("\\x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got *string
			if err := pool.QueryRow(t.Context(), "SELECT $1::"+c.typ+"::text", c.value).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %s, want %s", shown(got), shown(c.want))
			}
		})
	}
}

func shown(s *string) string {
	if s == nil {
		return "NULL"
	}
	return *s
}
