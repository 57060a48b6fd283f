package postgres

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/prism-proxy/prism/runtime/wire"
)

// The values of parameters. Text is bound as a []byte, which is NULL if it is
// nil but not if it is empty; numbers and bools are bound as they are.

// OptionalInt returns what binds v, or NULL if it is absent.
func OptionalInt(v wire.Optional[int64]) any { return optional(v) }

// OptionalUint returns what binds v, or NULL if it is absent.
func OptionalUint(v wire.Optional[uint64]) any { return optional(v) }

// OptionalBool returns what binds v, or NULL if it is absent.
func OptionalBool(v wire.Optional[bool]) any { return optional(v) }

func optional[T any](v wire.Optional[T]) any {
	if !v.Set {
		return nil
	}
	return v.Value
}

// Record returns what binds encoded bytes: never NULL. It aliases v.
func Record(v []byte) []byte {
	if v == nil {
		return wire.Empty
	}
	return v
}

// Column returns what binds the text of a marked column: NULL for text that
// holds NUL or is not UTF-8, which no column of Postgres can hold. It aliases v.
func Column(v []byte) []byte {
	if bytes.IndexByte(v, 0) >= 0 || !utf8.Valid(v) {
		return nil
	}
	return v
}

// Float returns what binds v, or NULL for NaN: not every store can hold it, and
// columns are the same on all.
func Float(v float64) any { return pgtype.Float8{Float64: v, Valid: !math.IsNaN(v)} }

// OptionalFloat is Float, or NULL if v is absent.
func OptionalFloat(v wire.Optional[float64]) any {
	if !v.Set {
		return pgtype.Float8{}
	}
	return Float(v.Value)
}

// A time is two columns: its microseconds, and the nanoseconds below them.
const nanosPerMicro = 1000

// Time returns what binds the microseconds of t, rounded down, or NULL if it is
// absent or invalid.
func Time(t wire.Timestamp) any {
	if !t.Set || !t.Valid() {
		return pgtype.Timestamptz{}
	}
	return pgtype.Timestamptz{Time: t.Time(), Valid: true} // the driver rounds down
}

// Nanos returns what binds the nanoseconds that Time leaves out, or NULL if
// Time returns NULL.
func Nanos(t wire.Timestamp) any {
	if !t.Set || !t.Valid() {
		return pgtype.Int2{}
	}
	return pgtype.Int2{Int16: int16(t.Nanos % nanosPerMicro), Valid: true}
}

// TimeOrLowest is Time for the end of a range: if t is absent, it binds a value
// before all times.
func TimeOrLowest(t wire.Timestamp) any {
	if !t.Set {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return Time(t)
}

// NanosOrLowest is Nanos to go with TimeOrLowest.
func NanosOrLowest(t wire.Timestamp) any {
	if !t.Set {
		return pgtype.Int2{Valid: true}
	}
	return Nanos(t)
}
