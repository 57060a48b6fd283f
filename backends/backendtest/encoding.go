package backendtest

import (
	"bytes"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// bytesCodec sends and receives encoded messages.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// raw calls a method with an encoded request and returns the encoded answer.
func (t *check) raw(entity, method string, request []byte, options ...grpc.CallOption) (answer []byte, err error) {
	err = t.conn.Invoke(t.Context(), path(entity, method), request, &answer, append(options, grpc.ForceCodecV2(bytesCodec{}))...)
	return answer, err
}

// The functions below append one field to an encoded message.

func varint(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

func delimited(b []byte, number protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

func text(b []byte, number protowire.Number, v string) []byte {
	return delimited(b, number, []byte(v))
}

func group(b []byte, number protowire.Number, body []byte) []byte {
	b = append(protowire.AppendTag(b, number, protowire.StartGroupType), body...)
	return protowire.AppendTag(b, number, protowire.EndGroupType)
}

// document returns the encoding of a document with the key d and more fields.
func document(more ...[]byte) []byte {
	return append(text(nil, 1, "d"), bytes.Join(more, nil)...)
}

// putDocument puts an encoded document.
func (t *check) putDocument(record []byte) error {
	_, err := t.raw("Document", "PutDocument", delimited(nil, 1, record))
	return err
}

// field1 returns the value of field 1 of an encoded message.
func (t *check) field1(message []byte) []byte {
	t.Helper()
	for len(message) > 0 {
		number, wire, tag := protowire.ConsumeTag(message)
		n := protowire.ConsumeFieldValue(number, wire, message[max(tag, 0):])
		if tag < 0 || n < 0 {
			t.Fatalf("the answer is no message: %x", message)
		}
		if number == 1 && wire == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[tag:])
			return value
		}
		message = message[tag+n:]
	}
	return nil
}

// stored demands that the store answers exactly the bytes of the document, by
// get and, if offered, by batch and scan.
func (t *check) stored(record []byte) {
	t.Helper()
	key := delimited(nil, 1, text(nil, 1, "d"))
	got, err := t.raw("Document", "GetDocument", key)
	t.ok(err)
	answers := map[string][]byte{"get": got}
	if t.has(schema.CanBatch) {
		batch, err := t.raw("Document", "BatchGetDocuments", key)
		t.ok(err)
		answers["a batch"] = t.field1(batch)
	}
	if t.has(schema.CanScan) {
		answers["scan"], err = t.raw("Document", "ScanDocuments", nil)
		t.ok(err)
	}
	for what, answer := range answers {
		if value := t.field1(t.field1(answer)); !bytes.Equal(value, record) {
			t.Errorf("%s answers\n%x, want\n%x", what, value, record)
		}
	}
}

var encodingCases = []testCase{
	{name: "exact bytes", rule: "a record comes back byte for byte, whatever protobuf allows in it", run: func(t *check) {
		for _, row := range []struct {
			name   string
			record []byte
		}{
			{"unknown fields", document(varint(nil, 900, 1<<63), delimited(nil, 536870911, []byte("\xff\x00")), protowire.AppendFixed32(protowire.AppendTag(nil, 901, protowire.Fixed32Type), 7), protowire.AppendFixed64(protowire.AppendTag(nil, 902, protowire.Fixed64Type), 7))},
			{"unknown group", document(group(nil, 903, group(varint(nil, 1, 5), 904, nil)))},
			{"unknown fields of a nested message", document(delimited(nil, 8, text(varint(nil, 77, 1), 1, "x")))},
			{"order", append(text(nil, 2, "line"), append(text(nil, 6, ""), document()...)...)},
			{"explicit zeros", document(text(nil, 2, ""), delimited(nil, 3, nil), delimited(nil, 9, nil), protowire.AppendFixed64(protowire.AppendTag(nil, 10, protowire.Fixed64Type), 0))},
			{"long varints", document([]byte{0x90, 0x81, 0x80, 0x80, 0x00, 0x80, 0x80, 0x00}, []byte{3<<3 | 2, 0x83, 0x00, 0x85, 0x80, 0x00})},
			{"other wire type", document(varint(nil, 2, 1), text(nil, 10, "no double"), varint(nil, 8, 3), protowire.AppendFixed32(protowire.AppendTag(nil, 6, protowire.Fixed32Type), 1))},
			{"packed and not", document(delimited(nil, 3, []byte{1, 2}), varint(nil, 3, 3), delimited(nil, 5, []byte{9}), varint(nil, 5, 1), delimited(nil, 4, make([]byte, 8)))},
			{"twice", document(delimited(nil, 8, text(nil, 1, "a")), text(nil, 2, "between"), delimited(nil, 8, text(nil, 1, "b")), text(nil, 1, "d"))},
			{"map entries", document(delimited(nil, 6, text(text(nil, 1, "k"), 2, "v")), delimited(nil, 6, text(nil, 1, "k")), delimited(nil, 6, nil), delimited(nil, 6, text(text(nil, 2, "v"), 1, "k")))},
			{"NaN", document(protowire.AppendFixed64(protowire.AppendTag(nil, 10, protowire.Fixed64Type), 0x7ff800000000beef), protowire.AppendFixed32(protowire.AppendTag(nil, 11, protowire.Fixed32Type), 1<<31))},
			{"unknown enum numbers", document(varint(nil, 5, 1<<64-1), delimited(nil, 5, []byte{0}))},
			{"all bytes", document(delimited(nil, 9, bytes.Repeat([]byte{0, 1, 0x7f, 0x80, 0xff, 0xdb}, 1000)))},
		} {
			t.sub(row.name, func(t *check) {
				t.ok(t.putDocument(row.record))
				t.stored(row.record)
			})
		}
	}},
	{name: "merged", rule: "a record that stands twice in a request is the two joined, as protobuf merges messages", run: func(t *check) {
		first, second := document(text(nil, 2, strings.Repeat("first", 400))), document(text(nil, 2, strings.Repeat("second", 400)))
		for _, method := range []string{"PutDocument", "CompareAndSwapDocument"} {
			if method != "PutDocument" && !t.has(schema.CanSwap) {
				continue
			}
			t.empty("Document")
			_, err := t.raw("Document", method, delimited(varint(delimited(nil, 1, first), 99, 1), 1, second))
			t.ok(err)
			t.stored(append(bytes.Clone(first), second...))
		}
		key := delimited(delimited(nil, 1, text(nil, 1, "other")), 1, text(nil, 1, "d"))
		_, err := t.raw("Document", "GetDocument", key)
		t.ok(err)
	}},
	{name: "not joined", needs: schema.CanBatch, rule: "the items of a batch stay apart", run: func(t *check) {
		_, err := t.raw("Document", "BatchPutDocuments", delimited(delimited(nil, 1, text(nil, 1, "c")), 1, document()))
		t.ok(err)
		both := []*pb.Document{{DocumentId: "c"}, {DocumentId: "d"}}
		left(t, both, both)
	}},
	{name: "unknown in a request", rule: "unknown fields of a request and of a key are skipped", run: func(t *check) {
		t.ok(t.putDocument(document()))
		_, err := t.raw("Document", "GetDocument", group(delimited(varint(nil, 55, 1), 1, text(varint(nil, 44, 1), 1, "d")), 7, nil))
		t.ok(err)
		if t.has(schema.CanScan) {
			_, err = t.raw("Document", "ScanDocuments", varint(text(nil, 1, "x"), 14, 1))
			t.ok(err)
		}
	}},
	{name: "meaning", rule: "key and index are what protobuf reads in the record: the last value, the last member of a oneof, merged messages, truncated numbers", run: func(t *check) {
		twice := text(text(nil, 1, "no"), 1, "id")
		base := slices.Clip(varint(text(twice, 2, "n"), 8, 2))
		for _, row := range []struct {
			name               string
			record             []byte
			email              string
			byEmail, extension string
		}{
			{"the last value", text(text(base, 9, "a"), 9, "b"), "b", "id", ""},
			{"not the first value", text(text(base, 9, "a"), 9, "b"), "a", "", ""},
			{"the last member", varint(text(base, 9, "a"), 10, 0), "a", "", "id"},
			{"the last member, text", text(varint(base, 10, 0), 9, "a"), "a", "id", ""},
			{"a message as the last member", delimited(varint(text(base, 9, "a"), 10, 0), 11, nil), "a", "", ""},
			{"another wire type is no member", varint(text(base, 9, "a"), 9, 1), "a", "id", ""},
		} {
			t.sub(row.name, func(t *check) {
				_, err := t.raw("Account", "PutAccount", delimited(nil, 1, row.record))
				t.ok(err)
				_, err = t.Accounts.GetAccount(t.Context(), &pb.GetAccountRequest{Key: &pb.AccountKey{AccountId: "id"}})
				t.ok(err)
				if t.has(schema.CanList) {
					t.contacts(row.email, 0, row.byEmail, row.extension)
				}
			})
		}
		sample := text(nil, 1, "s")
		sample = varint(sample, 5, 2)                                                     // a bool that is true
		sample = varint(sample, 6, 1<<32+2)                                               // an enum of more than 32 bits
		sample = delimited(delimited(sample, 7, varint(nil, 1, 5)), 7, varint(nil, 2, 6)) // a time in two parts
		sample = varint(sample, 11, 1<<40+3)                                              // a uint32 of more than 32 bits
		_, err := t.raw("Sample", "PutSample", delimited(nil, 1, sample))
		t.ok(err)
		for _, row := range []struct {
			suffix string
			fields map[string]any
		}{
			{"SameFlag", map[string]any{"flag": true}},
			{"SameGrade", map[string]any{"grade": pb.Grade_GRADE_HIGH.Number()}},
			{"SameTime", map[string]any{"time": at(5, 6)}},
			{"Weight", map[string]any{"from": uint32(3), "to": uint32(4)}},
		} {
			if t.has(schema.CanList) {
				t.equal("found by "+row.suffix, t.find(row.suffix, 0, false, row.fields), []string{"s"})
			}
		}
		_, err = t.raw("Document", "PutDocument", delimited(nil, 1, varint(nil, 1, 1)))
		t.refusedAt(err, fieldRequired, "document.document_id") // of another wire type, so not set
	}},
	{name: "malformed", rule: "bytes that are no message are INVALID_ARGUMENT REQUEST_MALFORMED, at every depth, and nothing is stored", run: func(t *check) {
		for _, row := range []struct {
			name string
			bad  []byte
		}{
			{"cut tag", []byte{0x80}},
			{"cut varint", []byte{18 << 3 & 0x7f, 0xff}},
			{"cut length", []byte{2<<3 | 2, 0x80}},
			{"length beyond the end", []byte{2<<3 | 2, 5, 'a'}},
			{"huge length", append([]byte{2<<3 | 2}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)},
			{"cut fixed32", []byte{4<<3 | 5, 1, 2, 3}},
			{"cut fixed64", []byte{13<<3 | 1, 1, 2, 3, 4, 5, 6, 7}},
			{"field number 0", []byte{0, 0}},
			{"field number 2^29", append(protowire.AppendVarint(nil, 1<<32), 0)},
			{"varint of 11 bytes", []byte{14 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}},
			{"varint above 64 bits", []byte{14 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
			{"wire type 6", []byte{14<<3 | 6, 0}},
			{"wire type 7", []byte{14<<3 | 7, 0}},
			{"end without group", []byte{14<<3 | 4}},
			{"group without end", []byte{14<<3 | 3, 8, 1}},
			{"end of another group", []byte{14<<3 | 3, 13<<3 | 4}},
		} {
			t.sub(row.name, func(t *check) {
				for where, request := range map[string][]byte{
					"the request":      append(delimited(nil, 1, document()), row.bad...),
					"the record":       delimited(nil, 1, document(row.bad)),
					"a nested message": delimited(nil, 1, document(delimited(nil, 8, delimited(nil, 2, delimited(nil, 2, row.bad))))),
					"a map's entry":    delimited(nil, 1, document(delimited(nil, 6, row.bad))),
					"a map's value":    delimited(nil, 1, document(delimited(nil, 7, delimited(nil, 2, row.bad)))),
					"a time":           delimited(nil, 1, document(delimited(nil, 12, row.bad))),
				} {
					_, err := t.raw("Document", "PutDocument", request)
					if reason.Of(err) != prismv1.Reason_REQUEST_MALFORMED {
						t.Errorf("in %s: %v", where, err)
					}
					t.refused(err, malformed)
				}
				_, err := t.raw("Document", "GetDocument", delimited(nil, 1, append(text(nil, 1, "d"), row.bad...)))
				t.refused(err, malformed)
				if t.has(schema.CanBatch) {
					_, err = t.raw("Document", "BatchPutDocuments", delimited(delimited(nil, 1, document()), 1, row.bad))
					t.refused(err, malformed)
				}
				if t.has(schema.CanScan) {
					_, err = t.raw("Document", "ScanDocuments", row.bad)
					t.refused(err, malformed)
					_, err = t.raw("Event", "ScanEvents", delimited(nil, 1, row.bad))
					t.refused(err, malformed)
				}
				_, err = t.raw("Document", "GetDocument", delimited(nil, 1, text(nil, 1, "d")))
				t.refused(err, notFound)
			})
		}
		for name, bad := range map[string][]byte{
			"cut packed varint": delimited(nil, 3, []byte{1, 0x80}), "cut packed fixed32": delimited(nil, 4, make([]byte, 7)), "cut packed enum": delimited(nil, 5, []byte{0x80}),
		} {
			t.sub(name, func(t *check) { t.refused(t.putDocument(document(bad)), malformed) })
		}
	}},
	{name: "UTF-8", rule: "text that is not UTF-8 is INVALID_ARGUMENT REQUEST_UTF8, at every depth, and nothing is stored", run: func(t *check) {
		for _, bad := range []string{"\xff", "hush\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"} {
			for where, record := range map[string][]byte{
				"the key":          text(nil, 1, bad),
				"a list":           document(text(text(nil, 2, "good"), 2, bad)),
				"a map's key":      document(delimited(nil, 6, text(nil, 1, bad))),
				"a map's value":    document(delimited(nil, 6, text(text(nil, 1, "k"), 2, bad))),
				"a nested message": document(delimited(nil, 8, text(nil, 1, bad))),
				"a deep message":   document(delimited(nil, 8, delimited(nil, 2, delimited(nil, 2, text(nil, 1, bad))))),
				"a map's message":  document(delimited(nil, 7, delimited(nil, 2, text(nil, 1, bad)))),
			} {
				err := t.putDocument(record)
				if reason.Of(err) != prismv1.Reason_REQUEST_UTF8 {
					t.Errorf("%q in %s: %v", bad, where, err)
				}
				t.refused(err, badUTF8)
			}
			_, err := t.raw("Account", "PutAccount", delimited(nil, 1, text(varint(text(text(nil, 1, "id"), 2, "n"), 8, 1), 9, bad)))
			t.refused(err, badUTF8)
			_, err = t.raw("Item", "GetItem", delimited(nil, 1, text(nil, 1, bad)))
			t.refused(err, badUTF8)
			for _, row := range []struct {
				needs   schema.Ability
				method  string
				request []byte
			}{
				{schema.CanUnique, "FindItemBySerial", delimited(nil, 1, text(nil, 2, bad))},
				{schema.CanList, "FindItemsByTitle", delimited(nil, 11, text(nil, 5, bad))},
				{schema.CanScan, "ScanItems", text(nil, 15, bad)},
			} {
				if t.has(row.needs) {
					_, err = t.raw("Item", row.method, row.request)
					t.refused(err, badUTF8)
				}
			}
		}
		t.ok(t.putDocument(document(delimited(nil, 9, []byte("\xff")), delimited(nil, 99, []byte("\xff")))))
		t.stored(document(delimited(nil, 9, []byte("\xff")), delimited(nil, 99, []byte("\xff"))))
	}},
	{name: "shapes", rule: "lists, maps, recursive messages, packed numbers and bytes come back as they were put", run: func(t *check) {
		d := &pb.Document{
			DocumentId: "d", Lines: []string{"", "a", "\x00"}, Offsets: []int64{-1, 0, 1 << 62}, Colours: []uint32{0, 1<<32 - 1}, Styles: []pb.Style{1, -1, 55},
			Attributes: map[string]string{"": "", "k": "v"}, Footnotes: map[int64]*pb.Branch{-1: {Title: "x"}, 0: {}},
			Root:  &pb.Branch{Twigs: []*pb.Twig{{Branch: &pb.Branch{Title: "t", Twigs: []*pb.Twig{{}, {Title: "leaf"}}}}}},
			Image: []byte{0, 255}, Ratio: -0.5, Scale: 1e-40, EditedAt: at(1, 2),
		}
		_, err := t.Documents.PutDocument(t.Context(), &pb.PutDocumentRequest{Document: d})
		t.ok(err)
		out, err := t.Documents.GetDocument(t.Context(), &pb.GetDocumentRequest{Key: &pb.DocumentKey{DocumentId: "d"}})
		t.ok(err)
		t.equal("the document", out.GetRecord().GetDocument(), d)
		if !proto.Equal(d, out.GetRecord().GetDocument()) {
			t.Errorf("the documents differ")
		}
	}},
}
