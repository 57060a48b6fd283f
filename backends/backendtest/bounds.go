package backendtest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// parcel returns a parcel that keeps all bounds, changed by the edits.
func parcel(edits ...func(*pb.Parcel)) *pb.Parcel {
	p := &pb.Parcel{
		ParcelId: "p", Contents: []*pb.Content{content(), content()},
		Labels: map[string]string{"a": "1", "b": "2"}, Notes: []string{"no", "rain"}, Sizes: []int32{1, 100}, Codes: []uint64{0, 999},
		Spares: map[int32]*pb.Content{-7: content()},
		Sender: &pb.Party{Name: "Ada", Places: map[string]*pb.Place{"hush": {Until: at(1, 0), City: "London"}}},
		Crate: &pb.Crate{Mark: "m", Inner: &pb.Crate{Crates: []*pb.Crate{{}, {Mark: "deep"}}},
			Stacked: map[uint64]*pb.Crate{1 << 63: {}}},
		Handling: []pb.Handling{pb.Handling_HANDLING_FRAGILE}, Seals: map[bool][]byte{true: nil, false: {1}},
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func content() *pb.Content {
	return &pb.Content{Sku: "s", Quantity: 1, Value: new(int64(0))}
}

func (t *check) putParcel(p *pb.Parcel) error {
	_, err := t.Parcels.PutParcel(t.Context(), &pb.PutParcelRequest{Parcel: p})
	return err
}

// noParcel demands that no parcel is stored.
func (t *check) noParcel() {
	t.Helper()
	_, err := t.Parcels.GetParcel(t.Context(), &pb.GetParcelRequest{Key: &pb.ParcelKey{ParcelId: "p"}})
	t.refused(err, notFound)
}

var boundCases = []testCase{
	{name: "everywhere", rule: "bounds hold in lists, in maps and in messages at any depth; an error names the element by its index or its key, and nothing is stored", run: func(t *check) {
		deep := &pb.Crate{Mark: "long mark"}
		for range 50 {
			deep = &pb.Crate{Inner: deep}
		}
		for _, row := range []struct {
			name string
			edit func(*pb.Parcel)
			want refusal
			path string
		}{
			{"too few", func(p *pb.Parcel) { p.Contents = nil }, fieldTooShort, "contents"},
			{"too many", func(p *pb.Parcel) { p.Contents = slices.Repeat(p.Contents, 3) }, fieldTooLong, "contents"},
			{"required in a list", func(p *pb.Parcel) { p.Contents[1].Sku = "" }, fieldRequired, "contents[1].sku"},
			{"long in a list", func(p *pb.Parcel) { p.Contents[0].Sku = "too long!" }, fieldTooLong, "contents[0].sku"},
			{"range in a list", func(p *pb.Parcel) { p.Contents[1].Quantity = 101 }, fieldRange, "contents[1].quantity"},
			{"presence in a list", func(p *pb.Parcel) { p.Contents[1].Value = nil }, fieldRequired, "contents[1].value"},
			{"two deep", func(p *pb.Parcel) { p.Contents[1].Maker = &pb.Party{Name: "x"} }, fieldTooShort, "contents[1].maker.name"},
			{"too many keys", func(p *pb.Parcel) { p.Labels["c"], p.Labels["d"] = "3", "4" }, fieldTooLong, "labels"},
			{"too few keys", func(p *pb.Parcel) { delete(p.Seals, true) }, fieldTooShort, "seals"},
			{"long in a map", func(p *pb.Parcel) { p.Labels["b"] = "too long!" }, fieldTooLong, `labels["b"]`},
			{"empty in a map", func(p *pb.Parcel) { p.Labels["b"] = "" }, fieldTooShort, `labels["b"]`},
			{"a key that is quoted", func(p *pb.Parcel) { p.Labels["\"\n"] = "too long!" }, fieldTooLong, `labels["\"\n"]`},
			{"a key that is cut", func(p *pb.Parcel) { p.Labels[strings.Repeat("k", 300)] = "too long!" }, fieldTooLong, `labels["` + strings.Repeat("k", 64) + `…"]`},
			{"short element", func(p *pb.Parcel) { p.Notes[1] = "x" }, fieldTooShort, "notes[1]"},
			{"empty element", func(p *pb.Parcel) { p.Notes[0] = "" }, fieldTooShort, "notes[0]"},
			{"element in bytes", func(p *pb.Parcel) { p.Notes[0] = "\u4e16\u4e16\u4e16" }, fieldTooLong, "notes[0]"},
			{"packed number", func(p *pb.Parcel) { p.Sizes[1] = 0 }, fieldRange, "sizes[1]"},
			{"packed fixed64", func(p *pb.Parcel) { p.Codes[1] = 1 << 63 }, fieldRange, "codes[1]"},
			{"too many numbers", func(p *pb.Parcel) { p.Sizes = slices.Repeat(p.Sizes, 3) }, fieldTooLong, "sizes"},
			{"too many enums", func(p *pb.Parcel) { p.Handling = slices.Repeat(p.Handling, 3) }, fieldTooLong, "handling"},
			{"too many Timestamps", func(p *pb.Parcel) { p.SeenAt = append(p.SeenAt, at(1, 0), at(1, 0), at(1, 0)) }, fieldTooLong, "seen_at"},
			{"message in a map", func(p *pb.Parcel) { p.Spares[-7].Quantity = 0 }, fieldRange, "spares[-7].quantity"},
			{"unset message", func(p *pb.Parcel) { p.Sender = nil }, fieldRequired, "sender"},
			{"a member of a oneof", func(p *pb.Parcel) { p.Way = &pb.Parcel_Locker{Locker: "too long!"} }, fieldTooLong, "locker"},
			{"a message in a oneof", func(p *pb.Parcel) { p.Way = &pb.Parcel_Pickup{Pickup: &pb.Party{Name: "x"}} }, fieldTooShort, "pickup.name"},
			{"a message in itself", func(p *pb.Parcel) { p.Crate.Inner.Crates[1].Mark = "long mark" }, fieldTooLong, "crate.inner.crates[1].mark"},
			{"a great key", func(p *pb.Parcel) { p.Crate.Stacked[1<<63].Mark = "long mark" }, fieldTooLong, "crate.stacked[9223372036854775808].mark"},
			{"deep", func(p *pb.Parcel) { p.Crate = deep }, fieldTooLong, ""}, // whose path is cut in the middle
		} {
			t.sub(row.name, func(t *check) {
				p := parcel(row.edit)
				refused := func(err error, record string) {
					t.Helper()
					if row.path != "" {
						t.refusedAt(err, row.want, record+"."+row.path)
						return
					}
					path := t.info(err, row.want).GetMetadata()["field"]
					if !strings.HasPrefix(path, record+".crate.inner.") || !strings.Contains(path, "…") || !strings.HasSuffix(path, ".inner.mark") || len(path) > 300 {
						t.Errorf("the path of a deep field is %q", path)
					}
				}
				refused(t.putParcel(p), "parcel")
				if t.has(schema.CanBatch) {
					first := parcel(func(p *pb.Parcel) { p.ParcelId = "first" })
					_, err := t.Parcels.BatchPutParcels(t.Context(), &pb.BatchPutParcelsRequest{Parcels: []*pb.Parcel{first, p}})
					refused(err, "parcels[1]")
				}
				t.noParcel()
			})
		}
	}},
	{name: "within", rule: "the ends of every bound are within it, and what is not set keeps all bounds but its own required", run: func(t *check) {
		for _, edit := range []func(*pb.Parcel){
			func(*pb.Parcel) {},
			func(p *pb.Parcel) { p.Contents = slices.Repeat(p.Contents, 2) },
			func(p *pb.Parcel) { p.Contents[0].Sku, p.Contents[0].Quantity = "12345678", 100 },
			func(p *pb.Parcel) { p.Labels = map[string]string{"": "12345678", "b": "2", "c": "3"} },
			func(p *pb.Parcel) { p.Notes = []string{"12345678", "12"} },
			func(p *pb.Parcel) { p.Sender = &pb.Party{} },
			func(p *pb.Parcel) {
				p.Labels, p.Notes, p.Sizes, p.Codes, p.Spares, p.Crate, p.Handling = nil, nil, nil, nil, nil, nil, nil
			},
			func(p *pb.Parcel) { p.Way = &pb.Parcel_Pickup{Pickup: &pb.Party{Name: "Bo"}} },
			func(p *pb.Parcel) { p.SeenAt = append(p.SeenAt, at(-1<<60, -1)) },
		} {
			p := parcel(edit)
			t.ok(t.putParcel(p))
			out, err := t.Parcels.GetParcel(t.Context(), &pb.GetParcelRequest{Key: &pb.ParcelKey{ParcelId: "p"}})
			t.ok(err)
			t.equal("the record", out.GetRecord().GetParcel(), p)
		}
	}},
	{name: "all at once", rule: "an error names every field that is wrong, at any depth, in the order of numbers and elements, and not more than 20", run: func(t *check) {
		err := t.putParcel(parcel(func(p *pb.Parcel) {
			p.Contents[1], p.Notes[1], p.Sizes[0], p.Sender = &pb.Content{Quantity: 1}, "x", 0, nil
			p.Crate.Inner.Crates[1].Mark = "long mark"
		}))
		var got []string
		for _, v := range violations(err) {
			got = append(got, v.GetField()+" "+v.GetReason())
		}
		t.equal("violations", strings.Join(got, ", "), "parcel.contents[1].sku FIELD_REQUIRED, parcel.contents[1].value FIELD_REQUIRED, parcel.notes[1] FIELD_TOO_SHORT, "+
			"parcel.sizes[0] FIELD_RANGE, parcel.sender FIELD_REQUIRED, parcel.crate.inner.crates[1].mark FIELD_TOO_LONG")
		err = t.putParcel(parcel(func(p *pb.Parcel) { p.Notes = make([]string, 50_000) }))
		t.equal("violations of 50,000", len(violations(err)), 20)
		long := strings.Repeat("long", 40)
		err = t.putParcel(parcel(func(p *pb.Parcel) {
			for i := range 50 {
				p.Labels[fmt.Sprint(i, long)] = "too long!"
			}
		}))
		if size := proto.Size(status.Convert(err).Proto()); size > 6<<10 { // some clients take 8 KiB of trailers
			t.Errorf("an error about many long keys has %d bytes", size)
		}
	}},
	{name: "personal keys", rule: "an error holds no key of a map in personal data", run: func(t *check) {
		err := t.putParcel(parcel(func(p *pb.Parcel) { p.Sender.Places["hush"].City = "too long!" }))
		t.refusedAt(err, fieldTooLong, "parcel.sender.places[*].city")
	}},
	{name: "what counts", rule: "bounds are of the message that protobuf decodes: of one in parts the whole, of a key its last value, of a oneof its last member", run: func(t *check) {
		encoded := func(p *pb.Parcel) []byte {
			b, err := proto.Marshal(p)
			t.ok(err)
			return b
		}
		sender := func(b []byte, p *pb.Party) []byte {
			part, err := proto.Marshal(p)
			t.ok(err)
			return delimited(b, 8, part)
		}
		label := func(b []byte, key, value string) []byte { return delimited(b, 3, text(text(nil, 1, key), 2, value)) }
		place := func(key string) *pb.Party {
			return &pb.Party{Places: map[string]*pb.Place{key: {Until: at(1, 0)}}}
		}
		whole := encoded(parcel())
		for _, row := range []struct {
			name   string
			record []byte
			want   string // "": it is stored
		}{
			{"a key's last value is right", label(label(whole, "a", "too long!"), "a", "x"), ""},
			{"a key's last value is wrong", label(label(whole, "a", "x"), "a", "too long!"), `parcel.labels["a"]`},
			{"a key again", label(label(label(whole, "a", "1"), "b", "2"), "c", "3"), ""},
			{"one key too many", label(label(whole, "c", "3"), "d", "4"), "parcel.labels"},
			{"a message in parts, the first wrong", sender(encoded(parcel(func(p *pb.Parcel) { p.Sender.Name = "x" })), &pb.Party{Name: "Bo"}), ""},
			{"a message in parts, together wrong", sender(sender(whole, place("2")), place("3")), "parcel.sender.places"},
			{"a message in parts, required in the first", sender(whole, &pb.Party{}), ""},
			{"another member of a oneof", text(encoded(parcel(func(p *pb.Parcel) { p.Way = &pb.Parcel_Pickup{Pickup: &pb.Party{Name: "x"}} })), 10, "l"), ""},
			{"numbers packed and not", varint(varint(delimited(whole, 5, []byte{2}), 5, 2), 5, 2), "parcel.sizes"},
			{"a number that is not packed", varint(whole, 5, 0), "parcel.sizes[2]"},
			{"other wire type", varint(varint(whole, 2, 1), 8, 1), ""},
		} {
			t.sub(row.name, func(t *check) {
				_, err := t.raw("Parcel", "PutParcel", delimited(nil, 1, row.record))
				got := ""
				if all := violations(err); len(all) > 0 {
					got = all[0].GetField()
				}
				t.equal("the field at fault", got, row.want)
				if row.want == "" {
					t.ok(err)
				}
			})
		}
	}},
}
