package keyvalue

import (
	"hash/crc32"

	"github.com/prism-proxy/prism/runtime"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC-32C of a record (RFC 3720, §12.1) in the upper half
// of an integer. A store keeps the exclusive or of it and the record's version,
// which ties the two together. If a writer that knows no checksums leaves that
// of an earlier version, its lower half does not match, and the record counts
// as unchecked.
func Checksum(record []byte) int64 { return int64(crc32.Checksum(record, castagnoli)) << 32 }

// Check compares a record with the value that the store keeps beside it.
// checked is false if that is not a checksum of this version; it is 0 for
// records written before there were checksums. The error is runtime.Damaged.
func Check(record []byte, version, stored int64) (checked bool, err error) {
	expected := stored ^ version
	switch {
	case stored == 0 || uint32(expected) != 0:
		return false, nil
	case expected != Checksum(record):
		return true, runtime.Damaged(version)
	}
	return true, nil
}
