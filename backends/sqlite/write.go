package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Table is the table of an entity. Its statements find a record by its key; in
// the methods below, bind binds the key's values.
type Table struct {
	Name      string
	TTL       time.Duration // time from the last write until a record expires; 0: never
	VersionOf *Statement    // selects the version
	Remove    *Statement    // deletes the record
}

// Put stores a record, replacing any with its key. write stores it with w's
// version and expiry, in the transaction of c.
func (db *DB) Put(ctx context.Context, t *Table, write func(c *Conn, w keyvalue.Written) error) (w keyvalue.Written, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return w, err
	}
	defer c.End(&err)
	w = c.next(t, 1)
	return w, write(c, w)
}

// CompareAndSwap is Put if the record has the expected version, or if it is
// absent and expected is 0. Otherwise it fails with NOT_FOUND, EXISTS or
// VERSION_MISMATCH.
func (db *DB) CompareAndSwap(ctx context.Context, t *Table, bind func(*Query), expected int64, write func(c *Conn, w keyvalue.Written) error) (w keyvalue.Written, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return w, err
	}
	defer c.End(&err)
	switch version, exists := c.version(t, bind); {
	case exists && expected == 0:
		return w, runtime.AlreadyExists(version)
	case exists && expected != version:
		return w, runtime.Mismatch(version)
	case !exists && expected != 0:
		return w, runtime.Absent()
	}
	w = c.next(t, 1)
	return w, write(c, w)
}

// Delete removes a record if ifVersion is 0 or equals its version, and reports
// whether the record existed. It fails with VERSION_MISMATCH if the record has
// another version.
func (db *DB) Delete(ctx context.Context, t *Table, bind func(*Query), ifVersion int64) (existed bool, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer c.End(&err)
	if ifVersion != 0 {
		version, exists := c.version(t, bind)
		if exists && version != ifVersion {
			return false, runtime.Mismatch(version)
		}
	}
	q := c.Query(t.Remove)
	bind(q)
	return q.Changed() > 0, nil
}

// BatchPut is Put for n records: all are stored or none. Records may exchange
// unique values, in any order. bind binds the key of a record. The error names the
// record at fault as an item of the request's field called name.
func (db *DB) BatchPut(ctx context.Context, t *Table, name string, n int, bind func(i int, q *Query), write func(i int, c *Conn, w keyvalue.Written) error) ([]keyvalue.Written, error) {
	written, err := db.batchPut(ctx, t, name, n, nil, write)
	if taken(err) && n > 1 {
		// The value may belong to a later record of the batch, which gives it up.
		written, err = db.batchPut(ctx, t, name, n, bind, write)
	}
	return written, err
}

// taken reports whether a unique index refused a write.
func taken(err error) bool {
	var e *runtime.Error
	return errors.As(err, &e) && e.Reason == runtime.Unique
}

// batchPut is BatchPut in one transaction, which removes the records first if bind
// is not nil.
func (db *DB) batchPut(ctx context.Context, t *Table, name string, n int, bind func(i int, q *Query), write func(i int, c *Conn, w keyvalue.Written) error) (_ []keyvalue.Written, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	if bind != nil {
		for i := range n {
			q := c.Query(t.Remove)
			bind(i, q)
			q.Exec()
		}
	}
	w := c.next(t, n)
	written := make([]keyvalue.Written, n)
	for i := range written {
		if err := write(i, c, w); err != nil {
			return nil, runtime.InItem(name, i, err)
		}
		written[i] = w
		w.Version++
	}
	return written, nil
}

// BatchDelete removes n records or none, and reports which existed.
func (db *DB) BatchDelete(ctx context.Context, t *Table, n int, bind func(i int, q *Query)) (_ []bool, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	existed := make([]bool, n)
	for i := range existed {
		q := c.Query(t.Remove)
		bind(i, q)
		existed[i] = q.Changed() > 0
	}
	return existed, nil
}

// Sweep runs a statement that deletes what has expired by its one parameter,
// the present time, and returns how many records it deleted.
func (db *DB) Sweep(ctx context.Context, s *Statement) (swept int, err error) {
	c, err := db.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer c.End(&err)
	q := c.Query(s)
	q.Now(1)
	return q.Changed(), nil
}

// next issues versions for n records to be written, and returns the first with
// the time at which the records expire.
func (c *Conn) next(t *Table, n int) keyvalue.Written {
	w := keyvalue.Written{Version: c.Versions(t.Name, n)}
	if t.TTL > 0 {
		w.Expires = wire.NewTimestamp(c.db.now().Add(t.TTL).Truncate(time.Microsecond))
	}
	return w
}

// version returns the version of a record, if it is there.
func (c *Conn) version(t *Table, bind func(*Query)) (version int64, exists bool) {
	q := c.Query(t.VersionOf)
	bind(q)
	exists = q.Next()
	return q.ColumnInt(0), exists
}
