package backendtest

import (
	"bytes"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

const (
	maxRequest = 4 << 20
	maxRecord  = 3 << 20
	maxDepth   = 96
)

// nested returns a document nested deep messages deep, itself included: its
// root is a Branch with twigs of type Twig, each with a Branch.
func nested(deep int) []byte {
	var body []byte
	for level := deep; level > 2; level-- {
		body = delimited(nil, 2, body) // a Branch's twigs, and a Twig's branch
	}
	return document(delimited(nil, 8, body))
}

// groups returns a document with an unknown field of groups, nested deep in
// all.
func groups(deep int) []byte {
	var body []byte
	for range deep - 1 {
		body = group(nil, 777, body)
	}
	return document(body)
}

// sized returns a document whose encoding has exactly size bytes.
func sized(size int) []byte {
	image := size - len(document()) - protowire.SizeTag(9) - protowire.SizeVarint(uint64(size))
	return document(delimited(nil, 9, bytes.Repeat([]byte{0xa5}, image)))
}

var limitCases = []testCase{
	{name: "depth", rule: "a record may be 96 messages deep, and clients can read it", run: func(t *check) {
		for _, record := range [][]byte{nested(maxDepth), groups(maxDepth)} {
			t.ok(t.putDocument(record))
			t.stored(record)
			_, err := t.Documents.GetDocument(t.Context(), &pb.GetDocumentRequest{Key: &pb.DocumentKey{DocumentId: "d"}})
			t.ok(err)
		}
	}},
	{name: "too deep", rule: "a record of more than 96 messages, unknown groups counted, is INVALID_ARGUMENT REQUEST_TOO_DEEP, and so is such a request", run: func(t *check) {
		for _, deep := range []int{maxDepth + 1, 200, 5000} {
			t.refused(t.putDocument(nested(deep)), tooDeep, "limit", fmt.Sprint(maxDepth))
			t.refused(t.putDocument(groups(deep)), tooDeep, "limit", fmt.Sprint(maxDepth))
		}
		if t.has(schema.CanBatch) {
			_, err := t.raw("Document", "BatchPutDocuments", delimited(nil, 1, nested(maxDepth+1)))
			t.refused(err, tooDeep)
		}
		_, err := t.raw("Document", "GetDocument", groups(maxDepth + 1)[len(document()):])
		t.refused(err, tooDeep)
		_, err = t.raw("Document", "GetDocument", delimited(nil, 1, text(nil, 1, "d")))
		t.refused(err, notFound)
	}},
	{name: "too much", rule: "a record of more than 100,000 elements, of lists, packed lists and messages alike, is RESOURCE_EXHAUSTED REQUEST_TOO_COMPLEX; with as many it is stored", run: func(t *check) {
		const most = 100_000 - 1 // besides the key
		for name, elements := range map[string]func(n int) []byte{
			"a list":         func(n int) []byte { return bytes.Repeat(delimited(nil, 2, nil), n) },
			"a packed list":  func(n int) []byte { return delimited(nil, 3, make([]byte, n-1)) },
			"fixed32":        func(n int) []byte { return delimited(nil, 4, make([]byte, 4*(n-1))) },
			"a map":          func(n int) []byte { return bytes.Repeat(delimited(nil, 6, nil), n) },
			"deep messages":  func(n int) []byte { return delimited(nil, 8, bytes.Repeat(delimited(nil, 2, nil), n-1)) },
			"unknown fields": func(n int) []byte { return bytes.Repeat(varint(nil, 99, 1), n) },
		} {
			t.sub(name, func(t *check) {
				record := document(elements(most))
				t.ok(t.putDocument(record))
				t.stored(record)
				t.refused(t.putDocument(document(elements(most+1))), tooComplex, "limit", "100000")
				t.stored(record)
			})
		}
	}},
	{name: "too costly", rule: "a record of few bytes and elements that takes more than 64 MiB decoded, by estimate, is RESOURCE_EXHAUSTED REQUEST_TOO_COMPLEX", run: func(t *check) {
		// An empty Scalar within a Scalar's map counts 912 bytes and the 2 on the wire.
		put := func(scalars int) error {
			entry := bytes.Repeat(delimited(nil, 2, nil), scalars)
			_, err := t.raw("Scalar", "PutScalar", delimited(nil, 1, delimited(text(nil, 1, "costly"), 65, entry)))
			return err
		}
		t.ok(put(64<<20/914 - 1))
		t.refused(put(64<<20/914+1), tooComplex, "limit", "100000")
	}},
	{name: "gzip", rule: "a request that is packed with gzip is read as if it were not, and one that unpacks to more than 4 MiB is RESOURCE_EXHAUSTED REQUEST_TOO_LARGE", run: func(t *check) {
		request := delimited(nil, 1, document(text(nil, 2, "packed")))
		_, err := t.raw("Document", "PutDocument", request, grpc.UseCompressor(gzip.Name))
		t.ok(err)
		t.stored(document(text(nil, 2, "packed")))
		_, err = t.raw("Document", "PutDocument", make([]byte, 2*maxRequest), grpc.UseCompressor(gzip.Name))
		t.refused(err, tooLarge, "got", fmt.Sprint(maxRequest+1), "limit", fmt.Sprint(maxRequest))
		t.stored(document(text(nil, 2, "packed")))
	}},
	{name: "deep bytes", rule: "an unknown field of bytes is not looked into", run: func(t *check) {
		record := document(delimited(nil, 500, groups(500)), delimited(nil, 501, []byte{0xff}))
		t.ok(t.putDocument(record))
		t.stored(record)
	}},
	{name: "record size", rule: "a record may have 3 MiB, and every method answers it", run: func(t *check) {
		record := sized(maxRecord)
		t.equal("bytes of the record", len(record), maxRecord)
		t.ok(t.putDocument(record))
		t.stored(record)
	}},
	{name: "record too large", rule: "a record of more than 3 MiB is RESOURCE_EXHAUSTED REQUEST_TOO_LARGE, as the contract says, by put, swap and batch", run: func(t *check) {
		request := delimited(nil, 1, sized(maxRecord+1))
		_, err := t.raw("Document", "PutDocument", request)
		t.refusedAt(err, tooLarge, "document")
		t.refused(err, tooLarge, "got", fmt.Sprint(maxRecord+1), "limit", fmt.Sprint(maxRecord))
		if t.has(schema.CanSwap) {
			_, err = t.raw("Document", "CompareAndSwapDocument", request)
			t.refusedAt(err, tooLarge, "document")
		}
		if t.has(schema.CanBatch) {
			_, err = t.raw("Document", "BatchPutDocuments", request)
			t.refusedAt(err, tooLarge, "documents[0]")
		}
	}},
	{name: "request too large", rule: "a request of more than 4 MiB is RESOURCE_EXHAUSTED REQUEST_TOO_LARGE, and the connection goes on", run: func(t *check) {
		_, err := t.raw("Document", "PutDocument", make([]byte, maxRequest+1))
		t.refused(err, tooLarge, "got", fmt.Sprint(maxRequest+1), "limit", fmt.Sprint(maxRequest))
		// grpc itself refuses far larger requests, before they are read.
		_, err = t.raw("Document", "PutDocument", make([]byte, 3*maxRequest))
		t.equal("code", status.Code(err), codes.ResourceExhausted)
		t.ok(t.putDocument(document()))
	}},
	{name: "the largest request", rule: "a request of 4 MiB is read", run: func(t *check) {
		request := delimited(nil, 1, document())
		pad := maxRequest - len(request) - protowire.SizeTag(99) - protowire.SizeVarint(maxRequest)
		request = delimited(request, 99, make([]byte, pad))
		t.equal("bytes of the request", len(request), maxRequest)
		_, err := t.raw("Document", "PutDocument", request)
		t.ok(err)
		t.stored(document())
	}},
	{name: "large and many", rule: "large records that are written and read by many callers are never mixed up", run: func(t *check) {
		together(callers, func(caller int) {
			for i := range 6 {
				id := fmt.Sprint(caller, i)
				want := bytes.Repeat([]byte(id), 20000+i*1000)
				if _, err := t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: id, Payload: want}}); err != nil {
					t.Errorf("put: %v", err)
					return
				}
				record, err := t.get(id)
				if err != nil || !bytes.Equal(record.GetItem().GetPayload(), want) {
					t.Errorf("get of %s answers other bytes (%v)", id, err)
				}
			}
		})
	}},
}
