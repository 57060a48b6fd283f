package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Query is a prepared statement, its values and its current row. It keeps its
// first error and then does nothing more.
type Query struct {
	conn    *Conn
	stmt    statement
	err     error
	used    bool // in use, with values that must be cleared
	expires bool // it selects records that expire
}

// Text binds text, or NULL if v is nil.
func (q *Query) Text(i int, v []byte) {
	if v == nil {
		q.Null(i)
		return
	}
	if q.err == nil {
		q.err = q.stmt.BindRawText(i, v)
	}
}

// name is Text for a name that the compiler chose.
func (q *Query) name(i int, v string) {
	if q.err == nil {
		q.err = q.stmt.BindText(i, v)
	}
}

// Column binds the text of a marked column: NULL for text that holds NUL or is
// not UTF-8, which a text column of other stores cannot hold.
func (q *Query) Column(i int, v []byte) {
	if bytes.IndexByte(v, 0) >= 0 || !utf8.Valid(v) {
		v = nil
	}
	q.Text(i, v)
}

// Bytes binds bytes, or NULL if v is nil.
func (q *Query) Bytes(i int, v []byte) {
	if v == nil {
		q.Null(i)
		return
	}
	q.Blob(i, v)
}

// Float binds a number, or NULL for NaN, which SQLite does not have.
func (q *Query) Float(i int, v float64) {
	if math.IsNaN(v) {
		q.Null(i)
		return
	}
	if q.err == nil {
		q.err = q.stmt.BindFloat(i, v)
	}
}

// OptionalFloat binds a number, or NULL if it is absent or NaN.
func (q *Query) OptionalFloat(i int, v wire.Optional[float64]) {
	if v.Set {
		q.Float(i, v.Value)
	} else {
		q.Null(i)
	}
}

// Blob binds bytes; nil is empty.
//
//go:noinline
func (q *Query) Blob(i int, v []byte) {
	if q.err == nil {
		q.err = q.stmt.BindBlob(i, v)
	}
}

// Int binds an integer. It is not inlined, or it would be repeated in every
// statement of every entity.
//
//go:noinline
func (q *Query) Int(i int, v int64) {
	if q.err == nil {
		q.err = q.stmt.BindInt64(i, v)
	}
}

// OptionalInt binds an integer, or NULL if it is absent.
func (q *Query) OptionalInt(i int, v wire.Optional[int64]) {
	if v.Set {
		q.Int(i, v.Value)
	} else {
		q.Null(i)
	}
}

// Bool binds 0 or 1.
func (q *Query) Bool(i int, v bool) {
	if v {
		q.Int(i, 1)
	} else {
		q.Int(i, 0)
	}
}

// OptionalBool binds 0, 1, or NULL if v is absent.
func (q *Query) OptionalBool(i int, v wire.Optional[bool]) {
	if v.Set {
		q.Bool(i, v.Value)
	} else {
		q.Null(i)
	}
}

// Uint binds an unsigned integer as 8 bytes, big-endian, which sort as it does;
// an INTEGER could not hold it.
func (q *Query) Uint(i int, v uint64) {
	q.Blob(i, binary.BigEndian.AppendUint64(make([]byte, 0, 8), v))
}

// OptionalUint binds an unsigned integer, or NULL if it is absent.
func (q *Query) OptionalUint(i int, v wire.Optional[uint64]) {
	if v.Set {
		q.Uint(i, v.Value)
	} else {
		q.Null(i)
	}
}

// Time binds a time as text, or NULL if it is absent or invalid.
func (q *Query) Time(i int, v wire.Timestamp) {
	if !v.Set || !v.Valid() {
		q.Null(i)
		return
	}
	q.Text(i, appendTime(nil, v))
}

// Now binds the time by which the operation expires records, truncated to
// microseconds.
func (q *Query) Now(i int) {
	q.Time(i, wire.NewTimestamp(q.conn.db.now().Truncate(time.Microsecond)))
}

// TimeOrLowest binds a time or, if it is absent, a value before all times.
func (q *Query) TimeOrLowest(i int, v wire.Timestamp) {
	if !v.Set {
		q.Text(i, wire.Empty)
		return
	}
	q.Time(i, v)
}

// highest sorts after every value of a key or an index: blobs sort after text
// and integers, and none of the values is longer than 1,024 bytes.
var highest = bytes.Repeat([]byte{0xff}, 1025)

// Unbounded binds parameters first to last to what sorts after every value.
func (q *Query) Unbounded(first, last int) {
	for i := first; i <= last; i++ {
		q.Blob(i, highest)
	}
}

// Checksum binds what is stored beside a record of the given version.
func (q *Query) Checksum(i int, record []byte, version int64) {
	q.Int(i, keyvalue.Checksum(record)^version)
}

// Null binds NULL.
func (q *Query) Null(i int) {
	if q.err == nil {
		q.err = q.stmt.BindNull(i)
	}
}

// Exec runs a statement that returns no rows.
func (q *Query) Exec() {
	for q.Next() {
	}
}

// Changed runs a statement that returns no rows, and returns how many rows it
// changed.
func (q *Query) Changed() int {
	q.Exec()
	if q.err != nil {
		return 0
	}
	return int(q.conn.conn.Changes())
}

// Next moves to the next row and reports whether there is one.
func (q *Query) Next() bool {
	if q.err != nil {
		return false
	}
	more := q.stmt.Step()
	q.err = q.stmt.Err()
	return more
}

// ColumnInt returns column i of the row, from 0: 0 if there is no row.
func (q *Query) ColumnInt(i int) int64 {
	if q.err != nil {
		return 0
	}
	return q.stmt.ColumnInt64(i)
}

// row returns the current row of a statement that selects records. Its bytes
// are valid until the next row. It fails with VALUE_CORRUPT if they do not
// match their checksum.
func (q *Query) row() (row runtime.Row, err error) {
	row.Version, row.Record = q.ColumnInt(0), q.stmt.ColumnRawBlob(1)
	if q.expires {
		if row.Expires, err = parseTime(q.stmt.ColumnRawText(3)); err != nil {
			return row, runtime.Corrupt(err)
		}
	}
	_, err = keyvalue.Check(row.Record, row.Version, q.ColumnInt(2))
	return row, err
}

// UniqueViolation reports whether the statement failed because another record
// has the same value in a unique index, and if so clears the error. The
// transaction stays open.
func (q *Query) UniqueViolation() bool {
	if !errors.Is(q.err, sqlite3.CONSTRAINT_UNIQUE) {
		return false
	}
	q.reset()
	q.used = true
	return true
}

func (q *Query) missing(what string) {
	if q.err == nil {
		q.err = errors.New(what)
	}
}

// reset makes the statement ready for the next use and forgets its values.
func (q *Query) reset() {
	q.err, q.used = nil, false
	if q.stmt != nil {
		q.stmt.Reset()
		q.stmt.ClearBindings()
	}
}
