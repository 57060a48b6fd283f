package record_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/account"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/badge"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/cell"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/compound"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/counter"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/document"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/eastnote"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/event"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/item"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/lease"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/modern"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/parcel"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/relic"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/sample"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/scalar"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/westnote"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
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
	{"Document", &pb.Document{}, document.Check},
	{"Account", &pb.Account{}, account.Check},
	{"Scalar", &pb.Scalar{}, scalar.Check},
	{"Compound", &pb.Compound{}, compound.Check},
	{"Relic", &pb.Relic{}, relic.Check},
	{"Parcel", &pb.Parcel{}, parcel.Check},
	{"Modern", &pb.Modern{}, modern.Check},
	{"Badge", &pb.Badge{}, badge.Check},
	{"Cell", &pb.Cell{}, cell.Check},
	{"Counter", &pb.Counter{}, counter.Check},
	{"EastNote", &pb.EastNote{}, eastnote.Check},
	{"Event", &pb.Event{}, event.Check},
	{"Item", &pb.Item{}, item.Check},
	{"Lease", &pb.Lease{}, lease.Check},
	{"Sample", &pb.Sample{}, sample.Check},
	{"WestNote", &pb.WestNote{}, westnote.Check},
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

// agrees says how the check and proto.Unmarshal differ on b, or "". A required
// field that is missing is told apart from bytes that are no message.
func agrees(check func([]byte) error, message proto.Message, b []byte) string {
	m := message.ProtoReflect().New().Interface()
	err := proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(b, m)
	got := check(b)
	var e *runtime.Error
	var lacking []string
	switch {
	case decodes(got) != (err == nil) && !(err == nil && greatNumber(b, false)):
	case err != nil || !decodes(got):
		return ""
	default:
		if errors.As(got, &e) {
			for _, v := range e.Violations() {
				if v.Reason == runtime.FieldRequired {
					lacking = append(lacking, v.Field)
				}
			}
			if len(e.Violations()) == mostListed {
				return ""
			}
		}
		// Unmarshal itself overlooks what a group in a oneof lacks (protobuf-go 1.36).
		if err = (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(closed(b, m.ProtoReflect().Descriptor()), m); err == nil {
			err = proto.CheckInitialized(m)
		}
		onlyLabelled := m.ProtoReflect().Descriptor().Name() == "Relic" // but for its key
		switch {
		case err != nil && len(lacking) > 0:
			return ""
		case err == nil && (!onlyLabelled || len(lacking) == 0 || lacking[0] == "relic_id"):
			return ""
		}
	}
	return fmt.Sprintf("%x: the check says %v, lacking %v, proto.Unmarshal %v", b, got, lacking, err)
}

// The generated check accepts exactly what proto.Unmarshal accepts: on whole
// messages, on messages with bytes changed, cut, doubled and inserted, and on
// noise that looks like fields.
func TestCheckAgreesWithUnmarshal(t *testing.T) {
	inputs := 10_000 // for each entity
	if n, err := strconv.Atoi(os.Getenv("PRISM_INPUTS")); err == nil {
		inputs = n
	}
	for _, e := range entities {
		t.Run(e.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			accepted := 0
			for range inputs {
				b := input(random, e.message)
				if difference := agrees(e.check, e.message, b); difference != "" {
					t.Fatal(difference)
				}
				if decodes(e.check(b)) {
					accepted++
				}
			}
			if accepted < inputs/10 || accepted > inputs*9/10 {
				t.Errorf("%d of %d inputs are accepted, which tests one side only", accepted, inputs)
			}
		})
	}
}

// closed returns b without the fields of closed enums whose number the enum does
// not have. They are unknown fields (https://protobuf.dev/programming-guides/enum),
// which protobuf-go alone takes for known ones.
func closed(b []byte, m protoreflect.MessageDescriptor) []byte {
	var out []byte
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		field, value := b[:n+size], b[n:n+size]
		b = b[n+size:]
		fd := m.Fields().ByNumber(number)
		switch {
		case fd == nil:
		case fd.Enum() != nil && fd.Enum().IsClosed() && kind == protowire.VarintType:
			if v, _ := protowire.ConsumeVarint(value); fd.Enum().Values().ByNumber(protoreflect.EnumNumber(v)) == nil {
				continue
			}
		case fd.Kind() == protoreflect.MessageKind && kind == protowire.BytesType:
			data, _ := protowire.ConsumeBytes(value)
			field = protowire.AppendBytes(protowire.AppendTag(nil, number, kind), closed(data, fd.Message()))
		case fd.Kind() == protoreflect.GroupKind && kind == protowire.StartGroupType:
			data, _ := protowire.ConsumeGroup(number, value)
			field = protowire.AppendGroup(protowire.AppendTag(nil, number, kind), number, closed(data, fd.Message()))
		}
		out = append(out, field...)
	}
	return out
}

