package main

import (
	"context"
	"errors"
	"strings"

	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// reflect asks the proxy for its services and for the files that declare them,
// by grpc's reflection protocol, and adds the methods and types.
func (c *caller) reflect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	stream, err := reflectionpb.NewServerReflectionClient(c.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	ask := func(request *reflectionpb.ServerReflectionRequest) (*reflectionpb.ServerReflectionResponse, error) {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		response, err := stream.Recv()
		if e := response.GetErrorResponse(); err == nil && e != nil {
			err = errors.New(e.GetErrorMessage())
		}
		return response, err
	}
	listed, err := ask(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		return err
	}
	files := map[string]*descriptorpb.FileDescriptorProto{}
	var services []protoreflect.FullName
	for _, s := range listed.GetListServicesResponse().GetService() {
		if strings.HasPrefix(s.GetName(), "grpc.") {
			continue // health and reflection
		}
		services = append(services, protoreflect.FullName(s.GetName()))
		// The answer contains the file with all its imports, except those that this
		// stream has already sent.
		answer, err := ask(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: s.GetName()},
		})
		if err != nil {
			return err
		}
		for _, text := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(text, f); err != nil {
				return err
			}
			files[f.GetName()] = f
		}
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range files {
		set.File = append(set.File, f)
	}
	return c.link(set, services)
}
