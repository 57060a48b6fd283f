package record_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/parcel"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/runtime"
)

// validator says what is wrong with a decoded Parcel, as a person would write it from
// parcel.proto: paths and reasons.
type validator []string

func (v *validator) add(wrong bool, path string, r runtime.Reason) {
	if wrong {
		*v = append(*v, path+" "+string(r))
	}
}

// length checks the value at path, whose length is n.
func (v *validator) length(path string, n, least, most int) {
	v.add(n < least, path, runtime.FieldTooShort)
	v.add(n > most, path, runtime.FieldTooLong)
}

func (v *validator) parcel(p *pb.Parcel) {
	v.add(p.GetParcelId() == "", "parcel_id", runtime.FieldRequired)
	v.length("parcel_id", len(p.GetParcelId()), 0, 64)
	v.add(len(p.GetParcelId()) <= 64 && strings.Contains(p.GetParcelId(), "\x00"), "parcel_id", runtime.FieldCharset)
	v.length("contents", len(p.GetContents()), 1, 4)
	for i, c := range p.GetContents() {
		v.content(fmt.Sprintf("contents[%d].", i), c)
	}
	v.length("labels", len(p.GetLabels()), 0, 3)
	for key, label := range p.GetLabels() {
		v.length(fmt.Sprintf("labels[%q]", key), len(label), 1, 8)
	}
	for i, note := range p.GetNotes() {
		v.length(fmt.Sprintf("notes[%d]", i), len(note), 2, 8)
	}
	v.length("sizes", len(p.GetSizes()), 0, 4)
	for i, size := range p.GetSizes() {
		v.add(size < 1 || size > 100, fmt.Sprintf("sizes[%d]", i), runtime.FieldRange)
	}
	for i, code := range p.GetCodes() {
		v.add(code > 999, fmt.Sprintf("codes[%d]", i), runtime.FieldRange)
	}
	for key, c := range p.GetSpares() {
		v.content(fmt.Sprintf("spares[%d].", key), c)
	}
	v.add(p.Sender == nil, "sender", runtime.FieldRequired)
	v.party("sender.", p.GetSender())
	v.party("pickup.", p.GetPickup())
	v.length("locker", len(p.GetLocker()), 0, 8)
	v.crate("crate.", p.GetCrate())
	v.length("handling", len(p.GetHandling()), 0, 2)
	v.length("seals", len(p.GetSeals()), 2, 2)
	v.length("seen_at", len(p.GetSeenAt()), 0, 2)
}

func (v *validator) content(path string, c *pb.Content) {
	v.add(c.GetSku() == "", path+"sku", runtime.FieldRequired)
	v.length(path+"sku", len(c.GetSku()), 0, 8)
	v.add(c.GetQuantity() < 1 || c.GetQuantity() > 100, path+"quantity", runtime.FieldRange)
	v.add(c == nil || c.Value == nil, path+"value", runtime.FieldRequired)
	v.party(path+"maker.", c.GetMaker())
}

func (v *validator) party(path string, p *pb.Party) {
	if p.GetName() != "" {
		v.length(path+"name", len(p.GetName()), 2, 16)
	}
	v.length(path+"places", len(p.GetPlaces()), 0, 2)
	for _, place := range p.GetPlaces() {
		v.add(place.GetUntil() == nil, path+"places[*].until", runtime.FieldRequired)
		v.length(path+"places[*].city", len(place.GetCity()), 0, 8)
	}
}

func (v *validator) crate(path string, c *pb.Crate) {
	if c == nil {
		return
	}
	v.length(path+"mark", len(c.GetMark()), 0, 4)
	v.crate(path+"inner.", c.GetInner())
	v.length(path+"crates", len(c.GetCrates()), 0, 2)
	for i, inner := range c.GetCrates() {
		v.crate(fmt.Sprintf("%scrates[%d].", path, i), inner)
	}
	for key, inner := range c.GetStacked() {
		v.crate(fmt.Sprintf("%sstacked[%d].", path, key), inner)
	}
}

// mostListed is how many violations an error brings.
const mostListed = 20

// agreeOnBounds says how the check and the validator differ on b, or "".
func agreeOnBounds(b []byte) (difference string, accepted bool) {
	var p pb.Parcel
	got := parcel.Check(b)
	if err := proto.Unmarshal(b, &p); err != nil || !decodes(got) {
		return "", false // which the other test compares
	}
	var want validator
	want.parcel(&p)
	var list []string
	if e := new(runtime.Error); errors.As(got, &e) {
		for _, v := range e.Violations() {
			list = append(list, v.Field+" "+string(v.Reason))
		}
	}
	slices.Sort(want)
	slices.Sort(list)
	switch {
	case len(want) > mostListed && len(list) == mostListed:
	case !slices.Equal(list, want):
		return fmt.Sprintf("%x\nthe check says\n%s\nthe validator\n%s", b, strings.Join(list, "\n"), strings.Join(want, "\n")), false
	}
	return "", len(want) == 0
}

// The check finds exactly what a validator of the decoded message finds, whatever way
// the message is written: in parts, with keys twice, with members of a oneof in turn,
// packed and not.
func TestBoundsAgreeWithAValidator(t *testing.T) {
	inputs := 20_000
	if n, err := strconv.Atoi(os.Getenv("PRISM_INPUTS")); err == nil {
		inputs = n
	}
	random, accepted := rand.New(rand.NewPCG(7, 8)), 0
	for range inputs {
		difference, ok := agreeOnBounds(parcelInput(random))
		if difference != "" {
			t.Fatal(difference)
		}
		if ok {
			accepted++
		}
	}
	if accepted < inputs/10 || accepted > inputs*9/10 {
		t.Errorf("%d of %d inputs keep all bounds, which tests one side only", accepted, inputs)
	}
}

