package sqlite

import (
	"context"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/page"
)

// Record runs a statement that selects at most one record, with values bound by
// bind, and adds that record. It fails with NOT_FOUND if there is none.
func (db *DB) Record(ctx context.Context, add runtime.Rows, s *Statement, bind func(*Query)) (err error) {
	c, err := db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	q := c.Query(s)
	bind(q)
	if !q.Next() {
		return runtime.Absent()
	}
	row, err := q.row()
	if err == nil {
		add(row)
	}
	return err
}

// Records is Record for n items. It adds a row for each, in order, until add
// takes no more.
func (db *DB) Records(ctx context.Context, add runtime.Rows, s *Statement, n int, bind func(i int, q *Query)) (err error) {
	c, err := db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	for i := range n {
		q := c.Query(s)
		bind(i, q)
		var row runtime.Row
		if q.Next() {
			if row, err = q.row(); err != nil {
				return runtime.InItem("keys", i, err)
			}
		}
		if !add(row) {
			break
		}
	}
	return nil
}

// Page runs the statement of a list for the direction of page and adds the
// records to it until it is full. The first parameter is how many to select;
// bind binds the others.
func (db *DB) Page(ctx context.Context, page *page.Page, forward, reverse *Statement, bind func(*Query)) (err error) {
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
		row, err := q.row()
		if err != nil || !page.Add(row) {
			return err
		}
	}
	return nil
}
