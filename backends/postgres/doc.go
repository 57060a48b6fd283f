// Package postgres is the run-time half of the postgres backend: one table per
// entity, in a database that namespaces of one deployment may share.
//
// Every operation is one statement, or one pipeline of statements that Postgres
// runs as one transaction, so nothing stays open between round trips and
// nothing is half done. Statements are constant and prepared once per
// connection; values are parameters. The backend needs PostgreSQL 13 or later
// in UTF8; databases that only speak its protocol, such as CockroachDB and
// YugabyteDB, are refused by name when the proxy starts.
//
// A session sets everything that changes what a statement means or when it
// ends, whatever role, database and server are set to, and keeps to the schema
// that the search path led to when the store was opened. If only a superuser
// may change such a setting and it is wrong, the proxy names it and does not
// start. A row-level policy that would hide records makes statements fail
// instead.
//
// A wait for a lock ends after 2 s, or at the call's deadline if that is
// sooner; the call then fails with BACKEND_CONTENTION and outcome=none. A
// quarter of the connections is reserved for reads, so writes that wait for one
// record do not hold up reads; a pool of one connection has none to reserve. A
// host that is cut off loses its locks within 25 s, when the kernels have
// noticed. If the server or a pooler grants the proxy no more connections,
// calls wait for those it has.
//
// A call whose deadline passes while its statement runs cancels the statement
// and keeps the connection. It ends when the server has answered, usually
// within milliseconds, and after 250 ms at the latest. A statement that the
// server no longer knows, as after DEALLOCATE ALL, is prepared again.
//
// A pooler between proxy and server must keep sessions: use PgBouncer with
// pool_mode = session, a pool_size of at least the connections of all
// namespaces and proxies together, and the default server_reset_query. With
// pool_mode = transaction or statement the proxy does not start, since prepared
// statements and settings belong to a session. Through a pooler no statement is
// cancelled, because a cancel can crash PgBouncer before 1.21: a late call
// gives up its connection after 250 ms, and session settings end its statement.
// The 25 s apply between pooler and server; between pooler and proxy,
// PgBouncer's tcp_keepidle, tcp_keepintvl, tcp_keepcnt and tcp_user_timeout
// apply.
//
// Versions come from one sequence per table. An update's version is issued
// after its row is locked, so a record's versions grow during its life; and a
// sequence issues none twice, whatever is deleted, crashes or runs
// concurrently. That is why fsync is needed in every class and no session may
// cache versions.
//
// Dumps of tables or of data only, and logical replication, do not include
// sequences: after them, start and migrate up refuse a sequence that lags
// behind its table. A store that went back in time, by an older dump, a backup,
// or a standby that lacked the last writes, would issue versions that callers
// have seen: run migrate bump-versions before serving it.
//
// Every read verifies a checksum of the record's bytes; if you change them by
// hand, set prism_checksum to NULL. The role needs USAGE on the sequences,
// because currval ties the checksum to the version.
//
// An acknowledged write is committed, and every class of durability waits for
// the commit: if synchronous_commit is off, the session turns it on, since a
// server that is killed could otherwise issue versions again that clients have
// seen. Stronger values are kept. What a commit survives depends on the server:
// Open checks its settings and refuses those weaker than the configured
// durability. With full_page_writes off, which all classes except POWER_SAFE
// allow, a power cut may corrupt the whole database: discard such a database,
// do not start it again. Replication to standbys is not checked.
//
// Batches that write one table are serialized across all proxies, because
// batches with common keys could deadlock. Other calls run concurrently. A
// batch waits for another proxy's batch as for any lock.
//
// Each statement uses the index made for it, whatever the statistics: it asks
// for rows in that index's order, in a form that no other index can serve, and
// the proxy's sessions neither sort nor scan tables. A range over several
// columns, read forwards, ends where its first column does: Postgres skips the
// rest there in the index.
//
// Pages and batch gets are bounded by bytes. The proxy remembers how large a
// table's records are; if a page may be full before it has its number of
// records, it asks only for those that fit. If records are suddenly much larger
// than before, the connection is replaced rather than read to the end.
//
// The sweep of a table continues where it stopped, and starts over every five
// minutes. A record that a transaction locked or inserted late waits that long;
// it is absent all the same.
package postgres
