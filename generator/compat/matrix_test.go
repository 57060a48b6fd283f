package compat

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The tables say what protobuf-go does: every edge value of every kind is written as
// that kind, and read as every other.
func TestMatrix(t *testing.T) {
	got := map[string][]string{}
	for _, w := range kinds {
		var one, list, single, as strings.Builder
		for _, r := range kinds {
			if !w.packable() && r.packable() {
				as.WriteString(outcome(t, w, none, r, expanded).letter())
			}
			one.WriteString(outcome(t, w, none, r, none).letter())
			if w.packable() {
				list.WriteString(outcome(t, w, packed, r, expanded).letter())
				single.WriteString(outcome(t, w, packed, r, none).letter())
			}
		}
		got["values"] = append(got["values"], one.String())
		if !w.packable() {
			got["asPacked"] = append(got["asPacked"], as.String())
		}
		if w.packable() {
			got["packedAsList"] = append(got["packedAsList"], list.String())
			got["packedAsOne"] = append(got["packedAsOne"], single.String())
		}
	}
	for name, want := range map[string][]string{"values": values, "packedAsList": packedAsList, "packedAsOne": packedAsOne, "asPacked": asPacked} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is\n\t%s", name, strings.Join(got[name], "\n\t"))
		}
	}
}

// What is singular here and a list there follows from the tables.
func TestLists(t *testing.T) {
	for _, w := range kinds {
		for _, r := range kinds {
			for _, as := range []list{none, packed, expanded} {
				for _, by := range []list{none, packed, expanded} {
					if as == packed && !w.packable() || by == packed && !r.packable() {
						continue
					}
					if got, want := (shape{w, as}).readAs(shape{r, by}), outcome(t, w, as, r, by); got != want {
						t.Errorf("%s (%d) read as %s (%d) = %v, want %v", w, as, r, by, got, want)
					}
				}
			}
		}
	}
}

