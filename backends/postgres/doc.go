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
// sequence issues none twice, whoever deletes, crashes or runs beside it.
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
