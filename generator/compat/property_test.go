package compat_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Of random pairs of schemas, whatever is found compatible in a direction is: a record
// that is written by one has the same values in the fields that both have when the
// other reads it, and so do those that are written by both.
//
//	PRISM_PAIRS=100000 go test ./generator/compat -run TestProperty
func TestProperty(t *testing.T) {
	pairs := 150
	if text := os.Getenv("PRISM_PAIRS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		pairs = n
	}
	seed := rand.Uint64()
	if text := os.Getenv("PRISM_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("PRISM_SEED=%d", seed)
	compatible, refused := 0, 0
	for i := range uint64(pairs) {
		r := rand.New(rand.NewPCG(seed+i, 0))
		was, now := randomPair(r)
		for _, mode := range []string{"BACKWARD", "FORWARD"} {
			before, after := read(t, only(random(was, mode))), read(t, only(random(now, mode)))
			if blocking(judgeModels(t, after, before)) != "" {
				refused++
				continue
			}
			compatible++
			writer, reader := before.Entities()[0].Desc, after.Entities()[0].Desc
			if mode == "FORWARD" {
				writer, reader = reader, writer
			}
			for range 20 {
				m := filled(r, writer, 0)
				b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				read := dynamicpb.NewMessage(reader)
				err = proto.Unmarshal(b, read)
				if difference := differs(m, read); err != nil || difference != "" {
					t.Fatalf("PRISM_SEED=%d PRISM_PAIRS=1: %s: %v %s\nwas %s\nnow %s\nrecord %v", seed+i, mode, err, difference, random(was, mode), random(now, mode), m)
				}
			}
		}
	}
	t.Logf("%d compatible, %d refused", compatible, refused)
	if compatible < pairs/5 || refused < pairs/5 {
		t.Errorf("%d compatible and %d refused of %d pairs: one kind is hardly tried", compatible, refused, pairs)
	}
}

// fieldText is a field of a random message, without its number.
type fieldText struct {
	name, kind, text string
	oneof            bool
}

// randomType returns a type, which is legal in every place that randomField has.
func randomType(r *rand.Rand) string {
	all := []string{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "fixed32", "sfixed32", "float", "fixed64", "sfixed64", "double", "string", "bytes", "Open", "Other", "Closed", "Below", "Beside"}
	return all[r.IntN(len(all))]
}

func randomField(r *rand.Rand, name string) fieldText {
	return dressed(r, name, randomType(r))
}

// dressed gives a type a place: single, with or without presence, a list, or a map.
func dressed(r *rand.Rand, name, kind string) fieldText {
	message := kind == "Below" || kind == "Beside"
	numeric := !message && kind != "string" && kind != "bytes"
	switch n := r.IntN(10); {
	case n < 2:
		options := ""
		if numeric && r.IntN(2) == 0 {
			options = " [features.repeated_field_encoding = EXPANDED]"
		} else if message && r.IntN(3) == 0 {
			options = " [features.message_encoding = DELIMITED]"
		}
		return fieldText{name, kind, "repeated " + kind + " " + name + " = %d" + options + ";", false}
	case n == 2 && kind != "Closed":
		key := []string{"string", "int32", "sint32", "bool", "uint64"}[r.IntN(5)]
		return fieldText{name, kind, "map<" + key + ", " + kind + "> " + name + " = %d;", false}
	case n == 3:
		return fieldText{name, kind, kind + " " + name + " = %d;", true}
	case n == 4 && !message && kind != "Closed":
		return fieldText{name, kind, kind + " " + name + " = %d [features.field_presence = IMPLICIT];", false}
	case (n == 5 || n == 6) && (kind == "int32" || kind == "int64" || kind == "uint32"):
		return fieldText{name, kind, fmt.Sprintf("%s %s = %%d [default = %d];", kind, name, r.IntN(2)), false}
	}
	return fieldText{name, kind, kind + " " + name + " = %d;", false}
}

// model is a random schema: the fields of three messages by number.
type model struct {
	messages [3]map[int]fieldText
	reserved [3]map[int]bool
	closed   []int // numbers of the closed enum
}

// randomPair returns a schema and one that has a few changes of it.
func randomPair(r *rand.Rand) (was, now model) {
	for i := range was.messages {
		was.messages[i], now.messages[i] = map[int]fieldText{}, map[int]fieldText{}
		now.reserved[i] = map[int]bool{}
		for n := 2; n < 6; n++ {
			if r.IntN(5) == 0 {
				continue
			}
			f := randomField(r, fmt.Sprintf("f%d", n))
			was.messages[i][n], now.messages[i][n] = f, f
		}
	}
	was.closed, now.closed = []int{0, 1, 2}, []int{0, 1, 2}
	for range 1 + r.IntN(3) {
		i, n := r.IntN(3), 2+r.IntN(4)
		f, ok := now.messages[i][n]
		switch {
		case r.IntN(12) == 0:
			now.closed = [][]int{{0, 1}, {0, 1, 2, 3}}[r.IntN(2)]
		case !ok:
			now.messages[i][n] = randomField(r, fmt.Sprintf("f%d", n))
		case r.IntN(6) == 0:
			delete(now.messages[i], n)
			now.reserved[i][n] = r.IntN(4) > 0
		case r.IntN(2) == 0:
			now.messages[i][n] = dressed(r, f.name, f.kind) // in another place
		case r.IntN(3) == 0:
			now.messages[i][n] = randomField(r, f.name)
		default:
			now.messages[i][n] = dressed(r, f.name, near(r, f.kind))
		}
	}
	return was, now
}

// near returns a type that is read like another, or is.
func near(r *rand.Rand, kind string) string {
	for _, group := range [][]string{
		{"sint32", "sint64"}, {"sfixed32", "fixed32"}, {"sfixed64", "fixed64"},
		{"uint32", "uint64", "int64"}, {"int32", "int64", "Open", "Other", "Closed"}, {"bool", "int32", "Open", "uint32"}, {"string", "bytes"}, {"Below", "Beside"},
	} {
		if slices.Contains(group, kind) {
			return group[r.IntN(len(group))]
		}
	}
	return randomType(r)
}

// random prints a model.
func random(m model, mode string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "edition = \"2023\";\nmessage Order {\n  option (prism.v1.entity) = {namespace: \"orders\", key_value: {}, compatibility: %s};\n", mode)
	b.WriteString("  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36, (prism.v1.field).required = true];\n")
	for i, name := range []string{"", "Below", "Beside"} {
		if name != "" {
			fmt.Fprintf(&b, "message %s {\n", name)
		}
		var oneof string
		for n := 2; n < 8; n++ {
			f, ok := m.messages[i][n]
			text := fmt.Sprintf("  "+f.text, n)
			switch {
			case !ok && m.reserved[i][n]:
				fmt.Fprintf(&b, "  reserved %d;\n", n)
			case !ok:
			case f.oneof:
				oneof += text + "\n"
			default:
				b.WriteString(text + "\n")
			}
		}
		if oneof != "" {
			b.WriteString("  oneof o {\n" + oneof + "  }\n")
		}
		b.WriteString("}\n")
	}
	b.WriteString("enum Open { OPEN_0 = 0; OPEN_1 = 1; }\nenum Other { OTHER_0 = 0; OTHER_5 = 5; }\nenum Closed {\n  option features.enum_type = CLOSED;\n")
	for _, n := range m.closed {
		fmt.Fprintf(&b, "  CLOSED_%d = %d;\n", n, n)
	}
	b.WriteString("}\n")
	return b.String()
}

