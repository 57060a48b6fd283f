package wire_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/runtime/wire"
)

// nested returns depth messages, each field 1 of the one around it.
func nested(depth int) []byte {
	var b []byte
	for range depth - 1 {
		b = wire.AppendBytes(nil, 1, b)
	}
	return b
}

// groups returns depth unknown groups, one inside the other.
func groups(depth int) []byte {
	var b []byte
	for range depth {
		b = append(protowire.AppendTag(nil, 9, protowire.StartGroupType), append(b, protowire.AppendTag(nil, 9, protowire.EndGroupType)...)...)
	}
	return b
}

// descend reads field 1 as a message at every depth.
func descend(f *wire.Fields) {
	for f.Next() {
		if f.Tag == 1<<3|wire.Bytes {
			outer := f.Enter(0)
			descend(f)
			f.Leave(outer)
		}
	}
}

// decode reads b as messages in field 1 at every depth.
func decode(b []byte) error {
	f := wire.Read(b)
	descend(f)
	return f.Err()
}

func TestEncodingFaults(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"empty", nil, nil},
		{"varint cut", []byte{1<<3 | wire.Varint, 0x80}, wire.ErrMalformed},
		{"varint of eleven bytes", append([]byte{1<<3 | wire.Varint}, bytes.Repeat([]byte{0x80}, 10)...), wire.ErrMalformed},
		{"varint over 64 bits", append(append([]byte{1<<3 | wire.Varint}, bytes.Repeat([]byte{0xff}, 9)...), 2), wire.ErrMalformed},
		{"varint longer than needed", []byte{1<<3 | wire.Varint, 0x81, 0x80, 0x00}, nil},
		{"fixed64 cut", []byte{1<<3 | wire.Fixed64, 1, 2, 3, 4, 5, 6, 7}, wire.ErrMalformed},
		{"fixed32 cut", []byte{1<<3 | wire.Fixed32, 1, 2, 3}, wire.ErrMalformed},
		{"length over the end", []byte{1<<3 | wire.Bytes, 2, 'a'}, wire.ErrMalformed},
		{"length over 63 bits", append([]byte{1<<3 | wire.Bytes}, protowire.AppendVarint(nil, math.MaxUint64)...), wire.ErrMalformed},
		{"field number 0", []byte{wire.Varint, 1}, wire.ErrMalformed},
		{"greatest field number", wire.AppendVarint(nil, 1<<29-1, 1), nil},
		{"field number too great", wire.AppendVarint(nil, 1<<29, 1), wire.ErrMalformed},
		{"wire type 6", []byte{1<<3 | 6}, wire.ErrMalformed},
		{"wire type 7", []byte{1<<3 | 7}, wire.ErrMalformed},
		{"end of no group", protowire.AppendTag(nil, 1, protowire.EndGroupType), wire.ErrMalformed},
		{"group without end", protowire.AppendTag(nil, 1, protowire.StartGroupType), wire.ErrMalformed},
		{"group with another end", append(protowire.AppendTag(nil, 1, protowire.StartGroupType), protowire.AppendTag(nil, 2, protowire.EndGroupType)...), wire.ErrMalformed},
		{"number too great in a group", append(append(protowire.AppendTag(nil, 1, protowire.StartGroupType), wire.AppendVarint(nil, 1<<29, 1)...), protowire.AppendTag(nil, 1, protowire.EndGroupType)...), wire.ErrMalformed},
		{"messages as deep as allowed", nested(wire.MaxDepth), nil},
		{"messages too deep", nested(wire.MaxDepth + 1), wire.ErrTooDeep},
		{"groups as deep as allowed", groups(wire.MaxDepth - 1), nil},
		{"groups too deep", groups(wire.MaxDepth), wire.ErrTooDeep},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := decode(test.in); !errors.Is(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// one reads the only field of b.
func one(t *testing.T, b []byte) *wire.Fields {
	t.Helper()
	f := wire.Read(b)
	if !f.Next() {
		t.Fatalf("no field in %x: %v", b, f.Err())
	}
	return f
}

func TestValues(t *testing.T) {
	long := one(t, wire.AppendVarint(nil, 1, 0x1_ffff_fff0))
	if got := long.Int32(); got != -16 {
		t.Errorf("a varint longer than 32 bits as int32 is %d, want -16", got)
	}
	if got := long.Uint32(); got != 0xffff_fff0 {
		t.Errorf("a varint longer than 32 bits as uint32 is %d, want 4294967280", got)
	}
	for _, want := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		f := one(t, wire.AppendZigZag(nil, 1, want))
		if got := f.Sint64(); got != want {
			t.Errorf("sint64 %d is read as %d", want, got)
		}
		f = one(t, wire.AppendFixed64(nil, 1, uint64(want)))
		if got := f.Int64(); got != want {
			t.Errorf("sfixed64 %d is read as %d", want, got)
		}
	}
	for _, want := range []int32{0, 1, -1, math.MaxInt32, math.MinInt32} {
		f := one(t, protowire.AppendVarint([]byte{1<<3 | wire.Varint}, protowire.EncodeZigZag(int64(want))))
		if got := f.Sint32(); got != want {
			t.Errorf("sint32 %d is read as %d", want, got)
		}
	}
	if f := one(t, wire.AppendVarint(nil, 1, 2)); !f.Bool() {
		t.Error("the varint 2 as bool is false")
	}
}

