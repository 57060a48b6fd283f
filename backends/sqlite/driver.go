package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// A package compiles against everything that the types it uses consist of, and
// there is a package for each entity. These interfaces keep the driver's many
// types out of DB, Conn and Query.

// files is a *disk.
type files interface {
	close() error
	ended() error
}

// connection is a driver.
type connection interface {
	Changes() int64
	Close() error
	GetAutocommit() bool
	Prepare(sql string) (statement, error)
	SetInterrupt(ctx context.Context) (old context.Context)
}

// statement is a *sqlite3.Stmt.
type statement interface {
	BindBlob(i int, v []byte) error
	BindFloat(i int, v float64) error
	BindInt64(i int, v int64) error
	BindNull(i int) error
	BindRawText(i int, v []byte) error
	BindText(i int, v string) error
	ClearBindings() error
	Close() error
	ColumnCount() int
	ColumnInt64(i int) int64
	ColumnRawBlob(i int) []byte
	ColumnRawText(i int) []byte
	Err() error
	Reset() error
	Step() bool
}

type driver struct{ *sqlite3.Conn }

// Prepare prepares a statement that is kept.
func (d driver) Prepare(sql string) (statement, error) {
	s, _, err := d.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	return s, nil
}