// filled returns a message with random values, of which a closed enum has only its
// own, as a writer gives it no others.
func filled(r *rand.Rand, d protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if r.IntN(4) == 0 || depth > 3 && f.Message() != nil {
			continue
		}
		value := func(f protoreflect.FieldDescriptor) protoreflect.Value {
			if f.Message() != nil {
				return protoreflect.ValueOf(filled(r, f.Message(), depth+1))
			}
			return scalar(r, f)
		}
		switch {
		case f.IsMap():
			for range r.IntN(3) {
				m.Mutable(f).Map().Set(scalar(r, f.MapKey()).MapKey(), value(f.MapValue()))
			}
		case f.IsList():
			for range r.IntN(3) {
				m.Mutable(f).List().Append(value(f))
			}
		default:
			m.Set(f, value(f))
		}
	}
	return m
}

func scalar(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	n := []int64{0, 1, 2, -1, math.MaxInt32, math.MinInt32, math.MaxUint32, math.MaxInt64, math.MinInt64, 5}[r.IntN(10)]
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOf(n%2 != 0)
	case protoreflect.EnumKind:
		if f.Enum().IsClosed() {
			return protoreflect.ValueOf(f.Enum().Values().Get(r.IntN(f.Enum().Values().Len())).Number())
		}
		return protoreflect.ValueOf(protoreflect.EnumNumber(int32(n)))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOf(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOf(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOf(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOf(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOf(float32(n))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOf(float64(n))
	case protoreflect.BytesKind:
		return protoreflect.ValueOf([]byte([]string{"", "a", "\xff", "\x08\x01"}[r.IntN(4)]))
	}
	return protoreflect.ValueOf([]string{"", "a", "é", "\x08\x01"}[r.IntN(4)])
}

// differs returns a field of which what was read is not what was written, "" if there
// is none.
func differs(m, read protoreflect.Message) string {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		g := read.Descriptor().Fields().ByNumber(f.Number())
		if g == nil {
			continue
		}
		// Between single values absent is what it reads as, with presence or without; only
		// two messages are told apart by it.
		single := f.Cardinality() != protoreflect.Repeated && g.Cardinality() != protoreflect.Repeated
		w, r := elements(m, f, g, single), elements(read, g, f, single)
		difference := fmt.Sprintf("%s: %v was read as %v", f.FullName(), w, r)
		if len(w) != len(r) {
			return difference
		}
		for i := range w {
			a, message := w[i].(protoreflect.Message)
			b, too := r[i].(protoreflect.Message)
			if message && too {
				if d := differs(a, b); d != "" {
					return d
				}
			} else if plain(w[i]) != plain(r[i]) {
				return difference
			}
		}
	}
	return ""
}

// elements are the values of a field: of a map its entries, in the order in which they
// are written, and of a single field one or none.
func elements(m protoreflect.Message, f, other protoreflect.FieldDescriptor, single bool) []any {
	var all []any
	switch v := m.Get(f); {
	case f.IsMap():
		v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			entry := dynamicpb.NewMessage(f.Message())
			entry.Set(f.MapKey(), key.Value())
			entry.Set(f.MapValue(), value)
			all = append(all, protoreflect.Message(entry))
			return true
		})
		slices.SortFunc(all, func(a, b any) int {
			return compareKeys(a.(protoreflect.Message).Get(f.MapKey()), b.(protoreflect.Message).Get(f.MapKey()))
		})
	case f.IsList():
		for i := range v.List().Len() {
			all = append(all, v.List().Get(i).Interface())
		}
	case m.Has(f) || single && f.Message() == nil:
		all = append(all, v.Interface())
	case single && other.Message() == nil: // and bytes are empty
		all = append(all, []byte{})
	}
	return all
}

func compareKeys(a, b protoreflect.Value) int {
	switch x := a.Interface().(type) {
	case string:
		return strings.Compare(x, b.String())
	case bool:
		return strings.Compare(plain(x), plain(b.Bool()))
	case uint64:
		return cmp.Compare(x, b.Uint())
	}
	return cmp.Compare(a.Int(), b.Int())
}

// plain is a value in a form in which equal values of all kinds are alike.
func plain(v any) string {
	switch v := v.(type) {
	case bool:
		return map[bool]string{false: "0", true: "1"}[v]
	case []byte:
		return string(v)
	case protoreflect.Message:
		b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(v.Interface())
		return string(b)
	}
	return fmt.Sprint(v)
}
