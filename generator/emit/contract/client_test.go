package contract_test

import (
	"context"
	"testing"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// wire is the far end of a client: it notes a call and answers it.
type wire struct {
	grpc.ClientConnInterface
	method string
	in     any
	opts   []grpc.CallOption
	answer proto.Message
	err    error
}

func (w *wire) Invoke(_ context.Context, method string, in, out any, opts ...grpc.CallOption) error {
	w.method, w.in, w.opts = method, in, opts
	if w.answer != nil {
		proto.Merge(out.(proto.Message), w.answer)
	}
	return w.err
}

func TestClient(t *testing.T) {
	w := &wire{answer: &shopv1.FindUserProfileByEmailResponse{Record: &shopv1.UserProfileRecord{Version: 7}}}
	in := &shopv1.FindUserProfileByEmailRequest{By: &shopv1.FindUserProfileByEmailRequest_By{Email: "a@example.com"}}
	out, err := shopv1.NewUserProfileServiceClient(w).FindUserProfileByEmail(t.Context(), in, grpc.WaitForReady(true))
	if err != nil || out.GetRecord().GetVersion() != 7 {
		t.Errorf("got %v, %v; want version 7", out, err)
	}
	if want := "/shop.v1.UserProfileService/FindUserProfileByEmail"; w.method != want {
		t.Errorf("called %s, want %s", w.method, want)
	}
	if w.in != any(in) {
		t.Errorf("sent %v, want the caller's message", w.in)
	}
	if len(w.opts) != 2 { // the caller's, and that the method is known when compiling
		t.Errorf("%d call options, want 2", len(w.opts))
	}
}

func TestClientError(t *testing.T) {
	w := &wire{err: status.Error(codes.Unavailable, "down")}
	out, err := shopv1.NewSessionServiceClient(w).GetSession(t.Context(), &shopv1.GetSessionRequest{})
	if out != nil || status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, %v; want no message and UNAVAILABLE", out, err)
	}
}
