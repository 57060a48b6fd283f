package chaintest

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/prism-proxy/prism/generator/storage"
)

// Time is the value of a timestamp.
type Time struct{ Seconds, Nanos int64 }

// Value returns what a column holds of a record: nil, string, []byte, bool, int64,
// uint64, float64 or Time. It reads the record as protobuf-go does, and shares no code
// with what is tested.
func Value(c storage.Column, record []byte) any {
	f := c.Descriptor()
	m := dynamicpb.NewMessage(f.ContainingMessage())
	if err := proto.Unmarshal(record, m); err != nil {
		panic(err) // the records are ours
	}
	if c.Presence && !m.Has(f) {
		return nil
	}
	v := m.Get(f)
	switch f.Kind() {
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BytesKind:
		return append([]byte{}, v.Bytes()...)
	case protoreflect.BoolKind:
		return v.Bool()
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return v.Float()
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return v.Uint()
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(v.Uint())
	case protoreflect.MessageKind:
		t := v.Message()
		fields := t.Descriptor().Fields()
		return Time{t.Get(fields.ByNumber(1)).Int(), t.Get(fields.ByNumber(2)).Int()}
	}
	return v.Int()
}
