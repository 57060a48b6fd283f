package backendtest

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

var partCases = []testCase{
	{name: "without", rule: "what an entity does without is not served, and all else is", run: func(t *check) {
		ticket := func(id, code string) *pb.PutTicketRequest {
			t.Cleanup(func() {
				t.Tickets.DeleteTicket(t.Context(), &pb.DeleteTicketRequest{Key: &pb.TicketKey{TicketId: id}})
			})
			return &pb.PutTicketRequest{Ticket: &pb.Ticket{TicketId: id, Code: &code}}
		}
		put, err := t.Tickets.PutTicket(t.Context(), ticket("a", "x"))
		t.ok(err)
		got, err := t.Tickets.GetTicket(t.Context(), &pb.GetTicketRequest{Key: &pb.TicketKey{TicketId: "a"}})
		t.ok(err)
		t.equal("version", got.GetRecord().GetVersion(), put.GetVersion())
		if t.has(schema.CanUnique) {
			found, err := t.Tickets.FindTicketByCode(t.Context(), &pb.FindTicketByCodeRequest{By: &pb.FindTicketByCodeRequest_By{Code: "x"}})
			t.ok(err)
			t.equal("found", found.GetRecord().GetTicket().GetTicketId(), "a")
			_, err = t.Tickets.PutTicket(t.Context(), ticket("b", "x"))
			t.refused(err, unique, "index", "code")
		}
		_, err = t.Tickets.DeleteTicket(t.Context(), &pb.DeleteTicketRequest{Key: &pb.TicketKey{TicketId: "a"}, IfVersion: put.GetVersion() + 1})
		t.refused(err, versionMismatch)

		for _, method := range []string{"CompareAndSwapTicket", "BatchPutTickets", "BatchGetTickets", "BatchDeleteTickets", "ScanTickets"} {
			if _, err := t.raw("Ticket", method, nil); status.Code(err) != codes.Unimplemented {
				t.Errorf("%s: %v, want Unimplemented", method, err)
			}
		}
	}},
}
