package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
	"github.com/prism-proxy/prism/runtime/page"
)

// Backend is the run-time half of sqlite.
var Backend = runtime.Backend[*DB, Config]{
	Name: "sqlite", Embedded: true, Resolve: Resolve, Open: Open, Migrate: Migrate, Status: Status, Verify: Verify, BumpVersions: BumpVersions,
}

// Config is what the compiler decided about one namespace's store.
type Config struct {
	Synchronous string // FULL: POWER_SAFE; NORMAL: CRASH_SAFE
	Readers     int    // connections for reading, at least 1
	ReadersFrom runtime.Number
	// Fills are those of the tables whose columns a migration fills.
	Fills []*Fill
}

// Resolve returns cfg with its reference resolved.
func Resolve(env *runtime.Env, n runtime.Namespace, cfg Config) (_ Config, err error) {
	cfg.Readers, err = cfg.ReadersFrom.Resolve(env, "readers of namespace "+n.Name, cfg.Readers)
	return cfg, err
}

// DB is an open store. It is safe for concurrent use.
type DB struct {
	// Tokens seals the page tokens of the namespace.
	Tokens *page.Tokens

	now     func() time.Time
	files   files
	writer  chan *Conn // holds the writing connection when it is free
	readers chan *Conn
	all     []*Conn // every connection there is
	ready   bool    // every connection is in writer or readers, or lent
	close   sync.Once
	err     error // of Close
}

