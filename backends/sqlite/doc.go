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
// A side file <namespace>.db.lock is locked as long as the store is open, so a
// second proxy is refused. Another program that opens the file can still write
// to it, and what it writes to a column is not seen: the record is the truth. The
// record's bytes have a checksum beside them, which is compared at every read; who
// changes them by hand sets prism_checksum to NULL.
//
// Versions are counted per table in prism_versions, in the transaction of the
// write that they belong to. With synchronous=NORMAL they leap by 2^32 whenever the
// store is opened: a power cut takes the end of the log, and the counters in it
// back. After a copy of the file was restored, migrate bump-versions lets them leap
// above what callers have seen since it was made.
package sqlite
