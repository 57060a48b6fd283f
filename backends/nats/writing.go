package nats

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/wire"
)

// writing is a write of one table: what it has read, and the messages that it
// plans, one of a subject. They are stored together or not at all, and not if a
// subject of theirs has changed since it was read.
//
// What is read and not written needs no such check. An entry that stays as it is has
// no expiry, and belongs to a record that is written: only a write of that record
// takes it away. An entry that another record has taken comes back by a write of
// this record, too.
type writing struct {
	*table
	now   wire.Timestamp
	blind bool               // nothing is read, and nothing checked
	read  map[string]message // by subject

	planned map[string]int // the place in messages, by subject
	entries []planned      // first: so that the last messages are the records, in their order
	records []planned
}

// planned is a message that is about to be written.
type planned struct {
	subject string
	header  driver.Header
	data    []byte
	stored  *bytestore.Record // nil: it is none
}

// fill reads the places, and the entries of records that stand there.
func (w *writing) fill(ctx context.Context, db *DB, at []place) error {
	for len(at) > 0 {
		messages, err := db.lasts(ctx, at)
		if err != nil {
			return err
		}
		var more []place
		for i, m := range messages {
			w.read[at[i].subject] = m
			for _, entry := range m.header[headerUnique] {
				more = append(more, place{w.table, entry})
			}
		}
		at = slices.DeleteFunc(more, func(p place) bool { _, known := w.read[p.subject]; return known })
	}
	return nil
}

// record returns the record at a place, nil if there is none.
func (w *writing) record(at place) *message {
	if m := w.read[at.subject]; m.live(w.now) {
		return &m
	}
	return nil
}

// holder returns the subject of the record that has an entry, "" if none has: as it
// will be after what is planned so far.
func (w *writing) holder(entry string) string {
	if i, ok := w.planned[entry]; ok {
		return w.entries[i].header.Get(headerRecord)
	}
	m := w.read[entry]
	return m.holder(w.now)
}

// put plans that r stands at a place, and its entries at theirs.
func (w *writing) put(r *bytestore.Record, at place, entries []place) error {
	subjects := make([]string, len(entries))
	for i, e := range entries {
		subjects[i] = e.subject
		if holder := w.holder(e.subject); holder != "" && holder != at.subject {
			return runtime.Taken(r.Entries[i+1].Unique)
		}
	}
	r.Written.Expires = wire.Timestamp{}
	if r.TTL > 0 {
		r.Written.Expires = wire.NewTimestamp(w.now.Time().Add(r.TTL))
	}
	w.free(at, subjects)
	for _, subject := range subjects {
		had := w.read[subject]
		if _, changed := w.planned[subject]; !changed && had.holder(w.now) == at.subject && !had.expires().Set && r.TTL == 0 {
			continue
		}
		w.plan(subject, entryHeader(r, at.subject))
	}
	w.records = append(w.records, planned{at.subject, recordHeader(r, subjects, w.leap), r.Bytes, r})
	return nil
}

// putAll plans that the records of a batch stand at their places.
func (w *writing) putAll(name string, records []*bytestore.Record, at [][]place) error {
	for i, r := range records {
		if err := w.put(r, at[i][0], at[i][1:]); err != nil {
			return runtime.InItem(name, i, err)
		}
	}
	return nil
}

// reset plans nothing.
func (w *writing) reset() {
	clear(w.planned)
	w.entries, w.records = nil, nil
}

// remove plans that nothing stands at a place.
func (w *writing) remove(at place) {
	w.free(at, nil)
	w.records = append(w.records, planned{subject: at.subject, header: deletedHeader()})
}

// free plans that the record at a place, expired or not, has no entries but those to
// keep. Another record may have those of an expired one.
func (w *writing) free(at place, keep []string) {
	for _, entry := range w.read[at.subject].header[headerUnique] {
		if m := w.read[entry]; !slices.Contains(keep, entry) && m.header.Get(headerRecord) == at.subject {
			if _, taken := w.planned[entry]; !taken {
				w.plan(entry, deletedHeader())
			}
		}
	}
}

// plan plans what an entry will be.
func (w *writing) plan(entry string, h driver.Header) {
	p := planned{subject: entry, header: h}
	if i, ok := w.planned[entry]; ok {
		w.entries[i] = p
		return
	}
	w.planned[entry] = len(w.entries)
	w.entries = append(w.entries, p)
}

// maxMessages is how many messages the server takes as one.
const maxMessages = 1000

// commit stores what is planned, and gives the records their versions.
func (w *writing) commit(ctx context.Context, db *DB, name string) error {
	all := append(w.entries, w.records...)
	switch {
	case len(all) == 0:
		return nil
	case len(all) > maxMessages:
		return tooMany(name, len(all))
	}
	messages := make([]*driver.Msg, len(all))
	for i, p := range all {
		messages[i] = &driver.Msg{Subject: w.subject + p.subject, Header: p.header, Data: p.data}
		if !w.blind {
			p.header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(w.read[p.subject].sequence, 10))
		}
	}
	last, err := publish(ctx, db, messages)
	if err != nil {
		return err
	}
	for i, p := range w.records {
		if p.stored != nil {
			p.stored.Written.Version = int64(last) - int64(len(w.records)-1-i) + w.leap
		}
	}
	return nil
}

// tooMany refuses a batch that the store cannot write as one.
func tooMany(name string, n int) error {
	limit := strconv.Itoa(maxMessages)
	return &runtime.Error{
		Reason: runtime.BatchSize, Field: name,
		What:     fmt.Sprintf("%s take %d messages of the store, one for each record and each unique value that is taken or given up (at most %s)", name, n, limit),
		Metadata: map[string]string{"got": strconv.Itoa(n), "limit": limit},
	}
}

// publish stores messages of one stream, all or none, and returns the sequence of the
// last; those of the others are the numbers before it. It is no method of DB: see
// connection.
func publish(ctx context.Context, db *DB, messages []*driver.Msg) (last uint64, err error) {
	conn, count := db.conn.(*driver.Conn), len(messages)
	during, done := db.during(ctx)
	defer done()
	if count > 1 {
		if err := enter(ctx, db.batches); err != nil {
			return 0, err
		}
		defer leave(db.batches)
		id := rand.Text()
		for i, m := range messages {
			m.Header.Set("Nats-Batch-Id", id)
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		}
		messages[count-1].Header.Set("Nats-Batch-Commit", "1")
		for _, m := range messages[:count-1] {
			if err := conn.PublishMsg(m); err != nil {
				return 0, Error(ctx, unsent{err})
			}
		}
	}
	reply, err := conn.RequestMsgWithContext(during, messages[count-1])
	if err != nil {
		return 0, callError(ctx, during, err)
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
		Count    int                 `json:"count"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return 0, Error(ctx, err)
	}
	if ack.Error != nil {
		return 0, Error(ctx, ack.Error)
	}
	if ack.Sequence == 0 || count > 1 && ack.Count != count {
		return 0, Error(ctx, jetstream.ErrInvalidJetStreamResponse)
	}
	return ack.Sequence, nil
}
