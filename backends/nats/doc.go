// Package nats is the run-time half of the nats backend: a stream of JetStream per
// entity, in which a record is the last message of a subject. It needs nats-server
// 2.12 or later, and max_payload of at least 3,276 KiB, since a record may have 3
// MiB.
//
// The stream of a table is PRISM_<DEPLOYMENT>_<TABLE>, and keeps one message of
// each subject:
//
//	<prefix>.<deployment>.<table>.r.<key>          a record
//	<prefix>.<deployment>.<table>.u.<index>.<key>  an entry: which record has a unique value
//
// Keys are base64url of what package tuple makes of them: hex, of the longest, would
// be more than the server reads of a line. A deleted record, or an entry given up,
// is a mark that the server deletes after an hour.
//
// A version is the sequence of the message, which the server issues once and never
// again while it keeps the stream, also for a record that was deleted. A stream begins
// at a sequence that is drawn when it is made, so that one made anew under the same
// name has others. BumpVersions lets versions leap by a number in the stream's
// metadata, and every record has the one that it was written with.
//
// A write reads what it depends on, the record, the entries of its unique values and
// those that the record in its place has, and then stores its messages if none of
// their subjects has changed: one by itself, several as an atomic batch, which the
// server stores whole or not at all, and shows to nobody in parts. If one has changed
// it begins anew, five times, and then fails with BACKEND_CONTENTION. The writes of
// one proxy that read the same subjects go one after another, so only those of
// other proxies come before it. Puts into a table without unique indexes depend on
// nothing and read nothing.
//
// An atomic batch has at most 1,000 messages: one of each record, and one of each
// unique value that is taken or given up. A batch that needs more is refused with
// BATCH_SIZE and nothing of it is stored. A server that keeps files makes one for
// each batch, and stores one batch of a stream at a time: an entity takes a few hundred
// writes in a second that change unique values. A write that leaves them as they are
// is one message, without a batch, if the entity has no ttl.
//
// Reads ask the leader of the stream for the last message of a subject, and never by
// direct get, which replicas answer that are behind. So what was written is read.
// With replicas, a leader that is cut off from the others may answer reads until it
// notices, in the first seconds; it stores nothing. BatchGet reads each key by
// itself, and a unique index by two reads, of which the second is looked at again:
// the record that is answered had the value when it was read.
//
// A record expires by the proxy's clock, whose time stands in its header and in
// those of its entries. The server deletes them an hour later by its own clock
// (Nats-TTL), so there is no sweep; an expired record is absent, and its
// unique values are free, before that.
//
// A write is acknowledged when the leader, of replicas a majority, has stored it.
// CRASH_SAFE is what files give: the server may be killed, and a power cut takes what
// was written since the last sync (sync_interval, 2 minutes) and with it the sequences
// that were issued, so run migrate bump-versions before it is served again.
// POWER_SAFE needs sync_interval: always, which is read from the monitoring address
// when the proxy starts, of the one server that the proxy is connected to; without
// monitor the compiler refuses it. With three replicas one server may stop, the leader
// too: calls of the seconds until another leads fail, and what was acknowledged stays.
// LOST_ON_RESTART keeps streams in memory: a server that starts again has none, and
// calls fail until migrate up has made them. How many replicas a stream has is the
// operators' affair: nats stream edit --replicas 3.
//
// Records have a checksum in their header, which is compared at every read. The
// server has checksums of its own: what it finds damaged in its files it does not
// serve, as if it had never been there.
//
// Limits of the stream by number, bytes or age would take records away, so Open
// refuses a stream with any, and with anything else that is not as Migrate made it.
// Nobody but the proxies may write to its subjects.
//
// The connection is one per namespace, and is made anew whenever it is lost. Calls
// fail at once meanwhile. A write that waits for its answer when the connection ends
// has outcome unknown.
package nats
