package keyvalue_test

import (
	"testing"

	"github.com/prism-proxy/prism/runtime/keyvalue"
)

func TestCheck(t *testing.T) {
	const version = 7<<32 + 5
	record := []byte("123456789")
	stored := keyvalue.Checksum(record) ^ version
	if got := uint32(keyvalue.Checksum(record) >> 32); got != 0xe3069283 {
		t.Errorf("the check value of CRC-32C is %x, want e3069283", got)
	}
	for _, c := range []struct {
		name             string
		record           string
		version, stored  int64
		checked, damaged bool
	}{
		{"whole", "123456789", version, stored, true, false},
		{"a bit is another", "123456788", version, stored, true, true},
		{"a byte is missing", "12345678", version, stored, true, true},
		{"nothing is left", "", version, stored, true, true},
		{"the checksum has a bit that is another", "123456789", version, stored ^ 1<<40, true, true},
		{"an empty record", "", version, keyvalue.Checksum(nil) ^ version, true, false},
		{"no checksum", "123456789", version, 0, false, false},
		{"no checksum, of a version whose lower half is 0", "123456789", 7 << 32, 0, false, false},
		{"a checksum of the version before", "12345678", version, keyvalue.Checksum(record) ^ (version - 1), false, false},
	} {
		checked, err := keyvalue.Check([]byte(c.record), c.version, c.stored)
		if checked != c.checked || (err != nil) != c.damaged {
			t.Errorf("%s: checked %t, %v; want %t, damaged %t", c.name, checked, err, c.checked, c.damaged)
		}
	}
}