func FuzzBounds(f *testing.F) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		f.Add(parcelInput(random))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if difference, _ := agreeOnBounds(b); difference != "" && !beyond(b) {
			t.Error(difference)
		}
	})
}

// parcelInput is a Parcel near its bounds, in any encoding, sometimes damaged.
func parcelInput(random *rand.Rand) []byte {
	g := parcels{random}
	b := g.encoded()
	for range random.IntN(4) / 2 {
		b = append(b, g.encoded()...)
	}
	if random.IntN(4) == 0 {
		b = damage(random, b)
	}
	return b
}

// parcels makes values that mostly keep their bounds.
type parcels struct{ *rand.Rand }

// encoded is a Parcel whose fields stand on the wire in any order, and now and then
// in part.
func (g parcels) encoded() []byte {
	b, err := proto.Marshal(g.parcel())
	if err != nil {
		panic(err)
	}
	var fields [][]byte
	for rest := b; len(rest) > 0; {
		_, _, n := protowire.ConsumeField(rest)
		fields, rest = append(fields, rest[:n]), rest[n:]
	}
	if g.IntN(2) == 0 {
		g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	}
	if len(fields) > 0 && g.IntN(8) == 0 {
		fields = fields[1:]
	}
	if g.IntN(4) == 0 { // a list that is packed otherwise than Go would
		fields = append(fields, protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.VarintType), protowire.EncodeZigZag(int64(g.number(1, 100)))))
	}
	return slices.Concat(fields...)
}

func (g parcels) seldom() bool { return g.IntN(40) == 0 }

// number is mostly one of the range.
func (g parcels) number(least, most int) int {
	switch {
	case g.seldom():
		return most + 1
	case g.seldom():
		return least - 1
	}
	return least + g.IntN(most-least+1)
}

func (g parcels) text(least, most int) string {
	n := max(g.number(least, most), 0)
	return strings.Repeat("a", n%3) + strings.Repeat("7", n-n%3)
}

func (g parcels) key() string { return []string{"", "a", "ö", "\"\x00"}[g.IntN(4)] }

func some[T any](g parcels, most int, one func() T) []T {
	var list []T
	for range g.IntN(cmp.Or(most, 1)) {
		list = append(list, one())
	}
	return list
}

func entries[K comparable, V any](g parcels, most int, key func() K, value func() V) map[K]V {
	all := map[K]V{}
	for range max(g.number(0, most), 0) {
		all[key()] = value()
	}
	return all
}

func (g parcels) parcel() *pb.Parcel {
	p := &pb.Parcel{
		ParcelId: g.text(1, 64),
		Contents: some(g, 3, g.content),
		Labels:   entries(g, 2, g.key, func() string { return g.text(1, 8) }),
		Notes:    some(g, 4, func() string { return g.text(2, 8) }),
		Sizes:    some(g, 3, func() int32 { return int32(g.number(1, 100)) }),
		Codes:    some(g, 3, func() uint64 { return uint64(g.number(0, 999)) }),
		Spares:   entries(g, 2, func() int32 { return int32(g.IntN(3)) - 1 }, g.content),
		Sender:   g.party(),
		Crate:    g.crate(2),
		Handling: some(g, 2, func() pb.Handling { return pb.Handling(g.IntN(3) - 1) }),
		Seals:    map[bool][]byte{true: nil, false: {1}},
		SeenAt:   some(g, 2, func() *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: 1} }),
	}
	if len(p.Contents) == 0 && !g.seldom() {
		p.Contents = []*pb.Content{g.content()}
	}
	switch g.IntN(3) {
	case 0:
		p.Way = &pb.Parcel_Pickup{Pickup: g.party()}
	case 1:
		p.Way = &pb.Parcel_Locker{Locker: g.text(0, 8)}
	}
	if g.seldom() {
		p.Sender = nil
	}
	if g.seldom() {
		delete(p.Seals, true)
	}
	return p
}

func (g parcels) content() *pb.Content {
	c := &pb.Content{Sku: g.text(1, 8), Quantity: int32(g.number(1, 100)), Value: new(int64(g.IntN(2)))}
	if g.IntN(3) == 0 {
		c.Maker = g.party()
	}
	if g.seldom() {
		c.Value = nil
	}
	return c
}

func (g parcels) party() *pb.Party {
	return &pb.Party{Name: g.text(2, 16), Places: entries(g, 2, g.key, func() *pb.Place {
		if g.seldom() {
			return &pb.Place{}
		}
		return &pb.Place{Until: &timestamppb.Timestamp{Seconds: int64(g.IntN(2))}, City: g.text(0, 8)}
	})}
}

func (g parcels) crate(depth int) *pb.Crate {
	if depth == 0 || g.IntN(3) == 0 {
		return nil
	}
	inner := func() *pb.Crate { return cmp.Or(g.crate(depth-1), &pb.Crate{Mark: g.text(0, 4)}) }
	return &pb.Crate{
		Mark: g.text(0, 4), Inner: g.crate(depth - 1), Crates: some(g, 3, inner),
		Stacked: entries(g, 2, func() uint64 { return uint64(g.IntN(3)) << 62 }, inner),
	}
}
