package chaintest

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prism-proxy/prism/generator/storage"
)

// Time is the value of a timestamp.
type Time struct{ Seconds, Nanos int64 }

// Value returns what a column holds of a record: nil, string, []byte, bool, int64,
// uint64, float64 or Time. It reads the record by the encoding's specification, and
// shares no code with what is tested.
func Value(c storage.Column, record []byte) any {
	v := zeros(c.Kind)
	if c.Presence {
		v = nil
	}
	each(record, func(number int32, kind protowire.Type, bits uint64, text []byte) {
		switch {
		case slices.Contains(c.Oneof, number):
			v = nil // the last member is the one that is set
		case number != c.Field || kind != encodings[c.Kind]:
		case c.Kind == "timestamp":
			t, _ := v.(Time) // one that occurs twice is merged
			each(text, func(number int32, kind protowire.Type, bits uint64, _ []byte) {
				switch {
				case number == 1 && kind == protowire.VarintType:
					t.Seconds = int64(bits)
				case number == 2 && kind == protowire.VarintType:
					t.Nanos = int64(int32(bits))
				}
			})
			v = t
		default:
			v = read(c.Kind, bits, text)
		}
	})
	return v
}

// each calls f with every field on the wire. The records are ours.
func each(b []byte, f func(number int32, kind protowire.Type, bits uint64, text []byte)) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		b = b[n:]
		var bits uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			bits = uint64(v)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		default:
			text, n = protowire.ConsumeBytes(b)
		}
		b = b[n:]
		f(int32(number), kind, bits, text)
	}
}

var encodings = map[storage.Kind]protowire.Type{
	"string": protowire.BytesType, "bytes": protowire.BytesType, "timestamp": protowire.BytesType,
	"fixed32": protowire.Fixed32Type, "sfixed32": protowire.Fixed32Type, "float": protowire.Fixed32Type,
	"fixed64": protowire.Fixed64Type, "sfixed64": protowire.Fixed64Type, "double": protowire.Fixed64Type,
} // others are varints, of type 0

func zeros(k storage.Kind) any { return read(k, 0, nil) }

func read(k storage.Kind, bits uint64, text []byte) any {
	switch k {
	case "string":
		return string(text)
	case "bytes":
		return append([]byte{}, text...)
	case "bool":
		return bits != 0
	case "int32", "enum":
		return int64(int32(bits))
	case "sint32":
		return int64(int32(protowire.DecodeZigZag(bits & math.MaxUint32)))
	case "sint64":
		return protowire.DecodeZigZag(bits)
	case "uint32", "fixed32":
		return int64(uint32(bits))
	case "sfixed32":
		return int64(int32(bits))
	case "uint64", "fixed64":
		return bits
	case "float":
		return float64(math.Float32frombits(uint32(bits)))
	case "double":
		return math.Float64frombits(bits)
	}
	return int64(bits)
}
