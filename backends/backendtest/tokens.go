package backendtest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// firstToken stores some items and returns the token of a page of one.
func (t *check) firstToken(ids ...string) string {
	t.Helper()
	t.put(items(ids...)...)
	_, token := t.scanPage(1, false, "")
	if token == "" {
		t.Fatalf("the first of %d records has no token", len(ids))
	}
	return token
}

// invalid demands that a scan of items refuses the token, and returns the text.
func (t *check) invalid(token string) string {
	t.Helper()
	_, err := t.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1, PageToken: token})
	t.refused(err, tokenInvalid)
	return status.Convert(err).Message()
}

var tokenCases = []testCase{
	{name: "resumes", rule: "a token resumes its list as often as it is sent, with another page_size too", run: func(t *check) {
		token := t.firstToken("a", "b", "c")
		for _, size := range []int32{1, 2, 1000, 1} {
			ids, _ := t.scanPage(size, false, token)
			t.equal(fmt.Sprintf("resumed in pages of %d", size), ids, []string{"b", "c"}[:min(int(size), 2)])
		}
	}},
	{name: "tampered", rule: "a token of which any bit was changed is PAGE_TOKEN_INVALID, always with one text", run: func(t *check) {
		token := t.firstToken("a", "b")
		want := t.invalid("x")
		for i := range len(token) {
			for _, c := range []byte{token[i] ^ 1, '=', 'A', 0x7f} {
				if c == token[i] {
					continue
				}
				changed := token[:i] + string(rune(c)) + token[i+1:]
				if got := t.invalid(changed); got != want {
					t.Fatalf("byte %d: the text is %q, want %q", i, got, want)
				}
			}
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		t.ok(err)
		for i := range raw {
			raw[i] ^= 0x80
			t.invalid(base64.RawURLEncoding.EncodeToString(raw))
			raw[i] ^= 0x80
		}
		t.scanPage(1, false, token) // the token itself is still valid
	}},
	{name: "cut", rule: "a token that was cut or made longer, by line breaks too, is PAGE_TOKEN_INVALID", run: func(t *check) {
		token := t.firstToken("a", "b")
		for n := 1; n < len(token); n++ {
			t.invalid(token[:n])
		}
		for _, changed := range []string{token + "A", token + token, token + "=", " " + token, token + "\n", token[:9] + "\r\n" + token[9:], strings.Repeat("A", 2049), strings.Repeat("A", 1<<20)} {
			t.invalid(changed)
		}
	}},
	{name: "another entity", rule: "a token of another entity, of the same shape or another namespace, is PAGE_TOKEN_INVALID", run: func(t *check) {
		for _, id := range []string{"a", "b", "c"} {
			_, err := t.EastNotes.PutEastNote(t.Context(), &pb.PutEastNoteRequest{EastNote: &pb.EastNote{NoteId: id}})
			t.ok(err)
			_, err = t.WestNotes.PutWestNote(t.Context(), &pb.PutWestNoteRequest{WestNote: &pb.WestNote{NoteId: id}})
			t.ok(err)
			t.ok(t.putBadge(&pb.Badge{BadgeId: id}))
		}
		token := t.firstToken("a", "b", "c")
		east, err := t.EastNotes.ScanEastNotes(t.Context(), &pb.ScanEastNotesRequest{PageSize: 1})
		t.ok(err)
		_, err = t.WestNotes.ScanWestNotes(t.Context(), &pb.ScanWestNotesRequest{PageSize: 1, PageToken: east.GetNextPageToken()})
		t.refused(err, tokenInvalid)
		_, err = t.Badges.ScanBadges(t.Context(), &pb.ScanBadgesRequest{PageSize: 1, PageToken: token})
		t.refused(err, tokenInvalid)
		t.equal("the text", t.invalid(east.GetNextPageToken()), t.invalid("x"))
	}},
	{name: "another method", needs: schema.CanList, rule: "a token of a scan does not resume a Find, nor that of one Find another", run: func(t *check) {
		for i := range 3 {
			t.putSample(&pb.Sample{SampleId: fmt.Sprint(i), Text: new("x")})
		}
		scan, err := t.Samples.ScanSamples(t.Context(), &pb.ScanSamplesRequest{PageSize: 1})
		t.ok(err)
		ordered, err := t.Samples.FindSamplesByText(t.Context(), &pb.FindSamplesByTextRequest{PageSize: 1})
		t.ok(err)
		same, err := t.Samples.FindSamplesBySameText(t.Context(), &pb.FindSamplesBySameTextRequest{By: &pb.FindSamplesBySameTextRequest_By{Text: "x"}, PageSize: 1})
		t.ok(err)
		for i, token := range []string{scan.GetNextPageToken(), ordered.GetNextPageToken(), same.GetNextPageToken()} {
			_, err := t.Samples.ScanSamples(t.Context(), &pb.ScanSamplesRequest{PageSize: 1, PageToken: token})
			t.resumes(i == 0, err)
			_, err = t.Samples.FindSamplesByText(t.Context(), &pb.FindSamplesByTextRequest{PageSize: 1, PageToken: token})
			t.resumes(i == 1, err)
			_, err = t.Samples.FindSamplesBySameText(t.Context(), &pb.FindSamplesBySameTextRequest{By: &pb.FindSamplesBySameTextRequest_By{Text: "x"}, PageSize: 1, PageToken: token})
			t.resumes(i == 2, err)
		}
	}},
	{name: "another query", rule: "a token holds for its partition, range, value and direction only", run: func(t *check) {
		t.putEvents(timeline())
		base := func() *pb.ScanEventsRequest {
			return &pb.ScanEventsRequest{Partition: &pb.EventPartition{Tenant: "a"}, From: &pb.EventSort{At: at(-9, 0)}, To: &pb.EventSort{At: at(9, 0)}, PageSize: 1}
		}
		first, err := t.Events.ScanEvents(t.Context(), base())
		t.ok(err)
		for name, edit := range map[string]func(*pb.ScanEventsRequest){
			"tenant":       func(in *pb.ScanEventsRequest) { in.Partition.Tenant = "b" },
			"shard":        func(in *pb.ScanEventsRequest) { in.Partition.Shard = -3 },
			"no partition": func(in *pb.ScanEventsRequest) { in.Partition, in.From, in.To = nil, nil, nil },
			"from":         func(in *pb.ScanEventsRequest) { in.From.At.Nanos++ },
			"from name":    func(in *pb.ScanEventsRequest) { in.From.Name = new("a") },
			"no from":      func(in *pb.ScanEventsRequest) { in.From = nil },
			"to":           func(in *pb.ScanEventsRequest) { in.To.At.Seconds++ },
			"no to":        func(in *pb.ScanEventsRequest) { in.To = nil },
			"reverse":      func(in *pb.ScanEventsRequest) { in.Reverse = true },
			"itself":       func(in *pb.ScanEventsRequest) { in.PageSize = 5 },
		} {
			in := base()
			in.PageToken = first.GetNextPageToken()
			edit(in)
			_, err := t.Events.ScanEvents(t.Context(), in)
			if name != "itself" {
				t.sub(name, func(t *check) { t.refused(err, tokenInvalid) })
			} else {
				t.ok(err)
			}
		}
		if !t.has(schema.CanList) {
			return
		}
		found, err := t.Events.FindEventsByKind(t.Context(), &pb.FindEventsByKindRequest{PageSize: 1})
		t.ok(err)
		for _, in := range []*pb.FindEventsByKindRequest{{By: &pb.FindEventsByKindRequest_By{Kind: 1}}, {From: &pb.FindEventsByKindRequest_Bound{At: at(-9, 0)}}, {To: &pb.FindEventsByKindRequest_Bound{At: at(9, 0)}}, {Reverse: true}} {
			in.PageToken = found.GetNextPageToken()
			_, err = t.Events.FindEventsByKind(t.Context(), in)
			t.refused(err, tokenInvalid)
		}
	}},
	{name: "age", rule: "a token is good for 24 hours", run: func(t *check) {
		token := t.firstToken("a", "b")
		t.Advance(24*time.Hour - time.Second)
		t.scanPage(1, false, token)
		t.Advance(time.Second)
		t.equal("the text", t.invalid(token), t.invalid("x"))
		t.Advance(1000 * time.Hour)
		t.invalid(token)
	}},
	{name: "sealed", rule: "a token shows nothing of the keys in it, and two tokens of one place differ", run: func(t *check) {
		token := t.firstToken("hush1", "hush2")
		raw, err := base64.RawURLEncoding.DecodeString(token)
		t.ok(err)
		if strings.Contains(string(raw), "hush") || strings.Contains(token, "hush") {
			t.Errorf("the token holds a key: %q", raw)
		}
		if _, again := t.scanPage(1, false, ""); again == token {
			t.Errorf("two tokens of one place are equal: the nonce was used twice")
		}
	}},
	{name: "restart", rule: "a token is good across a restart: its key is in the store", restarts: true, run: func(t *check) {
		token := t.firstToken("a", "b", "c")
		t.Restart(t)
		ids, _ := t.scanPage(10, false, token)
		t.equal("resumed", ids, []string{"b", "c"})
	}},
}

// resumes demands, by want, that a call with a page token succeeded, or that
// the token was refused.
func (t *check) resumes(want bool, err error) {
	t.Helper()
	if want {
		t.ok(err)
		return
	}
	t.refused(err, tokenInvalid)
}
