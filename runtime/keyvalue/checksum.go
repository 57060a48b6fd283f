package keyvalue

import (
	"hash/crc32"

	"github.com/prism-proxy/prism/runtime"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC-32C of a record (RFC 3720, §12.1) in the upper half
// of an integer. Beside the record a store keeps the exclusive or of this and the
// record's version, which ties the two: what is left of another version, by a
// writer that knows no checksums, has another lower half and is taken for none.
func Checksum(record []byte) int64 { return int64(crc32.Checksum(record, castagnoli)) << 32 }

// Check compares a record with what the store keeps beside it: checked is false
// if that is no checksum of this version, as of records that were written before
// there were any, for which it is 0. The error is that of a damaged record.
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
