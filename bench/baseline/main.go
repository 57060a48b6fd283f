// Command baseline serves shop.v1.UserProfileService as one would without
// Prism, for comparison in the benchmark.
//
//	baseline messages   a handler as one writes it on grpc-go, with
//	                    protobuf-go messages, on the store that Prism's proxy has
//	baseline bytes      a handler that decodes nothing and answers the same
//	                    bytes always: what grpc-go itself costs
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/backends/memory"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/bytestore"
	"github.com/prism-proxy/prism/runtime/tuple"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: baseline messages|bytes")
	}
	var server *grpc.Server
	switch args[0] {
	case "messages":
		db, err := memory.Open(context.Background(), runtime.NewEnv("baseline", ""), runtime.Namespace{Name: "user-profiles"}, memory.Config{})
		if err != nil {
			return err
		}
		server = grpc.NewServer()
		server.RegisterService(desc(put, get), &profiles{db})
	case "bytes":
		var err error
		if server, err = newBytesServer(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no handler is called %s", args[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("listening", "address", l.Addr().String())
	return server.Serve(l)
}

// desc describes the service with two of its methods.
func desc(put, get grpc.MethodHandler) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "shop.v1.UserProfileService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "PutUserProfile", Handler: put}, {MethodName: "GetUserProfile", Handler: get}},
	}
}

// profiles is the hand-written service.
type profiles struct{ db *memory.DB }

// What keys begin with, of records and of the index.
const (
	table  tuple.Key = "user_profiles\x00"
	emails tuple.Key = "user_profiles_email\x00"
)

func (s *profiles) put(ctx context.Context, in *shopv1.PutUserProfileRequest) (*shopv1.PutUserProfileResponse, error) {
	p := in.GetUserProfile()
	switch {
	case p.GetUserId() == "" || len(p.GetUserId()) > 64:
		return nil, status.Error(codes.InvalidArgument, "user_id has 1 to 64 bytes")
	case len(p.GetEmail()) > 254:
		return nil, status.Error(codes.InvalidArgument, "email has at most 254 bytes")
	case p.GetDisplayName() == "" || len(p.GetDisplayName()) > 200:
		return nil, status.Error(codes.InvalidArgument, "display_name has 1 to 200 bytes")
	}
	b, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	r := bytestore.NewRecord(table.Text([]byte(p.UserId)), b)
	if p.Email != nil {
		r.Unique("email", emails.Text([]byte(*p.Email)))
	}
	written, err := s.db.Put(ctx, r)
	if err != nil {
		return nil, err
	}
	return &shopv1.PutUserProfileResponse{Version: written.Version}, nil
}

func (s *profiles) get(ctx context.Context, in *shopv1.GetUserProfileRequest) (*shopv1.GetUserProfileResponse, error) {
	id := in.GetKey().GetUserId()
	if id == "" || len(id) > 64 {
		return nil, status.Error(codes.InvalidArgument, "user_id has 1 to 64 bytes")
	}
	record := &shopv1.UserProfileRecord{UserProfile: new(shopv1.UserProfile)}
	var broken error
	err := s.db.Get(ctx, table.Text([]byte(id)), func(row runtime.Row) bool {
		record.Version, broken = row.Version, proto.Unmarshal(row.Record, record.UserProfile)
		return false
	})
	if err != nil {
		return nil, err
	}
	return &shopv1.GetUserProfileResponse{Record: record}, broken
}

// put and get are as protoc-gen-go-grpc writes them.

func put(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(shopv1.PutUserProfileRequest)
	if err := dec(in); err != nil {
		return nil, err
	}
	return srv.(*profiles).put(ctx, in)
}

func get(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(shopv1.GetUserProfileRequest)
	if err := dec(in); err != nil {
		return nil, err
	}
	return srv.(*profiles).get(ctx, in)
}
