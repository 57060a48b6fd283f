package sqlite

import (
	"context"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
)

// Record runs a statement that selects at most one record, with the values that
// bind binds, and returns it as a reply. It fails with NOT_FOUND if there is none.
func (db *DB) Record(ctx context.Context, s *Statement, bind func(*Query)) (_ []byte, err error) {
	c, err := db.Reader(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	q := c.Query(s)
	bind(q)
	if !q.Next() {
		return nil, runtime.Absent()
	}
	w, record, err := q.record()
	if err != nil {
		return nil, err
	}
	return keyvalue.Record(ctx, w, record), nil
}

// Records is Record for n items, with the values of each. It adds them to
// results, in their order, until one does not fit.
func (db *DB) Records(ctx context.Context, results *keyvalue.Results, s *Statement, n int, bind func(i int, q *Query)) (err error) {
	c, err := db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	for i := range n {
		q := c.Query(s)
		bind(i, q)
		if !q.Next() {
			results.AddAbsent()
			continue
		}
		w, record, err := q.record()
		if err != nil {
			return runtime.InItem("keys", i, err)
		}
		if !results.Add(w, record) {
			break
		}
	}
	return nil
}

// Page runs the statement of a list for the direction of page and adds the
// records to it until it is full. The first parameter is how many to select;
// bind binds the others.
func (db *DB) Page(ctx context.Context, page *keyvalue.Page, forward, reverse *Statement, bind func(*Query)) (err error) {
	c, err := db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	s := forward
	if page.Reverse() {
		s = reverse
	}
	q := c.Query(s)
	q.Int(1, page.Limit())
	bind(q)
	for q.Next() {
		w, record, err := q.record()
		if err != nil || !page.Add(w, record) {
			return err
		}
	}
	return nil
}
