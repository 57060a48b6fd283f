package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
)

// restartLeap is how far versions leap when the log may have lost its end: more
// than can have been issued since it was synced.
const restartLeap = 1 << 32

// bumpLeap is how far BumpVersions makes versions leap: more than can have been
// issued since the copy was made. There is room for millions of leaps.
const bumpLeap = 1 << 40

// leapVersions keeps versions that were answered from being issued again. With
// synchronous=NORMAL a power cut takes the log, and the counters in it, back to
// the last sync. So the counters leap before anything is served, in a synced
// commit. A row of prism_meta tells the next start, however it is configured,
// that commits were not synced.
func leapVersions(c *sqlite3.Conn, synchronous string) error {
	const unsynced = `"prism_meta" WHERE "name" = 'unsynced'`
	before, err := text(c, `SELECT count(*) FROM `+unsynced)
	if err != nil || before == "0" && synchronous == "FULL" {
		return err
	}
	mark := `DELETE FROM ` + unsynced
	if synchronous != "FULL" {
		mark = `INSERT INTO "prism_meta" ("name", "value") VALUES ('unsynced', 'the last proxy wrote with synchronous=NORMAL') ON CONFLICT DO NOTHING`
	}
	if err := c.Exec("PRAGMA synchronous = FULL"); err != nil {
		return err
	}
	err = bumpVersions(c, restartLeap, mark)
	return errors.Join(err, c.Exec("PRAGMA synchronous = "+synchronous))
}

// BumpVersions makes the versions of every table of a restored store leap above
// those that callers may have seen. No proxy may have the store open.
func BumpVersions(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	path := filepath.Join(env.DataDir, n.Name+".db")
	if _, err := os.Stat(path); err != nil { // it would be created
		return fmt.Errorf("%w; name the --data-dir of the proxy", err)
	}
	d, err := openDisk(env.DataDir, n.Name, env.Log)
	if err != nil {
		return err
	}
	defer d.close()
	c, err := openFirst(d, "FULL")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := verifyOwner(c, env.Deployment); err != nil {
		return err
	}
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	return errors.Join(bumpVersions(c, bumpLeap, ""), d.ended())
}

// bumpVersions makes the versions of every table leap and runs statement, in
// one transaction.
func bumpVersions(c *sqlite3.Conn, leap int64, statement string) (err error) {
	tx, err := c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	return c.Exec(fmt.Sprintf(`UPDATE "prism_versions" SET "last" = "last" + %d; %s`, leap, statement))
}
