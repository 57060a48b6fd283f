package nats

import (
	"encoding/base64"
	"strconv"
	"time"

	driver "github.com/nats-io/nats.go"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/wire"
)

// The headers of a message, which is a record, an entry of a unique index, or
// the marker that one of them was deleted.
const (
	headerChecksum = "Prism-Checksum" // CRC-32C of the record, in hex
	headerRecord   = "Prism-Record"   // of an entry: r.<key>
	headerUnique   = "Prism-Unique"   // of a record, once for each of its entries: u.<index>.<key>
	headerExpires  = "Prism-Expires"  // microseconds since 1970; none: it does not expire
	headerLeap     = "Prism-Leap"     // version minus sequence; none: 0
	headerDeleted  = "Prism-Deleted"  // 1: nothing is stored here any more
	headerTTL      = "Nats-TTL"       // the server's own: seconds after which it deletes the message
)

// message is the last message of a subject.
type message struct {
	sequence uint64 // 0: there is none
	header   driver.Header
	data     []byte
}

// expires returns the time at which the message expires, unset if it does not.
func (m *message) expires() wire.Timestamp {
	micros, err := strconv.ParseInt(m.header.Get(headerExpires), 10, 64)
	if err != nil {
		return wire.Timestamp{}
	}
	return wire.NewTimestamp(time.UnixMicro(micros))
}

func (m *message) expired(now wire.Timestamp) bool {
	at := m.expires()
	return at.Set && at.Compare(now) <= 0
}

// live reports whether m is a record that has not expired. What is not a
// deletion marker counts as a record, a damaged one if it has no checksum.
func (m *message) live(now wire.Timestamp) bool {
	return m.sequence != 0 && !m.deleted() && !m.expired(now)
}

func (m *message) deleted() bool { return m.header.Get(headerDeleted) != "" }

// holder returns the subject of the record that has the unique value of m, ""
// if none has it.
func (m *message) holder(now wire.Timestamp) string {
	if m.expired(now) {
		return ""
	}
	return m.header.Get(headerRecord)
}

// version returns the record's version. It uses the leap at the time of the
// write, since the store may have leapt afterwards.
func (m *message) version() int64 {
	leap, _ := strconv.ParseInt(m.header.Get(headerLeap), 10, 64)
	return int64(m.sequence) + leap
}

func (m *message) row() runtime.Row {
	return runtime.Row{Version: m.version(), Expires: m.expires(), Record: m.data}
}

// check compares the record with its checksum. The version is not part of it:
// the server issues the version only when it stores the message.
func (m *message) check() error {
	sum, err := strconv.ParseUint(m.header.Get(headerChecksum), 16, 32)
	if err != nil || keyvalue.Checksum(m.data) != int64(sum)<<32 {
		return runtime.Damaged(m.version())
	}
	return nil
}

// lifetime puts into h when the message expires: Prism-Expires by the runtime's
// clock, which decides, and Nats-TTL by the server's, an hour later.
func lifetime(h driver.Header, expires wire.Timestamp, ttl time.Duration) {
	if expires.Set {
		h.Set(headerExpires, strconv.FormatInt(expires.Time().UnixMicro(), 10))
		h.Set(headerTTL, seconds(ttl+grace))
	}
}

// recordHeader returns the header of r; entries are the subjects of its
// entries.
func recordHeader(r *bytestore.Record, entries []string, leap int64) driver.Header {
	h := driver.Header{}
	h.Set(headerChecksum, strconv.FormatUint(uint64(keyvalue.Checksum(r.Bytes))>>32, 16))
	for _, e := range entries {
		h.Add(headerUnique, e)
	}
	if leap != 0 {
		h.Set(headerLeap, strconv.FormatInt(leap, 10))
	}
	lifetime(h, r.Written.Expires, r.TTL)
	return h
}

// entryHeader returns the header of an entry of the record under subject.
func entryHeader(r *bytestore.Record, subject string) driver.Header {
	h := driver.Header{}
	h.Set(headerRecord, subject)
	lifetime(h, r.Written.Expires, r.TTL)
	return h
}

// deletedHeader returns the header of a deletion marker. A writer that expects
// the marker after the server has deleted it is refused, and reads again.
func deletedHeader() driver.Header {
	h := driver.Header{}
	h.Set(headerDeleted, "1")
	h.Set(headerTTL, seconds(grace))
	return h
}

// grace is how long the server keeps what has expired or was deleted.
const grace = time.Hour

// maxTTL is the longest TTL that does not overflow the server's times.
const maxTTL = 100 * 365 * 24 * time.Hour

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((min(d, maxTTL)+time.Second-1)/time.Second), 10)
}

// encode turns a key into a word of a subject. Hex could be longer than the
// server reads.
func encode(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key))
}
