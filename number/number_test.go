package number_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/keyvalue"
	"github.com/prism-proxy/prism/runtime/page"
	"github.com/prism-proxy/prism/runtime/wire"
)

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The runtime reads what a client sends as the contract means it.
func TestRequests(t *testing.T) {
	session, key := &shopv1.Session{SessionId: "s", UserId: "u"}, &shopv1.SessionKey{SessionId: "s"}
	for _, c := range []struct {
		request, item proto.Message
		version       int64
	}{
		{&shopv1.PutSessionRequest{Session: session}, session, 0},
		{&shopv1.GetSessionRequest{Key: key}, key, 0},
		{&shopv1.DeleteSessionRequest{Key: key, IfVersion: 7}, key, 7},
		{&shopv1.CompareAndSwapSessionRequest{Session: session, ExpectedVersion: 8}, session, 8},
		{&shopv1.FindUserProfileByEmailRequest{By: &shopv1.FindUserProfileByEmailRequest_By{Email: "e"}}, &shopv1.FindUserProfileByEmailRequest_By{Email: "e"}, 0},
	} {
		item, err := keyvalue.Item(marshal(t, c.request))
		if want := marshal(t, c.item); err != nil || !bytes.Equal(item, want) {
			t.Errorf("%T is about % x, %v, want % x", c.request, item, err, want)
		}
		if _, version, err := keyvalue.Versioned(marshal(t, c.request), "version"); err != nil || version != c.version {
			t.Errorf("%T expects version %d, %v, want %d", c.request, version, err, c.version)
		}
	}
	for _, c := range []struct{ request, item proto.Message }{
		{&shopv1.BatchPutSessionsRequest{Sessions: []*shopv1.Session{session, session}}, session},
		{&shopv1.BatchGetSessionsRequest{Keys: []*shopv1.SessionKey{key, key}}, key},
		{&shopv1.BatchDeleteSessionsRequest{Keys: []*shopv1.SessionKey{key, key}}, key},
	} {
		items, err := keyvalue.Items(marshal(t, c.request), "items")
		if want := marshal(t, c.item); err != nil || len(items) != 2 || !bytes.Equal(items[1], want) {
			t.Errorf("%T has the items % x, %v, want % x twice", c.request, items, err, want)
		}
	}
}

// The same holds for requests for lists.
func TestListRequests(t *testing.T) {
	by, end := &shopv1.FindOrdersByStatusRequest_By{Status: shopv1.OrderStatus_ORDER_STATUS_PAID}, timestamppb.New(time.Unix(5, 0))
	from, to := &shopv1.FindOrdersByStatusRequest_Bound{CreatedAt: end}, &shopv1.FindOrdersByStatusRequest_Bound{}
	request := &shopv1.FindOrdersByStatusRequest{By: by, From: from, To: to, Reverse: true, PageSize: 3, PageToken: "token"}
	var got page.Request
	parts := map[wire.Tag]proto.Message{keyvalue.TagBy: by, page.TagFrom: from, page.TagTo: to}
	f := wire.Read(marshal(t, request))
	for f.Next() {
		part, ok := parts[f.Tag]
		if !ok {
			got.Read(f)
			continue
		}
		if want := marshal(t, part); !bytes.Equal(f.Bytes(), want) {
			t.Errorf("%T is % x, want % x", part, f.Bytes(), want)
		}
		delete(parts, f.Tag)
	}
	if f.Err() != nil || len(parts) > 0 || !got.Reverse || got.Size != 3 || string(got.Token) != "token" {
		t.Errorf("got %+v, without %v, %v", got, parts, f.Err())
	}
}

// A client reads what the runtime answers as it is meant.
func TestResponses(t *testing.T) {
	session := &shopv1.Session{SessionId: "s", UserId: "u"}
	expires := timestamppb.New(time.Unix(5, 6000))
	written := keyvalue.Written{Version: 7, Expires: wire.NewTimestamp(expires.AsTime())}
	row := runtime.Row{Version: written.Version, Expires: written.Expires, Record: marshal(t, session)}
	record := &shopv1.SessionRecord{Session: session, Version: 7, ExpireTime: expires}

	var result keyvalue.Result
	result.Add(row)
	var results keyvalue.Results
	results.Add(row)
	results.Add(runtime.Row{})
	tokens, err := page.NewTokens(page.NewKey(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := tokens.Page(nil, nil, &page.Request{Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	for list.Add(row) {
	}
	for _, c := range []struct {
		reply []byte
		want  proto.Message
	}{
		{keyvalue.AppendWritten(nil, written), &shopv1.PutSessionResponse{Version: 7, ExpireTime: expires}},
		{keyvalue.AppendWritten(nil, written), &shopv1.CompareAndSwapSessionResponse{Version: 7, ExpireTime: expires}},
		{keyvalue.AppendExisted(nil, true), &shopv1.DeleteSessionResponse{Existed: true}},
		{result.Bytes(), &shopv1.GetSessionResponse{Record: record}},
		{keyvalue.AppendAllWritten(nil, []keyvalue.Written{written, {Version: 8}}),
			&shopv1.BatchPutSessionsResponse{Results: []*shopv1.BatchPutSessionsResponse_Result{{Version: 7, ExpireTime: expires}, {Version: 8}}}},
		{results.Bytes(), &shopv1.BatchGetSessionsResponse{Results: []*shopv1.BatchGetSessionsResponse_Result{{Record: record}, {}}}},
		{keyvalue.AppendAllExisted(nil, []bool{false, true}),
			&shopv1.BatchDeleteSessionsResponse{Results: []*shopv1.BatchDeleteSessionsResponse_Result{{}, {Existed: true}}}},
		{list.Bytes(nil), &shopv1.ScanSessionsResponse{Records: []*shopv1.SessionRecord{record, record}, NextPageToken: "token"}},
	} {
		got := c.want.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(c.reply, got); err != nil {
			t.Fatal(err)
		}
		if scan, ok := got.(*shopv1.ScanSessionsResponse); ok && scan.NextPageToken != "" {
			scan.NextPageToken = "token" // the token's text is random
		}
		if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.want, diff)
		}
	}
}
