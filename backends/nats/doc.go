// Package nats is the run-time half of the nats backend: one JetStream stream
// per entity, in which a record is the last message of a subject. It needs
// nats-server 2.12 or later, with max_payload of at least 3,276 KiB, since a
// record may have 3 MiB.
//
// The stream of a table is PRISM_<DEPLOYMENT>_<TABLE>. It keeps one message per
// subject:
//
//	<prefix>.<deployment>.<table>.r.<key>          a record
//	<prefix>.<deployment>.<table>.u.<index>.<key>  an entry: which record has a unique value
//
// Keys are encoded by package tuple and then as base64url; in hex the longest
// would exceed the server's limit for a line. A deleted record, or an entry
// given up, is a marker that the server deletes after an hour.
//
// A version is the sequence number of the message. The server never issues one
// twice while it keeps the stream, even for a record that was deleted. A stream
// begins at a random sequence chosen when it is created, so that a stream
// created again under the same name has different ones. BumpVersions makes
// versions leap by a number in the stream's metadata; every record keeps the
// number that it was written with.
//
// A write reads what it depends on: the stored record, its entries, and the
// entries of the new unique values. It then stores its messages if none of
// their subjects has changed: a single one by itself, several as an atomic
// batch, which the server stores whole or not at all, and never shows in part.
// If a subject has changed, the write starts again; after five attempts it
// fails with BACKEND_CONTENTION. Writes of one proxy that read the same
// subjects are serialized, so only other proxies' writes can get in between.
// Puts into a table without unique indexes depend on nothing and read nothing.
//
// An atomic batch has at most 1,000 messages: one for each record, and one for
// each unique value that is taken or given up. A batch that needs more is
// refused with BATCH_SIZE, and none of it is stored. With file storage the
// server creates a file for each batch and stores one batch per stream at a
// time, so an entity takes a few hundred writes per second that change unique
// values. A write that leaves them unchanged is one message, without a batch,
// if the entity has no ttl.
//
// Reads ask the leader of the stream for the last message of a subject, never
// by direct get, which lagging replicas may answer. So a read sees all
// acknowledged writes. With replicas, a leader that is cut off from the others
// may answer reads for some seconds until it notices; it stores nothing.
// BatchGet reads each key separately. A Find by a unique index takes two reads,
// and checks that the record still has the value when it is read.
//
// A record expires by the proxy's clock; its header and those of its entries
// say when. The server deletes them an hour later by its own clock (Nats-TTL),
// so there is no sweep. Before that an expired record is already absent and its
// unique values are free.
//
// A write is acknowledged when the leader, or with replicas a majority, has
// stored it. CRASH_SAFE is file storage: the server may be killed, but a power
// cut loses what was written since the last sync (sync_interval, 2 minutes) and
// the sequences issued since, so run migrate bump-versions before serving
// again. POWER_SAFE needs sync_interval: always. The proxy checks that at
// start, through the monitoring addresses of all servers of the cluster, and
// refuses one that it is not given; a server that does not answer is logged.
// Without monitor the compiler refuses POWER_SAFE. With three replicas one
// server may stop, even the leader: calls fail for some seconds until another
// leads, and acknowledged writes stay. LOST_ON_RESTART keeps streams in memory:
// a restarted server has none, and calls fail until migrate up has created
// them. Operators choose the number of replicas: nats stream edit --replicas 3.
//
// Records have a checksum in their header, which every read verifies. The
// server has checksums of its own: it does not serve what it finds damaged in
// its files, as if that had never been stored.
//
// Stream limits by number, bytes or age would delete records, so Open refuses a
// stream that has any, or that differs in any other way from what Migrate
// created. Only the proxies may write to its subjects.
//
// There is one connection per namespace, which reconnects whenever it is lost.
// Meanwhile calls fail at once. If the connection ends while a write waits for
// its answer, its outcome is unknown.
package nats