func TestTextIsCutAndChecked(t *testing.T) {
	b := append(wire.AppendBytes(nil, 1, []byte("köln")), "behind"...)
	f := one(t, b)
	text := f.Text()
	if string(text) != "köln" || cap(text) != len(text) {
		t.Errorf("got %q with capacity %d; an append to it would overwrite the field behind", text, cap(text))
	}
	if f = one(t, wire.AppendBytes(nil, 1, []byte{0xff})); f.Text() == nil || !errors.Is(f.Err(), wire.ErrUTF8) {
		t.Errorf("invalid UTF-8 gives %v, want %v", f.Err(), wire.ErrUTF8)
	}
	if f = one(t, wire.AppendBytes(nil, 1, nil)); f.Text() == nil {
		t.Error("empty text is nil, which means absent")
	}
}

// A string is checked together with what follows it. That must not affect the
// result for another string, wherever the invalid byte is.
func TestTextAmongOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var b []byte
		var want [][]byte // up to the first invalid string
		valid := true
		for range 1 + random.IntN(6) {
			text := bytes.Repeat([]byte("a"), random.IntN([]int{4, 20, 600}[random.IntN(3)]))
			if random.IntN(4) == 0 {
				at := random.IntN(len(text) + 1)
				text = slices.Insert(text, at, []byte([]string{"ö", "漢", "\xff", "\xc3", "\xe6\xbc"}[random.IntN(5)])...)
			}
			b = wire.AppendBytes(b, 1, text)
			if random.IntN(3) == 0 {
				b = wire.AppendVarint(b, 2, random.Uint64())
			}
			if valid = valid && utf8.Valid(text); valid {
				want = append(want, text)
			}
		}
		var got [][]byte
		f := wire.Read(b)
		for f.Next() {
			if f.Tag == 1<<3|wire.Bytes {
				if text := f.Text(); f.Err() == nil {
					got = append(got, text)
				}
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) || valid != (f.Err() == nil) {
			t.Fatalf("%x: read %q, %v, want %q, valid %t", b, got, f.Err(), want, valid)
		}
	}
}

func TestPacked(t *testing.T) {
	tests := []struct {
		name  string
		data  []byte
		check func(*wire.Fields)
		want  error
	}{
		{"varints", []byte{1, 0x80, 1, 3}, (*wire.Fields).PackedVarints, nil},
		{"varints cut", []byte{1, 0x80}, (*wire.Fields).PackedVarints, wire.ErrMalformed},
		{"fixed32", make([]byte, 8), func(f *wire.Fields) { f.PackedFixed(4) }, nil},
		{"fixed64 cut", make([]byte, 12), func(f *wire.Fields) { f.PackedFixed(8) }, wire.ErrMalformed},
	}
	for _, test := range tests {
		f := one(t, wire.AppendBytes(nil, 1, test.data))
		if test.check(f); !errors.Is(f.Err(), test.want) {
			t.Errorf("%s: got %v, want %v", test.name, f.Err(), test.want)
		}
	}
}

