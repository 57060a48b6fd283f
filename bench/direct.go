package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/ncruces/go-sqlite3"
)

// The table that a service without Prism would have, with the same index and
// record. Its version is a counter in the record, whereas Prism never issues a
// version twice, even after a delete.
const (
	sqliteTable = `CREATE TABLE profiles (
  user_id TEXT PRIMARY KEY, email TEXT UNIQUE, created_at TEXT, record BLOB NOT NULL, version INTEGER NOT NULL) STRICT`
	sqlitePut = `INSERT INTO profiles VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (user_id) DO UPDATE SET
  email = excluded.email, created_at = excluded.created_at, record = excluded.record, version = version + 1 RETURNING version`
	sqliteGet = `SELECT version, record FROM profiles WHERE user_id = ?1`

	postgresTable = `CREATE TABLE profiles (
  user_id text COLLATE "C" PRIMARY KEY, email text COLLATE "C" UNIQUE, created_at timestamptz, record bytea NOT NULL, version bigint NOT NULL)`
	postgresPut = `INSERT INTO profiles VALUES ($1, $2, $3, $4, 1) ON CONFLICT (user_id) DO UPDATE SET
  email = excluded.email, created_at = excluded.created_at, record = excluded.record, version = profiles.version + 1 RETURNING version`
	postgresGet = `SELECT version, record FROM profiles WHERE user_id = $1`
)

// onPostgres loads all records into a database and returns the operations on it
// through pgx, with a pool of the given size.
func (r *requests) onPostgres(ctx context.Context, url string, connections int) (operations, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return operations{}, err
	}
	c.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return operations{}, err
	}
	context.AfterFunc(ctx, pool.Close)
	if _, err := pool.Exec(ctx, postgresTable); err != nil {
		return operations{}, err
	}
	put := func(ctx context.Context, _, i int) error {
		var version int64
		p := r.profiles[i]
		return pool.QueryRow(ctx, postgresPut, p.UserId, p.Email, p.CreatedAt.AsTime(), []byte(r.records[i])).Scan(&version)
	}
	get := func(ctx context.Context, _, i int) error {
		var version int64
		var record []byte
		return pool.QueryRow(ctx, postgresGet, r.profiles[i].UserId).Scan(&version, &record)
	}
	return newOperations(len(r.records), get, put), r.load(ctx, put)
}

// connection is an SQLite connection with the only statement that runs on it.
type connection struct {
	conn *sqlite3.Conn
	stmt *sqlite3.Stmt
}

func connect(path, statement string) (*connection, error) {
	conn, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	if err := conn.Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	stmt, _, err := conn.Prepare(statement)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &connection{conn, stmt}, nil
}

// onSQLite loads all records into a database file and returns the operations on
// it through go-sqlite3, with one writing connection and the given number of
// readers.
func (r *requests) onSQLite(ctx context.Context, path string, readers int) (operations, error) {
	setup, err := sqlite3.Open(path)
	if err != nil {
		return operations{}, err
	}
	if err := errors.Join(setup.Exec(sqliteTable), setup.Close()); err != nil {
		return operations{}, err
	}
	writer, err := connect(path, sqlitePut)
	if err != nil {
		return operations{}, err
	}
	free := make(chan *connection, readers)
	for range readers {
		reader, err := connect(path, sqliteGet)
		if err != nil {
			return operations{}, err
		}
		free <- reader
	}
	writing := make(chan *connection, 1)
	writing <- writer

	put := func(_ context.Context, _, i int) error {
		c := <-writing
		defer func() { writing <- c }()
		p := r.profiles[i]
		err := errors.Join(c.stmt.BindText(1, p.UserId), c.stmt.BindText(2, *p.Email),
			c.stmt.BindText(3, p.CreatedAt.AsTime().Format(time.RFC3339Nano)), c.stmt.BindBlob(4, r.records[i]))
		return errors.Join(err, answer(c.stmt))
	}
	get := func(_ context.Context, _, i int) error {
		c := <-free
		defer func() { free <- c }()
		return errors.Join(c.stmt.BindText(1, r.profiles[i].UserId), answer(c.stmt))
	}
	return newOperations(len(r.records), get, put), r.load(ctx, put)
}

// answer runs a statement that returns one row, and copies its last column.
func answer(stmt *sqlite3.Stmt) error {
	if !stmt.Step() {
		return errors.Join(errors.New("no row"), stmt.Err(), stmt.Reset())
	}
	stmt.ColumnBlob(stmt.ColumnCount()-1, nil)
	stmt.Step()
	return stmt.Reset()
}
