package sqlite

import (
	"context"

	"github.com/prism-proxy/prism/runtime"
)

// Conn is a connection lent to one operation, from Reader or Begin to End. Only
// one goroutine may use it.
type Conn struct {
	conn    connection
	db      *DB
	queries map[*Statement]*Query // prepared when first used
	used    []*Query              // since the connection was lent
	ctx     context.Context
	writing bool
}

var (
	begin    = NewStatement("BEGIN IMMEDIATE")
	commit   = NewStatement("COMMIT")
	rollback = NewStatement("ROLLBACK")
)

// Reader lends a connection for reading. It waits for one until ctx ends.
func (db *DB) Reader(ctx context.Context) (*Conn, error) { return lend(ctx, db.readers) }

// Begin lends the writing connection and begins a transaction on it. It waits
// for earlier transactions until ctx ends. Once a sync has failed, it fails
// until the store is opened again.
func (db *DB) Begin(ctx context.Context) (*Conn, error) {
	c, err := lend(ctx, db.writer)
	if err != nil {
		return nil, err
	}
	if db.files.ended() != nil {
		db.writer <- c
		return nil, errEnded
	}
	c.writing = true
	if c.Query(begin).Exec(); c.err() != nil {
		err := c.err()
		c.End(&err)
		return nil, err
	}
	return c, nil
}

func lend(ctx context.Context, from chan *Conn) (*Conn, error) {
	select {
	case c := <-from:
		c.ctx = ctx
		c.conn.SetInterrupt(ctx)
		return c, nil
	case <-ctx.Done():
		return nil, runtime.ContextError(ctx)
	}
}

// End gives the connection back; it must be deferred. A transaction is
// committed if *err and all queries' errors are nil and nothing panics;
// otherwise it is rolled back. If a query failed, *err becomes the first such
// error, translated for the client, whatever the caller made of the failed
// query.
func (c *Conn) End(err *error) {
	panicked := recover()
	if failed := c.err(); failed != nil {
		*err = failed
	}
	c.reset()
	if c.writing {
		*err = c.finish(*err, panicked == nil)
	}
	*err = Error(c.ctx, *err)
	c.conn.SetInterrupt(context.Background())
	c.ctx = nil
	if c.writing {
		c.writing = false
		c.db.writer <- c
	} else {
		c.db.readers <- c
	}
	if panicked != nil {
		panic(panicked)
	}
}

// finish commits the transaction if it is good and err is nil, and rolls it
// back otherwise.
func (c *Conn) finish(err error, good bool) error {
	if err == nil && good {
		q := c.Query(commit)
		q.Exec()
		err = q.err
		c.reset()
	}
	c.conn.SetInterrupt(context.Background())
	if !c.conn.GetAutocommit() {
		c.Query(rollback).Exec()
		c.reset()
	}
	return err
}

// reset makes the used queries ready for the next operation.
func (c *Conn) reset() {
	for _, q := range c.used {
		q.reset()
	}
	c.used = c.used[:0]
}

// err returns the first error of the queries used.
func (c *Conn) err() error {
	for _, q := range c.used {
		if q.err != nil {
			return q.err
		}
	}
	return nil
}

var issue = NewStatement(`UPDATE "prism_versions" SET "last" = "last" + ?2 WHERE "table" = ?1 RETURNING "last"`)

// Versions issues n versions for records of table, and returns the first. It
// must be called at most once in a transaction.
func (c *Conn) Versions(table string, n int) (first int64) {
	q := c.Query(issue)
	q.name(1, table)
	q.Int(2, int64(n))
	if !q.Next() {
		q.missing("prism_versions has no row for " + table)
	}
	return q.ColumnInt(0) - int64(n) + 1
}

// Query returns the prepared statement without values. End reports its errors.
// Once a query has failed, no other runs.
func (c *Conn) Query(s *Statement) *Query {
	if err := c.err(); err != nil {
		return &Query{conn: c, err: err}
	}
	q := c.queries[s]
	if q == nil {
		q = &Query{conn: c}
		q.stmt, q.err = c.conn.Prepare(s.sql)
		if q.err == nil {
			q.expires = q.stmt.ColumnCount() == 4
			c.queries[s] = q
		}
	} else if q.used {
		q.reset()
	}
	if !q.used {
		q.used = true
		c.used = append(c.used, q)
	}
	return q
}

func (c *Conn) close() error {
	for _, q := range c.queries {
		if err := q.stmt.Close(); err != nil {
			return err
		}
	}
	return c.conn.Close()
}