// A message that occurs twice on the wire is merged.
func TestTimestampIsMerged(t *testing.T) {
	first, _ := proto.Marshal(&timestamppb.Timestamp{Seconds: 5, Nanos: 1})
	second, _ := proto.Marshal(&timestamppb.Timestamp{Nanos: 7})
	f := wire.Read(wire.AppendBytes(wire.AppendBytes(nil, 1, first), 1, second))
	var got wire.Timestamp
	for f.Next() {
		got = f.Timestamp(got)
	}
	if want := (wire.Timestamp{Seconds: 5, Nanos: 7, Set: true}); got != want || f.Err() != nil {
		t.Errorf("got %v (%v), want %v", got, f.Err(), want)
	}
}

func TestTimestamp(t *testing.T) {
	valid := []wire.Timestamp{
		{},
		{Seconds: -62135596800, Set: true},
		{Seconds: -62135596800, Nanos: 1, Set: true},
		{Set: true},
		{Seconds: 253402300799, Nanos: 999999999, Set: true},
	}
	for i, a := range valid {
		if !a.Valid() {
			t.Errorf("%v is refused", a)
		}
		f := one(t, append(wire.AppendTimestamp(nil, 1, a), wire.AppendVarint(nil, 2, 0)...))
		if a.Set {
			if got := f.Timestamp(wire.Timestamp{}); got != a {
				t.Errorf("%v is read back as %v", a, got)
			}
		}
		if size := len(wire.AppendTimestamp(nil, 1, a)); size != wire.SizeTimestamp(1, a) {
			t.Errorf("%v takes %d bytes, SizeTimestamp says %d", a, size, wire.SizeTimestamp(1, a))
		}
		for j, b := range valid {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v compared with %v is %d, want %d", a, b, got, want)
			}
		}
	}
	for _, bad := range []wire.Timestamp{
		{Seconds: -62135596801, Set: true}, {Seconds: 253402300800, Set: true}, {Nanos: -1, Set: true}, {Nanos: 1e9, Set: true},
	} {
		if bad.Valid() {
			t.Errorf("%v is taken for a time", bad)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 1 << 14, 1<<63 - 1, math.MaxUint64} {
		for _, number := range []int32{1, 15, 16, 1<<29 - 1} {
			if got, want := wire.SizeNonZero(number, v), len(wire.AppendNonZero(nil, number, v)); got != want {
				t.Errorf("SizeNonZero(%d, %d) is %d, want %d", number, v, got, want)
			}
		}
	}
	for _, size := range []int{0, 1, 127, 128, 1 << 14} {
		if got, want := wire.SizeBytes(1, size), len(wire.AppendBytes(nil, 1, make([]byte, size))); got != want {
			t.Errorf("SizeBytes(1, %d) is %d, want %d", size, got, want)
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	b := wire.AppendTimestamp(wire.AppendVarint(wire.AppendBytes(nil, 1, []byte("text")), 2, 7), 3, wire.Timestamp{Seconds: 1, Set: true})
	allocs := testing.AllocsPerRun(100, func() {
		f := wire.Read(b)
		for f.Next() {
			switch f.Tag {
			case 1<<3 | wire.Bytes:
				f.Text()
			case 3<<3 | wire.Bytes:
				f.Timestamp(wire.Timestamp{})
			}
		}
	})
	if allocs != 0 {
		t.Errorf("reading allocates %v times", allocs)
	}
}

// A message may hold no more elements than the limit, wherever they are; what
// the compiler charges is counted separately.
func TestLimitsOfContent(t *testing.T) {
	one := wire.AppendVarint(nil, 2, 1)
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"as many fields as may be", bytes.Repeat(one, wire.MaxElements), nil},
		{"one field more", bytes.Repeat(one, wire.MaxElements+1), wire.ErrTooCostly},
		{"in nested messages", bytes.Repeat(wire.AppendBytes(nil, 1, bytes.Repeat(one, 9)), wire.MaxElements/10), nil},
		{"one more behind nested messages", append(bytes.Repeat(wire.AppendBytes(nil, 1, bytes.Repeat(one, 9)), wire.MaxElements/10), one...), wire.ErrTooCostly},
		{"one more in the last", bytes.Repeat(wire.AppendBytes(nil, 1, bytes.Repeat(one, 10)), wire.MaxElements/10), wire.ErrTooCostly},
		{"packed", wire.AppendBytes(nil, 3, make([]byte, wire.MaxElements-1)), nil},
		{"one packed more", wire.AppendBytes(nil, 3, make([]byte, wire.MaxElements)), wire.ErrTooCostly},
		{"packed fixed32", wire.AppendBytes(nil, 4, make([]byte, 4*wire.MaxElements)), wire.ErrTooCostly},
		{"as many bytes as may be", wire.AppendBytes(nil, 5, nil), nil},
		{"a byte more", append(wire.AppendBytes(nil, 5, nil), wire.AppendBytes(nil, 5, nil)...), wire.ErrTooCostly},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := wire.Read(test.in)
			for f.Next() {
				switch f.Tag {
				case 1<<3 | wire.Bytes:
					f.Check(0)
				case 3<<3 | wire.Bytes:
					f.PackedVarints()
				case 4<<3 | wire.Bytes:
					f.PackedFixed(4)
				case 5<<3 | wire.Bytes:
					f.Check(wire.MaxDecoded - 2)
				}
			}
			if got := f.Err(); !errors.Is(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// A list of numbers is read one by one, packed or not, and what is counted and refused
// in it is what PackedVarints and PackedFixed count and refuse.
func TestNumber(t *testing.T) {
	read := func(b []byte, kind wire.Tag) (got []uint64, err error) {
		f := wire.Read(b)
		for f.Next() {
			for f.Number(kind) {
				got = append(got, f.Uint64())
			}
		}
		return got, f.Err()
	}
	eight, four := []byte{7, 0, 0, 0, 0, 0, 0, 0}, []byte{7, 0, 0, 0}
	tests := []struct {
		name string
		in   []byte
		kind wire.Tag
		want []uint64
		err  error
	}{
		{"alone", wire.AppendVarint(nil, 1, 5), wire.Varint, []uint64{5}, nil},
		{"alone, then packed", wire.AppendBytes(wire.AppendVarint(nil, 1, 5), 1, []byte{6, 0x80, 1}), wire.Varint, []uint64{5, 6, 128}, nil},
		{"packed, then alone", wire.AppendVarint(wire.AppendBytes(nil, 1, []byte{6, 7}), 1, 5), wire.Varint, []uint64{6, 7, 5}, nil},
		{"none", wire.AppendBytes(nil, 1, nil), wire.Varint, nil, nil},
		{"cut", wire.AppendBytes(nil, 1, []byte{6, 0x80}), wire.Varint, []uint64{6}, wire.ErrMalformed},
		{"fixed64", wire.AppendBytes(wire.AppendFixed64(nil, 1, 5), 1, append(eight, eight...)), wire.Fixed64, []uint64{5, 7, 7}, nil},
		{"fixed64 cut", wire.AppendBytes(nil, 1, append(eight, 1)), wire.Fixed64, []uint64{7}, wire.ErrMalformed},
		{"fixed32", wire.AppendFixed32(wire.AppendBytes(nil, 1, append(four, four...)), 1, 5), wire.Fixed32, []uint64{7, 7, 5}, nil},
		{"fixed32 cut", wire.AppendBytes(nil, 1, append(four, 1, 2, 3)), wire.Fixed32, []uint64{7}, wire.ErrMalformed},
	}
	for _, test := range tests {
		got, err := read(test.in, test.kind)
		if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("%s: %v (%v), want %v (%v)", test.name, got, err, test.want, test.err)
		}
	}
	if got, err := read(wire.AppendBytes(nil, 1, make([]byte, wire.MaxElements-1)), wire.Varint); err != nil || len(got) != wire.MaxElements-1 {
		t.Errorf("as many as may be: %d (%v)", len(got), err)
	}
	if _, err := read(wire.AppendBytes(nil, 1, make([]byte, wire.MaxElements)), wire.Varint); !errors.Is(err, wire.ErrTooCostly) {
		t.Errorf("one more: %v", err)
	}
}
