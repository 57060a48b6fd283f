// Package postgres is the run-time half of the postgres backend: a table per
// entity in one database, which namespaces of one deployment may share.
//
// Every operation is one statement, or one pipeline of statements that Postgres
// runs as one transaction, so nothing is held open between round trips and
// nothing is half done. Text is constant, prepared once per connection; values
// are parameters. It needs PostgreSQL 13 or later in UTF8; databases that speak its
// protocol, as CockroachDB and YugabyteDB, are refused by name when the proxy
// starts.
//
// A session sets what changes the meaning or the end of a statement, whatever
// role, database and server are set to, and keeps to the schema that its search
// path led to when the store was opened. Only what a superuser alone may set is
// refused when the proxy starts, and named. A row-level policy that would hide
// records makes their statements fail instead.
//
// A wait for a lock ends after 2 s, or at the call's deadline if that is nearer,
// and the call with BACKEND_CONTENTION and outcome=none. A quarter of the
// connections is for reads, so that writes that wait for one record keep no read
// waiting; a pool of one connection has none to spare. A host that is cut off
// gives up its locks within 25 s, when the kernels have noticed. Where the server,
// or a pooler, has no more connections for the proxy than it has, calls wait for
// these.
//
// A call whose deadline passes while its statement runs cancels the statement
// and keeps the connection: it ends when the server has answered, usually within
// milliseconds, and 250 ms later in any case. A statement that the server has
// forgotten, as after DEALLOCATE ALL, is prepared again.
//
// A pooler between proxy and server must keep sessions: PgBouncer with
// pool_mode = session, whose pool_size is at least the connections of all
// namespaces and proxies on it, and whose server_reset_query is left as it is.
// One with pool_mode = transaction or statement is refused when the proxy starts,
// since prepared statements and settings are those of a session. Through a pooler
// no statement is cancelled, because PgBouncer before 1.21 can end on a cancel:
// a call that is late gives up its connection after 250 ms, and its statement
// ends by the settings of the session. The 25 s hold between pooler and server;
// between pooler and proxy they are PgBouncer's tcp_keepidle, tcp_keepintvl,
// tcp_keepcnt and tcp_user_timeout.
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
// An acknowledged write is committed, and its commit waited for in every class of
// durability: where synchronous_commit is off the session turns it on, since a
// server that is killed would else issue versions again that clients have seen.
// Stronger values stay. What a commit survives is the server's affair: Open reads
// its settings back and refuses those that are weaker than what is configured and
// compiled against. With full_page_writes off, which all classes but POWER_SAFE
// allow, a power cut may leave the whole database undefined: such a database is to
// be thrown away then, not started again. Replication to standbys is not looked at.
//
// Batches that write one table go one after another, across all proxies: those
// that hold each other's keys would end in deadlocks. Other calls go beside
// them. A batch waits for another proxy's as for any lock.
//
// Each statement is served by the one index that is made for it, whatever the
// statistics: it asks for rows in that index's order, in a form that gives no
// other index the same order, and a session of the proxy neither sorts nor scans
// tables. A range of several columns ends, when read forwards, where the first
// of them does: Postgres passes over what is left there in the index.
//
// A page, and a batch of gets, is bounded by bytes. The proxy keeps in mind how
// large the records of a table are, and where a page of them may be full before
// it has its number it asks only for those that fit. Where records are suddenly
// much larger than those before, the connection is given up for a new one rather
// than read to the end.
//
// The sweep of a table goes on where it was, and begins anew every five minutes.
// A record that a transaction kept from it, or brought in late, waits that long;
// it is absent all the same.
package postgres
