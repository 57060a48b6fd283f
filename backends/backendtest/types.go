package backendtest

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// edges are messages with every scalar type at the limits of its values.
func edges() []*pb.Scalar {
	least := &pb.Scalar{
		DoublePlain: math.Inf(-1), FloatPlain: float32(math.Inf(-1)), Int32Plain: math.MinInt32, Int64Plain: math.MinInt64,
		Sint32Plain: math.MinInt32, Sint64Plain: math.MinInt64, Sfixed32Plain: math.MinInt32, Sfixed64Plain: math.MinInt64,
		GrainPlain: math.MinInt32, DoubleOpt: proto.Float64(math.SmallestNonzeroFloat64), FloatOpt: proto.Float32(math.SmallestNonzeroFloat32),
		At: at(-62135596800, 0),
	}
	greatest := &pb.Scalar{
		DoublePlain: math.Inf(1), FloatPlain: math.MaxFloat32, Int32Plain: math.MaxInt32, Int64Plain: math.MaxInt64,
		Uint32Plain: math.MaxUint32, Uint64Plain: math.MaxUint64, Sint32Plain: math.MaxInt32, Sint64Plain: math.MaxInt64,
		Fixed32Plain: math.MaxUint32, Fixed64Plain: math.MaxUint64, Sfixed32Plain: math.MaxInt32, Sfixed64Plain: math.MaxInt64,
		BoolPlain: true, StringPlain: "\U0010ffff\x00", BytesPlain: bytes.Repeat([]byte{0xff}, 1<<20), GrainPlain: math.MaxInt32,
		At: at(253402300799, 999999999),
	}
	odd := &pb.Scalar{
		DoublePlain: math.NaN(), FloatPlain: float32(math.NaN()), DoubleOpt: proto.Float64(math.Copysign(0, -1)),
		FloatOpt: proto.Float32(float32(math.Copysign(0, -1))), BytesPlain: []byte{0}, At: at(0, -1), Doubles: []float64{math.NaN(), 0},
		OfBool: map[bool]*pb.Scalar{false: {}, true: {Int32Plain: 1}}, OfUint64: map[uint64][]byte{math.MaxUint64: {0}},
		OfSint32: map[int32]pb.Grain{math.MinInt32: 9}, Bools: []bool{true, false}, Uint64S: []uint64{math.MaxUint64},
	}
	zero := &pb.Scalar{
		DoubleOpt: proto.Float64(0), FloatOpt: proto.Float32(0), Int32Opt: proto.Int32(0), Int64Opt: proto.Int64(0), Uint32Opt: proto.Uint32(0),
		Uint64Opt: proto.Uint64(0), Sint32Opt: proto.Int32(0), Sint64Opt: proto.Int64(0), Fixed32Opt: proto.Uint32(0), Fixed64Opt: proto.Uint64(0),
		Sfixed32Opt: proto.Int32(0), Sfixed64Opt: proto.Int64(0), BoolOpt: proto.Bool(false), StringOpt: proto.String(""), BytesOpt: []byte{},
		GrainOpt: pb.Grain_GRAIN_UNSPECIFIED.Enum(),
	}
	all := []*pb.Scalar{{}, least, greatest, odd, zero, crowd()}
	for i, s := range all {
		s.ScalarId = []byte{0, byte(i)}
	}
	return all
}

// crowd is a Scalar with every value of every type in its lists and maps.
func crowd() *pb.Scalar {
	s := &pb.Scalar{Unpacked: &pb.Unpacked{}}
	for _, m := range []protoreflect.Message{s.ProtoReflect(), s.Unpacked.ProtoReflect()} {
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			switch f := fields.Get(i); {
			case f.IsMap():
				for j, key := range ascending(f.MapKey()) {
					v := value(&pb.Scalar{Int32Plain: int32(j)})
					if f.MapValue().Message() == nil {
						values := ascending(f.MapValue())
						v = value(values[j%len(values)])
					}
					m.Mutable(f).Map().Set(value(key).MapKey(), v)
				}
			case f.IsList():
				for _, v := range ascending(f) {
					m.Mutable(f).List().Append(value(v))
				}
			}
		}
	}
	return s
}