// Open opens <data-dir>/<namespace>.db, applies the missing migrations but
// contracts, and verifies the durability settings. It creates the file and the data directory
// if they do not exist.
func Open(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (*DB, error) {
	d, err := openDisk(env.DataDir, n.Name, env.Log)
	if err != nil {
		return nil, err
	}
	db := &DB{now: env.Now, files: d, writer: make(chan *Conn, 1), readers: make(chan *Conn, cfg.Readers)}
	if err := connect(ctx, db, d, env, n, cfg); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connect makes the connections of db. It is not a method: see driver.go.
func connect(ctx context.Context, db *DB, d *disk, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	c, err := openFirst(d, cfg.Synchronous)
	if err != nil {
		return err
	}
	writer := db.add(driver{c})
	run := migration.Run{
		Through: migration.Index,
		Done: func(f migration.File) { // with the path, since a proxy started elsewhere begins an empty store
			env.Log.Info("migration applied", "namespace", n.Name, "migration", f.Name, "file", d.path)
		},
		Progress: func(line string) { env.Log.Info("migrating", "namespace", n.Name, "progress", line) },
	}
	if _, err := migrate(ctx, c, env, n, cfg, run); err != nil {
		return err
	}
	if err := verifyDurability(c, cfg.Synchronous); err != nil {
		return err
	}
	if err := leapVersions(c, cfg.Synchronous); err != nil {
		return err
	}
	key, err := text(c, `SELECT "value" FROM "prism_meta" WHERE "name" = 'page_key_1'`)
	if err != nil {
		return err
	}
	if db.Tokens, err = page.NewTokens(key, env.Now); err != nil {
		return err
	}
	boundLog(c)
	db.writer <- writer
	for range cfg.Readers {
		c, err := open(d, cfg.Synchronous)
		if err != nil {
			return err
		}
		db.readers <- db.add(driver{c})
	}
	for _, suffix := range []string{"-wal", "-shm"} { // which the driver creates readable by everybody
		if err := os.Chmod(d.path+suffix, 0o600); err != nil {
			return err
		}
	}
	db.ready = true
	return d.ended()
}

// add returns c as a connection of db.
func (db *DB) add(c connection) *Conn {
	conn := &Conn{conn: c, db: db, queries: map[*Statement]*Query{}}
	db.all = append(db.all, conn)
	return conn
}

// busyTimeout is how long a statement waits while another program has locked
// the file.
const busyTimeout = 2 * time.Second

// openFirst opens the first connection and repairs what a crash or another
// program may have left.
func openFirst(d *disk, synchronous string) (*sqlite3.Conn, error) {
	c, err := open(d, synchronous)
	if errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.CORRUPT) {
		return nil, fmt.Errorf("%s: %w; restore it, or name another --data-dir", d.path, err)
	}
	if err != nil {
		return nil, err
	}
	if err := emptyLog(c); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: the write-ahead log cannot be copied into the database: %w; check the disk", d.path, err), c.Close())
	}
	// With statistics from a time when a table was small, SQLite scans it even
	// where there is an index to search. Without statistics plans follow from the
	// schema alone, which has to be read again for that.
	if err := c.Exec("DROP TABLE IF EXISTS sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4; PRAGMA writable_schema = RESET"); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// open opens a connection.
func open(d *disk, synchronous string) (*sqlite3.Conn, error) {
	c, err := d.connect()
	if err != nil {
		return nil, err
	}
	err = c.BusyTimeout(busyTimeout)
	if err == nil {
		err = c.Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = " + synchronous + "; PRAGMA trusted_schema = OFF")
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// The write-ahead log is copied into the file once it has checkpointPages, as
// SQLite does by itself. From restartPages on, it is also restarted.
const (
	checkpointPages = 1000
	restartPages    = 4000 // 16 MB

	// A commit that restarts the log waits for readers several times: SQLite waits
	// for the position in the log that a reader held when the wait began, even if
	// up-to-date readers have taken it since.
	restartTimeout  = 25 * time.Millisecond
	restartAttempts = 10
)

// boundLog keeps the log of c's writes from growing without end. SQLite
// restarts it only at a commit when no reader lags behind, which never happens
// with many readers: the commit has to wait for them. A reader that stays
// belongs to another program; it is waited for again when the log is twice as
// long.
//
// What cannot be copied is left to the next commit, since this one has
// succeeded.
func boundLog(c *sqlite3.Conn) {
	restartAt := restartPages
	c.WALHook(func(c *sqlite3.Conn, schema string, pages int) error {
		switch {
		case pages < checkpointPages:
		case pages < restartAt:
			_, _, _ = c.WALCheckpoint(schema, sqlite3.CHECKPOINT_PASSIVE)
		default:
			_ = c.BusyTimeout(restartTimeout)
			restartAt = 2 * pages
			for range restartAttempts {
				if _, _, err := c.WALCheckpoint(schema, sqlite3.CHECKPOINT_RESTART); !errors.Is(err, sqlite3.BUSY) {
					restartAt = restartPages
					break
				}
			}
			_ = c.BusyTimeout(busyTimeout)
		}
		return nil
	})
}

// emptyLog copies the log that a crash or a failed disk left into the database,
// and lets the log restart. If its last commit could not be synced, the kernel
// has the pages but the disk does not, and no later sync writes them: a commit
// after them would be lost with them in a power cut.
//
// A program that reads the file keeps the log from restarting. That is not a
// reason to refuse to serve.
func emptyLog(c *sqlite3.Conn) error {
	_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_RESTART)
	if errors.Is(err, sqlite3.BUSY) {
		return nil
	}
	return err
}

// verifyDurability compares the live settings with the declared ones.
func verifyDurability(c *sqlite3.Conn, synchronous string) error {
	level := map[string]string{"FULL": "2", "NORMAL": "1"}[synchronous]
	for _, want := range [][2]string{{"journal_mode", "wal"}, {"synchronous", level}} {
		got, err := text(c, "PRAGMA "+want[0])
		if err != nil {
			return err
		}
		if strings.ToLower(got) != want[1] {
			return fmt.Errorf("the store has %s = %s, weaker than what the schema declares (%s); put the data directory on a local file system", want[0], got, want[1])
		}
	}
	return nil
}

// text returns the first column of the first row of query as text.
func text(c *sqlite3.Conn, query string) (string, error) {
	stmt, _, err := c.Prepare(query)
	if err != nil {
		return "", err
	}
	defer stmt.Close()
	if !stmt.Step() {
		return "", errors.Join(fmt.Errorf("no row: %s", query), stmt.Err())
	}
	return stmt.ColumnText(0), nil
}

// Close waits for calls in progress and closes the file. It is idempotent and
// returns the first error.
func (db *DB) Close() error {
	db.close.Do(func() {
		if db.ready {
			<-db.writer
			for range cap(db.readers) {
				<-db.readers
			}
		}
		for _, c := range db.all {
			db.err = errors.Join(db.err, c.close())
		}
		db.err = errors.Join(db.err, db.files.close())
	})
	return db.err
}
