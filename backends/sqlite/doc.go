// Package sqlite is the run-time half of the sqlite backend: an embedded store
// with one file per namespace and one process per file.
//
// Writes are transactions on the one writing connection, in write-ahead mode.
// Reads run concurrently on connections of their own and see the last commit.
// With synchronous=FULL an acknowledged write survives a power cut, with NORMAL
// only the death of the process.
//
// The write-ahead log is kept near 16 MB: beyond that, a write waits up to 250
// ms for readers, until the log can restart.
//
// New files and the data directory are synced together with the folders that
// list them.
//
// A failed sync of any file ends writes: they fail with BACKEND_READONLY, and
// the proxy's log says why. So does a sync that finds the database or its
// write-ahead log removed, renamed or replaced. Reads go on. After a failed
// sync nothing is copied from the write-ahead log into the database, even when
// the proxy is stopped, since only that log has what the disk dropped; the next
// start copies all of it. That start must be the first to open the file: close
// other programs that have it open before. If files were moved, the log is
// copied when the proxy is stopped, and the database then has all acknowledged
// writes; kill -9 loses what was in a removed log.
//
// The database is locked while the store is open, so a second proxy is refused,
// whatever path it uses: a symbolic link, or another name of the file (hard
// link). The log lies beside the name by which the file was opened, so after a
// crash open it by the same name. Another program can still write to the file,
// but what it writes to a column does not change the record, which is the
// truth. Every read verifies a checksum of the record's bytes; if you change
// them by hand, set prism_checksum to NULL. migrate status may run while a
// proxy serves, and changes nothing.
//
// Statistics made by ANALYZE are dropped when the store is opened: those from a
// time when a table was small would turn searches into scans.
//
// Versions are counted per table in prism_versions, in the same transaction as
// the write. With synchronous=NORMAL they leap by 2^32 whenever the store is
// opened: a power cut loses the end of the log, and the counters in it. After
// restoring a copy of the file, run migrate bump-versions: it raises versions
// above all that callers have seen since the copy was made.
package sqlite
