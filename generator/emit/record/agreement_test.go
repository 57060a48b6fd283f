package record_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/order"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/session"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/userprofile"
	"github.com/prism-proxy/prism/runtime"
)

var entities = []struct {
	name    string
	message proto.Message
	check   func([]byte) error
}{
	{"UserProfile", &shopv1.UserProfile{}, userprofile.Check},
	{"Order", &shopv1.Order{}, order.Check},
	{"Session", &shopv1.Session{}, session.Check},
}

// decodes reports whether the check accepts the encoding; what it says of
// bounds and emptiness is another matter.
func decodes(err error) bool {
	var e *runtime.Error
	if !errors.As(err, &e) {
		return err == nil
	}
	switch e.Reason {
	case runtime.RequestMalformed, runtime.RequestUTF8, runtime.RequestTooDeep:
		return false
	}
	return true
}

// The generated check accepts exactly what proto.Unmarshal accepts: on whole
// messages, on messages with bytes changed, cut, doubled and inserted, and on
// noise that looks like fields.
func TestCheckAgreesWithUnmarshal(t *testing.T) {
	const inputs = 200_000
	for _, e := range entities {
		t.Run(e.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			accepted := 0
			for range inputs {
				b := input(random, e.message)
				err := proto.Unmarshal(b, e.message.ProtoReflect().New().Interface())
				if got := e.check(b); decodes(got) != (err == nil) {
					t.Fatalf("%x: the check says %v, proto.Unmarshal %v", b, got, err)
				}
				if err == nil {
					accepted++
				}
			}
			if accepted < inputs/10 || accepted > inputs*9/10 {
				t.Errorf("%d of %d inputs are accepted, which tests one side only", accepted, inputs)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		f.Add(input(random, entities[random.IntN(len(entities))].message))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range entities {
			err := proto.Unmarshal(b, e.message.ProtoReflect().New().Interface())
			if got := e.check(b); decodes(got) != (err == nil) && !beyond(b) {
				t.Errorf("%s %x: the check says %v, proto.Unmarshal %v", e.name, b, got, err)
			}
		}
	})
}

// beyond reports whether b may be in the part where the two differ on purpose:
// deep nesting, and field numbers above 2^29-1 in an unknown group.
func beyond(b []byte) bool {
	groups := 0
	for _, c := range b {
		if c&7 == byte(protowire.StartGroupType) {
			groups++
		}
	}
	return groups > 0 || len(b) > 96*2
}

// input is a random message of m's type, most often damaged.
func input(random *rand.Rand, m protoreflect.ProtoMessage) []byte {
	if random.IntN(20) == 0 {
		return fields(random, 3)
	}
	message := m.ProtoReflect().New()
	fill(random, message, 3)
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(message.Interface())
	if err != nil {
		panic(err) // fill writes valid text only
	}
	for range random.IntN(4) {
		b = damage(random, b)
	}
	return b
}

func damage(random *rand.Rand, b []byte) []byte {
	at := random.IntN(len(b) + 1)
	switch random.IntN(5) {
	case 0:
		return b[:at]
	case 1:
		return append(append(append([]byte(nil), b[:at]...), fields(random, 2)...), b[at:]...)
	case 2:
		return append(append([]byte(nil), b...), b[at:]...)
	case 3:
		return append(fields(random, 2), b...)
	}
	if at < len(b) {
		b = append([]byte(nil), b...)
		b[at] = byte(random.Uint32())
	}
	return b
}

// fields is a run of fields with small numbers and any wire type.
func fields(random *rand.Rand, depth int) []byte {
	var b []byte
	for range random.IntN(4) {
		number := protowire.Number(1 + random.IntN(12))
		if random.IntN(30) == 0 {
			number = protowire.MaxValidNumber
		}
		kind := protowire.Type(random.IntN(6))
		if kind == protowire.EndGroupType && random.IntN(4) > 0 {
			kind = protowire.BytesType
		}
		b = protowire.AppendTag(b, number, kind)
		switch kind {
		case protowire.VarintType:
			b = protowire.AppendVarint(b, random.Uint64()>>random.IntN(64))
		case protowire.Fixed32Type:
			b = protowire.AppendFixed32(b, random.Uint32())
		case protowire.Fixed64Type:
			b = protowire.AppendFixed64(b, random.Uint64())
		case protowire.BytesType:
			value := []byte{byte(random.Uint32()), byte(random.Uint32())}
			if depth > 0 && random.IntN(2) == 0 {
				value = fields(random, depth-1)
			}
			b = protowire.AppendBytes(b, value)
		case protowire.StartGroupType:
			if depth > 0 {
				b = append(b, fields(random, depth-1)...)
			}
			if random.IntN(8) > 0 {
				b = protowire.AppendTag(b, number, protowire.EndGroupType)
			}
		}
	}
	return b
}

// fill sets about half of the fields of m.
func fill(random *rand.Rand, m protoreflect.Message, depth int) {
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		switch {
		case random.IntN(2) == 0 || fd.Message() != nil && depth == 0:
		case fd.IsMap():
			key := scalar(random, fd.MapKey()).MapKey()
			value := m.Mutable(fd).Map().NewValue()
			if fd.MapValue().Message() != nil {
				fill(random, value.Message(), depth-1)
			} else {
				value = scalar(random, fd.MapValue())
			}
			m.Mutable(fd).Map().Set(key, value)
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range random.IntN(4) {
				value := list.NewElement()
				if fd.Message() != nil {
					fill(random, value.Message(), depth-1)
				} else {
					value = scalar(random, fd)
				}
				list.Append(value)
			}
		case fd.Message() != nil:
			fill(random, m.Mutable(fd).Message(), depth-1)
		default:
			m.Set(fd, scalar(random, fd))
		}
	}
}

func scalar(random *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", "köln", "\x00", "漢字"}[random.IntN(5)])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(random.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(random.IntN(9) - 2))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(random.Uint32()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(random.Uint64()))
	}
	panic("the shop has no field of kind " + fd.Kind().String())
}
