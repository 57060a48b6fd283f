// Package postgres is the run-time half of the postgres backend: a table per
// entity in one database, which namespaces of one deployment may share.
//
// Every operation is one statement, or one pipeline of statements that Postgres
// runs as one transaction, so nothing is held open between round trips and
// nothing is half done. Text is constant, prepared once per connection; values
// are parameters. It needs Postgres 13 or later in UTF8, and between it and the
// proxy nothing that hides prepared statements.
//
// Versions are those of a sequence per table. The one of an update is issued
// after its row is locked, so within the life of a record versions grow; and a
// sequence issues none twice, whoever deletes, crashes or runs beside it. So fsync
// is needed in every class, and no session may cache versions.
//
// A dump of tables or of data alone, and logical replication, have no sequences:
// behind them, start and migrate up refuse a sequence that is behind its table. A
// store that goes back in time, by an older dump, a backup, or a standby that did
// not have the last writes, issues versions that callers have seen: run migrate
// bump-versions before it is served.
//
// The bytes of every record have a checksum beside them, which is compared at
// every read; who changes them by hand sets prism_checksum to NULL. The role needs
// USAGE of the sequences: the checksum is tied to the version by currval.
//
// An acknowledged write is committed. What that survives is the server's
// affair: Open reads its settings back and refuses those that are weaker than
// what is configured and compiled against. Replication to standbys is not
// looked at.
//
// Batches that write one table go one after another, across all proxies: those
// that hold each other's keys would end in deadlocks. Other calls go beside
// them.
//
// A page, and a batch of gets, is bounded by bytes when it is answered, not when
// it is read: records that no longer fit come from the server in vain, and where
// they are many the connection is given up for a new one. Clients that read large
// records ask for small pages and batches.
package postgres
