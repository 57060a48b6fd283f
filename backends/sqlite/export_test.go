package sqlite

import (
	"errors"

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