var typeCases = []testCase{
	{name: "edges", rule: "the edge values of every type come back exactly", run: func(t *check) {
		for i, s := range edges() {
			_, err := t.Scalars.PutScalar(t.Context(), &pb.PutScalarRequest{Scalar: s})
			t.ok(err)
			out, err := t.Scalars.GetScalar(t.Context(), &pb.GetScalarRequest{Key: &pb.ScalarKey{ScalarId: s.ScalarId}})
			t.ok(err)
			if !proto.Equal(out.GetRecord().GetScalar(), s) {
				t.Errorf("scalar %d comes back otherwise", i)
			}
		}
	}},
	{name: "lists", rule: "a list of numbers of every type is read packed and not, whatever its declaration says, and refused where it ends within a number", run: func(t *check) {
		for in, list := range map[protowire.Number]protoreflect.FieldDescriptors{0: message("Scalar").Descriptor().Fields(), 58: message("Unpacked").Descriptor().Fields()} {
			for i := range list.Len() {
				f := list.Get(i)
				if !f.IsList() || !f.IsPacked() && in == 0 {
					continue
				}
				put := func(encoded []byte) error {
					if in > 0 {
						encoded = delimited(nil, in, encoded)
					}
					_, err := t.raw("Scalar", "PutScalar", delimited(nil, 1, append(text(nil, 1, "a"), encoded...)))
					return err
				}
				var one []byte
				wire := protowire.VarintType
				switch f.Kind() {
				case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
					one, wire = protowire.AppendFixed32(nil, 1<<31), protowire.Fixed32Type
				case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
					one, wire = protowire.AppendFixed64(nil, 1<<63), protowire.Fixed64Type
				default:
					one = protowire.AppendVarint(nil, 1<<31)
				}
				single := append(protowire.AppendTag(nil, f.Number(), wire), one...)
				t.ok(put(slices.Concat(single, delimited(nil, f.Number(), append(one, one...)), single)))
				t.refused(put(delimited(nil, f.Number(), append(one, one[:len(one)-1]...))), malformed)
			}
		}
	}},
	{name: "bytes", rule: "bytes are ordered as bytes, NUL and 0xff included, and an empty one is not an absent one", run: func(t *check) {
		values := [][]byte{{}, {0}, {0, 0}, {0, 1}, {1}, []byte("a"), {0xff}, bytes.Repeat([]byte{0xff}, 64)}
		list := []*pb.Scalar{{ScalarId: []byte("absent")}}
		for i, v := range values {
			list = append(list, &pb.Scalar{ScalarId: []byte{byte(9 - i)}, BytesOpt: v})
		}
		slices.Reverse(list) // into the order of their keys
		for _, s := range list {
			_, err := t.Scalars.PutScalar(t.Context(), &pb.PutScalarRequest{Scalar: s})
			t.ok(err)
		}
		left(t, list, list)
		_, err := t.Scalars.PutScalar(t.Context(), &pb.PutScalarRequest{Scalar: &pb.Scalar{}})
		t.refusedAt(err, fieldRequired, "scalar.scalar_id")
		if !t.has(schema.CanList) {
			return
		}
		for _, reverse := range []bool{false, true} {
			var got []string
			for _, r := range all(t, func(token string) (*pb.FindScalarsByBytesOptResponse, error) {
				return t.Scalars.FindScalarsByBytesOpt(t.Context(), &pb.FindScalarsByBytesOptRequest{Reverse: reverse, PageSize: 1, PageToken: token})
			}) {
				got = append(got, fmt.Sprintf("%x", r.GetScalar().GetBytesOpt()))
			}
			var want []string
			for i := range values {
				if reverse {
					i = len(values) - 1 - i
				}
				want = append(want, fmt.Sprintf("%x", values[i]))
			}
			t.equal(fmt.Sprintf("found, reverse %t", reverse), got, want)
		}
	}},
	{name: "compound key", rule: "a key of every type is found, ordered and deleted by all of it", run: func(t *check) {
		least := &pb.Compound{
			Int32Key: math.MinInt32, Sint32Key: math.MinInt32, Sint64Key: math.MinInt64, Sfixed32Key: math.MinInt32,
			Sfixed64Key: math.MinInt64, BytesKey: []byte{0}, GrainKey: -1, Value: "least",
		}
		greatest := &pb.Compound{
			Int32Key: math.MinInt32, Uint32Key: math.MaxUint32, Sint32Key: math.MaxInt32, Sint64Key: math.MaxInt64, Fixed32Key: math.MaxUint32,
			Fixed64Key: math.MaxUint64, Sfixed32Key: math.MaxInt32, Sfixed64Key: math.MaxInt64, Uint64Key: math.MaxUint64,
			BytesKey: bytes.Repeat([]byte{0xff}, 64), GrainKey: math.MaxInt32, BoolKey: true, Value: "greatest",
		}
		for _, c := range []*pb.Compound{greatest, least} {
			_, err := t.Compounds.PutCompound(t.Context(), &pb.PutCompoundRequest{Compound: c})
			t.ok(err)
		}
		left(t, []*pb.Compound{least, greatest}, []*pb.Compound{least, greatest})
		if t.has(schema.CanScan) {
			var got []*pb.Compound
			for _, r := range all(t, func(token string) (*pb.ScanCompoundsResponse, error) {
				return t.Compounds.ScanCompounds(t.Context(), &pb.ScanCompoundsRequest{PageSize: 1, PageToken: token})
			}) {
				got = append(got, r.GetCompound())
			}
			t.equal("compounds", got, []*pb.Compound{least, greatest})
		}
		key := keyOf(greatest.ProtoReflect()).Interface().(*pb.CompoundKey)
		out, err := t.Compounds.DeleteCompound(t.Context(), &pb.DeleteCompoundRequest{Key: key})
		t.ok(err)
		t.equal("existed", out.GetExisted(), true)
	}},
	{name: "proto2", rule: "groups, defaults, extensions and closed enums come back exactly; a required field is required at every depth", run: func(t *check) {
		relic := func() *pb.Relic {
			r := &pb.Relic{
				RelicId: proto.String("a"), Shelf: proto.Int32(-1), Title: proto.String(""), Shade: pb.Shade_SHADE_LIGHT.Enum(),
				Frame: &pb.Relic_Frame{Width: proto.Int64(3), Caption: proto.String("c")},
				Entry: []*pb.Relic_Entry{{Name: proto.String("n")}}, Loose: []int32{1, -1}, Packed: []int32{2},
				Parts:  map[int32]*pb.Part{-1: {Number: proto.Uint32(1), Inner: &pb.Part{Number: proto.Uint32(2)}}},
				Choice: &pb.Relic_Box_{Box: &pb.Relic_Box{Open: proto.Bool(true)}},
			}
			proto.SetExtension(r, pb.E_Remark, "remark")
			return r
		}
		key := &pb.RelicKey{RelicId: "a", Shelf: -1}
		_, err := t.Relics.PutRelic(t.Context(), &pb.PutRelicRequest{Relic: relic()})
		t.ok(err)
		out, err := t.Relics.GetRelic(t.Context(), &pb.GetRelicRequest{Key: key})
		t.ok(err)
		t.equal("relic", out.GetRecord().GetRelic(), relic())
		for at, edit := range map[string]func(*pb.Relic){
			"relic.title":                func(r *pb.Relic) { r.Title = nil },
			"relic.frame.width":          func(r *pb.Relic) { r.Frame.Width = nil },
			"relic.entry[0].name":        func(r *pb.Relic) { r.Entry[0].Name = nil },
			"relic.parts[7].number":      func(r *pb.Relic) { r.Parts[7] = &pb.Part{} },
			"relic.part.inner.number":    func(r *pb.Relic) { r.Part = &pb.Part{Number: proto.Uint32(1), Inner: &pb.Part{}} },
			"relic.more_parts[0].number": func(r *pb.Relic) { r.MoreParts = []*pb.Part{{}} },
			"relic.box.open":             func(r *pb.Relic) { r.GetBox().Open = nil },
		} {
			r := relic()
			edit(r)
			record, err := proto.MarshalOptions{AllowPartial: true}.Marshal(r)
			t.ok(err)
			_, err = t.raw("Relic", "PutRelic", delimited(nil, 1, record))
			t.refusedAt(err, fieldRequired, at)
		}
	}},
	{name: "text that is not checked", rule: "a string whose declaration does not ask for UTF-8 comes back exactly, and is refused in a key or an index", run: func(t *check) {
		record := append(text(varint(text(nil, 1, "a"), 2, 1), 3, "\xff"), text(nil, 4, "\xfe\x00")...)
		_, err := t.raw("Relic", "PutRelic", delimited(nil, 1, record))
		t.ok(err)
		got, err := t.raw("Relic", "GetRelic", delimited(nil, 1, varint(text(nil, 1, "a"), 2, 1)))
		t.ok(err)
		if value := t.field1(t.field1(got)); !bytes.Equal(value, record) {
			t.Errorf("%x comes back as %x", record, value)
		}
		_, err = t.raw("Relic", "PutRelic", delimited(nil, 1, text(varint(text(nil, 1, "\xff"), 2, 1), 3, "")))
		t.refusedAt(err, fieldCharset, "relic.relic_id")
		if t.has(schema.CanList) {
			_, err = t.raw("Relic", "PutRelic", delimited(nil, 1, text(text(varint(text(nil, 1, "a"), 2, 1), 3, ""), 15, "\xff")))
			t.refusedAt(err, fieldCharset, "relic.word")
		}
	}},
	{name: "editions", rule: "what editions say of a field is kept: delimited messages, required fields, closed enums; well-known types come back exactly", run: func(t *check) {
		packed, err := anypb.New(wrapperspb.String("x"))
		t.ok(err)
		list, err := structpb.NewStruct(map[string]any{"a": []any{1.5, nil, "b", map[string]any{"c": true}}})
		t.ok(err)
		m := &pb.Modern{
			ModernId: "m", Rank: proto.String(""), Delimited: &pb.Leaf{Name: proto.String("l"), Next: &pb.Leaf{}}, Leaves: []*pb.Leaf{{}, {Name: proto.String("k")}},
			Expanded: []int64{-1, 1}, Phase: pb.Phase_PHASE_FULL.Enum(), Stage: pb.Stage_STAGE_OPEN.Enum(),
			Any: packed, Duration: durationpb.New(-1), Empty: &emptypb.Empty{}, Mask: &fieldmaskpb.FieldMask{Paths: []string{"a.b"}},
			Struct: list, Value: structpb.NewNullValue(), Timestamp: at(1, 1), StringValue: wrapperspb.String(""),
			BytesValue: wrapperspb.Bytes([]byte{0xff}), Int64Value: wrapperspb.Int64(math.MinInt64), DoubleValue: wrapperspb.Double(0), BoolValue: wrapperspb.Bool(false),
		}
		_, err = t.Moderns.PutModern(t.Context(), &pb.PutModernRequest{Modern: m})
		t.ok(err)
		out, err := t.Moderns.GetModern(t.Context(), &pb.GetModernRequest{Key: &pb.ModernKey{ModernId: "m"}})
		t.ok(err)
		t.equal("modern", out.GetRecord().GetModern(), m)
		if t.has(schema.CanList) {
			found, err := t.Moderns.FindModernsByStage(t.Context(), &pb.FindModernsByStageRequest{By: &pb.FindModernsByStageRequest_By{Stage: pb.Stage_STAGE_OPEN}})
			t.ok(err)
			t.equal("found by stage", len(found.GetRecords()), 1)
		}
		_, err = t.raw("Modern", "PutModern", delimited(nil, 1, text(nil, 1, "m")))
		t.refusedAt(err, fieldRequired, "modern.rank")
	}},
}
