package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/bench/workload"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
)

// newBytesServer returns a server whose answers are encoded beforehand.
func newBytesServer() (*grpc.Server, error) {
	put, err := proto.Marshal(&shopv1.PutUserProfileResponse{Version: 1_000_000})
	if err != nil {
		return nil, err
	}
	get, err := proto.Marshal(&shopv1.GetUserProfileResponse{
		Record: &shopv1.UserProfileRecord{UserProfile: workload.Profile(0), Version: 1_000_000},
	})
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(workload.Codec{}))
	server.RegisterService(desc(constant(put), constant(get)), nil)
	return server, nil
}

// constant returns a handler that always answers with the same bytes.
func constant(answer workload.Message) grpc.MethodHandler {
	return func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request workload.Message
		return &answer, dec(&request)
	}
}