// greatNumber reports whether a field number above 2^29-1 stands in a group of
// b, which every implementation but protobuf-go refuses in unknown groups too.
func greatNumber(b []byte, inGroup bool) bool {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		switch {
		case n < 0:
			return false
		case inGroup && number > protowire.MaxValidNumber:
			return true
		}
		b = b[n:]
		switch kind {
		case protowire.StartGroupType:
			data, n := protowire.ConsumeGroup(number, b)
			if n < 0 || greatNumber(data, true) {
				return n >= 0
			}
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(number, kind, b)
			if n < 0 {
				return false
			}
			if kind == protowire.BytesType {
				data, _ := protowire.ConsumeBytes(b)
				if greatNumber(data, false) {
					return true
				}
			}
			b = b[n:]
		}
	}
	return false
}

func FuzzCheck(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		f.Add(input(random, entities[random.IntN(len(entities))].message))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range entities {
			if difference := agrees(e.check, e.message, b); difference != "" && !beyond(b) {
				t.Errorf("%s %s", e.name, difference)
			}
		}
	})
}

// beyond reports whether b may be nested more deeply than a record may be.
func beyond(b []byte) bool { return len(b) > 2*96 }

// input is a random message of m's type, most often damaged.
func input(random *rand.Rand, m protoreflect.ProtoMessage) []byte {
	if random.IntN(20) == 0 {
		return fields(random, 3)
	}
	b := whole(random, m)
	for range random.IntN(3) { // in parts, which are merged
		b = append(b, whole(random, m)...)
	}
	for range random.IntN(4) {
		b = damage(random, b)
	}
	return b
}

// whole is a random message of m's type.
func whole(random *rand.Rand, m protoreflect.ProtoMessage) []byte {
	message := m.ProtoReflect().New()
	fill(random, message, 3)
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(message.Interface())
	if err != nil {
		panic(err) // fill writes valid text only
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
		number := protowire.Number(1 + random.IntN(20))
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
		case fd.Cardinality() == protoreflect.Required && random.IntN(16) > 0 && fd.Message() == nil:
			m.Set(fd, value(random, fd))
		case random.IntN(2) == 0 || fd.Message() != nil && depth == 0:
		case fd.IsMap():
			key := value(random, fd.MapKey()).MapKey() // often one of few, so that entries meet
			element := m.Mutable(fd).Map().NewValue()
			if fd.MapValue().Message() != nil {
				fill(random, element.Message(), depth-1)
			} else {
				element = value(random, fd.MapValue())
			}
			m.Mutable(fd).Map().Set(key, element)
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range random.IntN(4) {
				element := list.NewElement()
				if fd.Message() != nil {
					fill(random, element.Message(), depth-1)
				} else {
					element = value(random, fd)
				}
				list.Append(element)
			}
		case fd.Message() != nil:
			fill(random, m.Mutable(fd).Message(), depth-1)
		default:
			m.Set(fd, value(random, fd))
		}
	}
}

func value(random *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", "köln", "\x00", "漢字"}[random.IntN(5)])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(random.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(random.IntN(9) - 1))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(random.Uint32()) >> (31 * random.IntN(2)))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(random.Uint64()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(random.Uint32())
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(random.Uint64())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(math.Float32frombits(random.Uint32()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Float64frombits(random.Uint64()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(random.Uint32()), 0, 0xff}[:random.IntN(4)])
	}
	panic("no value for kind " + fd.Kind().String())
}

// An unknown number of a closed enum is an unknown field: it does not take the
// place of another member of its oneof.
func TestClosedEnumInOneof(t *testing.T) {
	box := func(fields ...byte) []byte {
		return protowire.AppendGroup(protowire.AppendTag(nil, 18, protowire.StartGroupType), 18, fields)
	}
	tone := func(n uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, 16, protowire.VarintType), n)
	}
	record := []byte("\x0a\x01a\x10\x01\x1a\x01t") // relic_id, shelf, title
	for number, want := range map[uint64]bool{5: true, 1: false} {
		b := append(append(append(append([]byte(nil), record...), box(1<<3, 1)...), tone(number)...), box()...)
		if err := relic.Check(b); (err == nil) != want {
			t.Errorf("a box that is open, tone %d, a box: %v, want accepted %t", number, err, want)
		}
	}
}

// The check of a record takes no memory of its own, whatever the record holds:
// lists, maps, messages that hold themselves. Only messages in which it has something
// to remember take some: required fields in a map, and bounds in a message that
// contains itself, or in a singular one.
func TestCheckDoesNotAllocate(t *testing.T) {
	for _, e := range entities {
		switch e.name {
		case "Relic", "Scalar", "Parcel", "Session":
			continue // the last has bounds that no random record keeps
		}
		t.Run(e.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(5, 6))
			var b []byte // the largest of some
			for range 3000 {
				if m := whole(random, e.message); len(m) > len(b) && e.check(m) == nil {
					b = m
				}
			}
			if len(b) == 0 {
				t.Fatal("the check accepts no input")
			}
			if n := testing.AllocsPerRun(100, func() { e.check(b) }); n != 0 {
				t.Errorf("%v allocations for a record of %d bytes", n, len(b))
			}
		})
	}
}
