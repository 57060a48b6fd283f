// Package sqlite is the run-time half of the sqlite backend: an embedded store,
// one file per namespace, one process per file.
//
// Writes are transactions of the one writing connection, in write-ahead mode;
// reads run beside them on connections of their own and see the last commit.
// With synchronous=FULL an acknowledged write survives a power cut, with NORMAL
// the death of the process.
//
// The write-ahead log is kept near 16 MB: beyond that a write waits for readers,
// 250 ms at most, until it can be begun anew.
//
// New files, and the data directory, are brought to the disk with the folders
// that list them.
//
// A sync that fails, of whatever file, ends the writes: BACKEND_READONLY, and a
// line in the log. So does one that finds the database or its log removed, renamed
// or replaced. Reads go on. After a sync that failed nothing is copied from the
// log into the database, also when the proxy is stopped, since only the log has
// what the disk dropped; the next start copies all of it. It has to be the first to
// open the file: close other programs that have it open before. After files were
// moved the log is copied when the proxy is stopped, and what was acknowledged is
// then in the database; kill -9 loses what was in a log that was removed.
//
// The database is locked as long as the store is open, so a second proxy is
// refused, by whatever path it comes: a symbolic link, or another name of the file
// (hard link). The log lies beside the name by which the file was opened, so after
// a crash open it by the same. Another program that opens the file can still write
// to it, and what it writes to a column is not seen: the record is the truth. The
// record's bytes have a checksum beside them, which is compared at every read; who
// changes them by hand sets prism_checksum to NULL.
// migrate status reads beside a proxy that serves, and changes nothing.
//
// Statistics that a person has had made (ANALYZE) are dropped when the store is
// opened: those of a table with few records would turn searches into scans.
//
// Versions are counted per table in prism_versions, in the transaction of the
// write that they belong to. With synchronous=NORMAL they leap by 2^32 whenever the
// store is opened: a power cut takes the end of the log, and the counters in it
// back. After a copy of the file was restored, migrate bump-versions lets them leap
// above what callers have seen since it was made.
package sqlite
