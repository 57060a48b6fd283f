package backendtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

var callCases = []testCase{
	{name: "isolation", rule: "two namespaces never see each other: equal keys and equal unique values are two records", run: func(t *check) {
		east := &pb.EastNote{NoteId: "n", Topic: new("t"), Text: "east"}
		west := &pb.WestNote{NoteId: "n", Topic: new("t"), Text: "west"}
		_, err := t.EastNotes.PutEastNote(t.Context(), &pb.PutEastNoteRequest{EastNote: east})
		t.ok(err)
		_, err = t.WestNotes.GetWestNote(t.Context(), &pb.GetWestNoteRequest{Key: &pb.WestNoteKey{NoteId: "n"}})
		t.refused(err, notFound, "namespace", "west")
		if t.has(schema.CanUnique) {
			_, err = t.WestNotes.FindWestNoteByTopic(t.Context(), &pb.FindWestNoteByTopicRequest{By: &pb.FindWestNoteByTopicRequest_By{Topic: "t"}})
			t.refused(err, notFound)
		}
		if t.has(schema.CanSwap) {
			_, err = t.WestNotes.CompareAndSwapWestNote(t.Context(), &pb.CompareAndSwapWestNoteRequest{WestNote: west})
		} else {
			_, err = t.WestNotes.PutWestNote(t.Context(), &pb.PutWestNoteRequest{WestNote: west})
		}
		t.ok(err)
		_, err = t.EastNotes.DeleteEastNote(t.Context(), &pb.DeleteEastNoteRequest{Key: &pb.EastNoteKey{NoteId: "n"}})
		t.ok(err)
		left(t, []*pb.EastNote{east}, nil)
		left(t, []*pb.WestNote{west}, []*pb.WestNote{west})
	}},
	{name: "entities", rule: "two entities of one namespace never see each other", run: func(t *check) {
		t.put(item("k"))
		_, err := t.Badges.GetBadge(t.Context(), &pb.GetBadgeRequest{Key: &pb.BadgeKey{BadgeId: "k"}})
		t.refused(err, notFound)
		t.ok(t.putBadge(&pb.Badge{BadgeId: "k"}))
		t.remove("k")
		left(t, []*pb.Badge{{BadgeId: "k"}}, []*pb.Badge{{BadgeId: "k"}})
	}},
	{name: "restart", rule: "an acknowledged write is there after a restart, in its version, in its indexes", restarts: true, run: func(t *check) {
		kept := serial("kept", "s")
		t.put(serial("gone", "g"))
		version := t.put(kept)
		t.remove("gone")
		list := items(numbered(50)...)
		putAll(t, list)
		t.Restart(t)
		t.holds(kept, version)
		t.absent("gone")
		list = append(list, kept)
		left(t, list, list)
		if t.has(schema.CanUnique) {
			record, err := t.findSerial("s")
			t.ok(err)
			t.equal("found", record.GetVersion(), version)
		}
		if t.has(schema.CanSwap) {
			_, err := t.swap(kept, version)
			t.ok(err)
		}
	}},
	{name: "deadline", rule: "a call whose deadline has passed is DEADLINE_EXCEEDED and changes nothing", run: func(t *check) {
		request, err := proto.Marshal(&pb.PutItemRequest{Item: item("a")})
		t.ok(err)
		// A grpc client would not even send it.
		t.equal("grpc-status", t.post(path("Item", "PutItem"), "1n", request), fmt.Sprint(int(codes.DeadlineExceeded)))
		t.absent("a")
		t.equal("grpc-status in time", t.post(path("Item", "PutItem"), "5S", request), "0")
		_, err = t.get("a")
		t.ok(err)
	}},
	{name: "cancelled", rule: "a write that is cancelled at any moment is applied whole or not at all, and disturbs no other call", run: func(t *check) {
		write := func(ctx context.Context, id string) error {
			if !t.has(schema.CanBatch) {
				_, err := t.Items.PutItem(ctx, &pb.PutItemRequest{Item: serial(id, id)})
				return err
			}
			_, err := t.Items.BatchPutItems(ctx, &pb.BatchPutItemsRequest{Items: []*pb.Item{serial(id, id), item(id + "b")}})
			return err
		}
		there := func(err error) bool {
			if err != nil {
				t.refused(err, notFound)
			}
			return err == nil
		}
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 200 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(3000))*time.Microsecond)
			id := fmt.Sprintf("k%03d", i)
			err := write(ctx, id)
			cancel()
			switch status.Code(err) {
			case codes.OK, codes.DeadlineExceeded, codes.Canceled:
			default:
				t.Errorf("got %v, want success or DEADLINE_EXCEEDED", err)
			}
			t.put(item("other"))
			t.holds(item("other"), t.put(item("other")))
		}
		for i := range 200 {
			id := fmt.Sprintf("k%03d", i)
			record, err := t.get(id)
			stored := there(err)
			if stored {
				t.equal("the record", record.GetItem(), serial(id, id))
			}
			if t.has(schema.CanBatch) {
				_, err := t.get(id + "b")
				t.equal("the other of the batch is stored", there(err), stored)
			}
			if t.has(schema.CanUnique) {
				_, err := t.findSerial(id)
				t.equal("its unique value is found", there(err), stored)
			}
		}
	}},
	{name: "unknown method", rule: "a method that the contract does not have is UNIMPLEMENTED", run: func(t *check) {
		for _, method := range []string{"/conformance.v1.ItemService/TruncateItems", "/conformance.v1.NoService/GetItem"} {
			err := t.conn.Invoke(t.Context(), method, &pb.GetItemRequest{}, &pb.GetItemResponse{})
			if status.Code(err) != codes.Unimplemented {
				t.Errorf("%s: got %v, want UNIMPLEMENTED", method, err)
			}
		}
	}},
	{name: "health", rule: "health answers SERVING for the proxy and for every service", run: func(t *check) {
		health := healthpb.NewHealthClient(t.conn)
		for _, entity := range append([]string{""}, entities...) {
			service := ""
			if entity != "" {
				service = "conformance.v1." + entity + "Service"
			}
			out, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			t.ok(err)
			t.equal(service, out.GetStatus(), healthpb.HealthCheckResponse_SERVING)
		}
		_, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "conformance.v1.NoService"})
		t.equal("code of an unknown service", status.Code(err), codes.NotFound)
	}},
	{name: "reflection", rule: "reflection lists every service and describes its methods", run: func(t *check) {
		stream, err := reflectionpb.NewServerReflectionClient(t.conn).ServerReflectionInfo(t.Context())
		t.ok(err)
		t.ok(stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
		list, err := stream.Recv()
		t.ok(err)
		least := 3 // put, get and delete
		for a, methods := range map[schema.Ability]int{schema.CanSwap: 1, schema.CanBatch: 3, schema.CanScan: 1} {
			if t.has(a) {
				least += methods
			}
		}
		listed := map[string]bool{}
		for _, s := range list.GetListServicesResponse().GetService() {
			listed[s.GetName()] = true
		}
		for _, entity := range entities {
			name := "conformance.v1." + entity + "Service"
			if !listed[name] {
				t.Errorf("%s is not listed", name)
			}
			t.ok(stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name}}))
			out, err := stream.Recv()
			t.ok(err)
			methods := 0
			for _, encoded := range out.GetFileDescriptorResponse().GetFileDescriptorProto() {
				var file descriptorpb.FileDescriptorProto
				t.ok(proto.Unmarshal(encoded, &file))
				for _, s := range file.GetService() {
					methods += len(s.GetMethod())
				}
			}
			if methods < least {
				t.Errorf("%s is described with %d methods", name, methods)
			}
		}
	}},
}

// post makes one unary call by hand, with a timeout in grpc's format, and
// returns the proxy's status.
func (t *check) post(path, timeout string, request []byte) string {
	t.Helper()
	frame := append([]byte{0, byte(len(request) >> 24), byte(len(request) >> 16), byte(len(request) >> 8), byte(len(request))}, request...)
	in, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+t.address+path, bytes.NewReader(frame))
	t.ok(err)
	in.Header.Set("Content-Type", "application/grpc")
	in.Header.Set("Te", "trailers")
	in.Header.Set("Grpc-Timeout", timeout)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	out, err := (&http.Client{Transport: transport}).Do(in)
	t.ok(err)
	defer out.Body.Close()
	_, err = io.Copy(io.Discard, out.Body)
	t.ok(err)
	if s := out.Trailer.Get("Grpc-Status"); s != "" {
		return s
	}
	return out.Header.Get("Grpc-Status")
}
