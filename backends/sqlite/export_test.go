package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
)

// Connection is a connection as a store has it.
type Connection struct {
	*sqlite3.Conn
	disk *disk
}

// Connect opens the first connection to a store.
func Connect(env *runtime.Env, namespace string) (Connection, error) {
	d, err := openDisk(env.DataDir, namespace, env.Log)
	if err != nil {
		return Connection{}, err
	}
	c, err := openFirst(d, "FULL")
	return Connection{c, d}, err
}

// Close closes the connection and the store.
func (c Connection) Close() error { return errors.Join(c.Conn.Close(), c.disk.close()) }

// RunFill passes through a table once.
func RunFill(ctx context.Context, c *sqlite3.Conn, f *Fill) error {
	return f.run(ctx, c, time.Now(), false, func(int64) {})
}

// Query1 runs a statement of a test, with values bound and rows read as generated
// code does.
func Query1(c *sqlite3.Conn, sql string, values, row func(*Query)) error {
	conn := &Conn{conn: driver{c}, queries: map[*Statement]*Query{}, ctx: context.Background()}
	q := conn.Query(NewStatement(sql))
	if q.err != nil {
		return q.err
	}
	defer q.stmt.Close()
	if values != nil {
		values(q)
	}
	for q.Next() {
		if row != nil {
			row(q)
		}
	}
	return q.err
}
