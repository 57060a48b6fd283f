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

// writing is a write to one table: what it has read, and the messages that it
// plans, one per subject. They are stored together or not at all, and only if
// none of their subjects has changed since it was read.
//
// What is read but not written needs no such check. An entry that stays
// unchanged has no expiry and belongs to a record that is written: only a write
// of that record removes it. If another record had it in between, it came back
// by a write of this record.
type writing struct {
	*table
	now   wire.Timestamp
	blind bool               // nothing is read or checked
	read  map[string]message // by subject

	planned map[string]int // the position in messages, by subject
	entries []planned      // sent first, so that the last messages are the records, in order
	records []planned
}

// planned is a message to be written.
type planned struct {
	subject string
	header  driver.Header
	data    []byte
	stored  *bytestore.Record // nil: not a record
}

// fill reads the places and the entries of the records stored there.
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

// record returns the record at a place, or nil.
func (w *writing) record(at place) *message {
	if m := w.read[at.subject]; m.live(w.now) {
		return &m
	}
	return nil
}

// holder returns the subject of the record that will have an entry after what
// is planned so far, "" if none will.
func (w *writing) holder(entry string) string {
	if i, ok := w.planned[entry]; ok {
		return w.entries[i].header.Get(headerRecord)
	}
	m := w.read[entry]
	return m.holder(w.now)
}

// put plans to store r and its entries at their places.
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

// putAll plans to store the records of a batch at their places.
func (w *writing) putAll(name string, records []*bytestore.Record, at [][]place) error {
	for i, r := range records {
		if err := w.put(r, at[i][0], at[i][1:]); err != nil {
			return runtime.InItem(name, i, err)
		}
	}
	return nil
}

// reset discards what is planned.
func (w *writing) reset() {
	clear(w.planned)
	w.entries, w.records = nil, nil
}

// remove plans to delete the record at a place.
func (w *writing) remove(at place) {
	w.free(at, nil)
	w.records = append(w.records, planned{subject: at.subject, header: deletedHeader()})
}

// free plans that the record at a place, expired or not, loses all entries
// except those in keep. Another record may have taken those of an expired one.
func (w *writing) free(at place, keep []string) {
	for _, entry := range w.read[at.subject].header[headerUnique] {
		if m := w.read[entry]; !slices.Contains(keep, entry) && m.header.Get(headerRecord) == at.subject {
			if _, taken := w.planned[entry]; !taken {
				w.plan(entry, deletedHeader())
			}
		}
	}
}

// plan plans the header of an entry.
func (w *writing) plan(entry string, h driver.Header) {
	p := planned{subject: entry, header: h}
	if i, ok := w.planned[entry]; ok {
		w.entries[i] = p
		return
	}
	w.planned[entry] = len(w.entries)
	w.entries = append(w.entries, p)
}

// maxMessages is how many messages the server accepts in an atomic batch.
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

// tooMany refuses a batch that the store cannot write atomically.
func tooMany(name string, n int) error {
	limit := strconv.Itoa(maxMessages)
	return &runtime.Error{
		Reason: runtime.BatchSize, Field: name,
		What:     fmt.Sprintf("%s take %d messages of the store, one for each record and each unique value that is taken or given up (at most %s)", name, n, limit),
		Metadata: map[string]string{"got": strconv.Itoa(n), "limit": limit},
	}
}

// publish stores messages of one stream, all or none, and returns the sequence
// of the last; the others have the numbers just before it. It is not a method
// of DB: see connection.
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