// outcome writes edge values of a kind, alone and, as lists, together, and reads them.
func outcome(t *testing.T, w kind, as list, r kind, by list) Outcome {
	t.Helper()
	writer, reader := message(t, w, as), message(t, r, by)
	worst, kept, lost := Same, false, false
	for _, v := range records(w, as) {
		m := dynamicpb.NewMessage(writer)
		f := writer.Fields().Get(0)
		for _, x := range v {
			if f.IsList() {
				m.Mutable(f).List().Append(valueOf(m, f, x))
			} else {
				m.Set(f, valueOf(m, f, x))
			}
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		read := dynamicpb.NewMessage(reader)
		if err := proto.Unmarshal(b, read); err != nil {
			return Refused
		}
		strange := unknown(read)
		switch {
		case !strange && slices.Equal(texts(m), texts(read)):
			kept = kept || !slices.ContainsFunc(texts(m), func(s string) bool { return s == "0" || s == "" })
		case strange:
			worst = Gone
		default:
			lost = true
		}
	}
	switch {
	case lost && kept:
		return max(worst, Loss)
	case lost:
		return max(worst, Other)
	}
	return worst
}

// unknown reports whether something was read as an unknown field. protobuf-go keeps
// a number that a closed enum does not have as its value; protobuf's rule, which other
// languages and Prism follow, is that the field is unknown.
func unknown(m *dynamicpb.Message) bool {
	if e := m.Descriptor().Fields().Get(0).Enum(); e != nil && e.IsClosed() {
		for _, text := range texts(m) {
			if n, _ := strconv.Atoi(text); e.Values().ByNumber(protoreflect.EnumNumber(n)) == nil {
				return true
			}
		}
	}
	return len(m.GetUnknown()) > 0
}

// texts are the values of the one field, each in a form in which equal values of all
// kinds are alike.
func texts(m *dynamicpb.Message) []string {
	f := m.Descriptor().Fields().Get(0)
	text := func(v protoreflect.Value) string {
		switch x := v.Interface().(type) {
		case bool:
			if x {
				return "1"
			}
			return "0"
		case []byte:
			return string(x)
		case protoreflect.Message:
			b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(x.Interface())
			return string(b)
		default:
			return fmt.Sprint(x)
		}
	}
	var all []string
	switch {
	case f.IsList():
		for i := range m.Get(f).List().Len() {
			all = append(all, text(m.Get(f).List().Get(i)))
		}
	case m.Has(f):
		all = append(all, text(m.Get(f)))
	}
	return all
}

// records are the values that are written, each alone, and those of a list also
// together.
func records(k kind, as list) [][]any {
	all := edges[k]
	var alone [][]any
	for _, v := range all {
		alone = append(alone, []any{v})
	}
	if as != none {
		alone = append(alone, all)
	}
	return alone
}

// edges are the values at which kinds differ.
var edges = func() map[kind][]any {
	i32 := []any{int32(0), int32(1), int32(2), int32(-1), int32(math.MaxInt32), int32(math.MinInt32)}
	i64 := []any{int64(0), int64(1), int64(2), int64(-1), int64(math.MaxInt32), int64(math.MaxUint32), int64(math.MaxInt64), int64(math.MinInt64)}
	u32 := []any{uint32(0), uint32(1), uint32(2), uint32(math.MaxInt32), uint32(math.MaxUint32)}
	u64 := []any{uint64(0), uint64(1), uint64(2), uint64(math.MaxInt32), uint64(math.MaxUint32), uint64(math.MaxUint64)}
	enum := []any{protoreflect.EnumNumber(0), protoreflect.EnumNumber(1), protoreflect.EnumNumber(2), protoreflect.EnumNumber(-1)}
	return map[kind][]any{
		"int32": i32, "sint32": i32, "sfixed32": i32, "int64": i64, "sint64": i64, "sfixed64": i64,
		"uint32": u32, "fixed32": u32, "uint64": u64, "fixed64": u64, "bool": {false, true},
		"closed enum": enum, "open enum": append(slices.Clone(enum), protoreflect.EnumNumber(7), protoreflect.EnumNumber(math.MaxInt32), protoreflect.EnumNumber(math.MinInt32)),
		"float":  {float32(0), float32(1), float32(-1), float32(math.MaxFloat32), float32(0.1)},
		"double": {float64(0), float64(1), float64(-1), math.MaxFloat64, 0.1},
		"string": {"", "a", "\x08\x01", "é"}, "bytes": {[]byte{}, []byte("a"), []byte("\x08\x01"), []byte("\xff")},
		"message": {int32(0), int32(1), int32(-1), int32(200)}, "group": {int32(0), int32(1), int32(-1), int32(200)},
	}
}()

// valueOf makes v the value of a field: a message has it in its own field.
func valueOf(m *dynamicpb.Message, f protoreflect.FieldDescriptor, v any) protoreflect.Value {
	if f.Message() == nil {
		return protoreflect.ValueOf(v)
	}
	below := dynamicpb.NewMessage(f.Message())
	below.Set(f.Message().Fields().Get(0), protoreflect.ValueOf(v))
	return protoreflect.ValueOf(below)
}

// message returns a message whose field 1 has a kind. Edition 2023 has them all, with
// presence, and with text that is checked.
func message(t *testing.T, k kind, as list) protoreflect.MessageDescriptor {
	t.Helper()
	f := &descriptorpb.FieldDescriptorProto{
		Name: proto.String("f"), JsonName: proto.String("f"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		Type: types[k].Enum(), Options: &descriptorpb.FieldOptions{Features: &descriptorpb.FeatureSet{}},
	}
	if as != none {
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	if as == expanded {
		f.Options.Features.RepeatedFieldEncoding = descriptorpb.FeatureSet_EXPANDED.Enum()
	}
	switch k {
	case "open enum":
		f.TypeName = proto.String(".m.Open")
	case "closed enum":
		f.TypeName = proto.String(".m.Closed")
	case "message", "group":
		f.TypeName = proto.String(".m.Below")
	}
	if k == "group" {
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		f.Options.Features.MessageEncoding = descriptorpb.FeatureSet_DELIMITED.Enum()
	}
	enum := func(name string, features *descriptorpb.FeatureSet) *descriptorpb.EnumDescriptorProto {
		e := &descriptorpb.EnumDescriptorProto{Name: &name, Options: &descriptorpb.EnumOptions{Features: features}}
		for i, n := range []int32{0, 1, 2, -1} {
			e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(fmt.Sprintf("%s_%d", strings.ToUpper(name), i)), Number: &n})
		}
		return e
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("m.proto"), Package: proto.String("m"), Syntax: proto.String("editions"), Edition: descriptorpb.Edition_EDITION_2023.Enum(),
		EnumType: []*descriptorpb.EnumDescriptorProto{
			enum("Open", nil), enum("Closed", &descriptorpb.FeatureSet{EnumType: descriptorpb.FeatureSet_CLOSED.Enum()}),
		},
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("M"), Field: []*descriptorpb.FieldDescriptorProto{f}},
			{Name: proto.String("Below"), Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("a"), JsonName: proto.String("a"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(),
			}}},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().Get(0)
}

var types = func() map[kind]descriptorpb.FieldDescriptorProto_Type {
	all := map[kind]descriptorpb.FieldDescriptorProto_Type{}
	for _, k := range kinds {
		name := cmp.Or(map[kind]string{"open enum": "ENUM", "closed enum": "ENUM", "group": "MESSAGE"}[k], strings.ToUpper(string(k)))
		all[k] = descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+name])
	}
	return all
}()
