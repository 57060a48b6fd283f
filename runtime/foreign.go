package runtime

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// maxForeign bounds a request to a service outside the contract.
const maxForeign = 64 << 10

// registerForeign registers health or reflection. Their requests and answers
// count against the budget like the contract's, and their streams end when the
// server stops. A panic fails only its call.
func (s *Server) registerForeign(desc *grpc.ServiceDesc, service any) {
	d := *desc
	d.Methods, d.Streams = slices.Clone(d.Methods), slices.Clone(d.Streams)
	for i, m := range d.Methods {
		d.Methods[i].Handler = func(service any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var out *answer
			err := s.serveForeign(ctx, "/"+d.ServiceName+"/"+m.MethodName, func(f *foreign) error {
				reply, err := m.Handler(service, ctx, f.RecvMsg, nil)
				if err != nil {
					return err
				}
				out, err = f.answer(reply)
				return err
			})
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}
	for i, m := range d.Streams {
		d.Streams[i].Handler = func(service any, stream grpc.ServerStream) error {
			return s.serveForeign(stream.Context(), "/"+d.ServiceName+"/"+m.StreamName, func(f *foreign) error {
				f.ServerStream, f.many = stream, m.ClientStreams
				return m.Handler(service, f)
			})
		}
	}
	s.grpc.RegisterService(&d, service)
}

// serveForeign serves one call, and ends it when the server stops.
func (s *Server) serveForeign(ctx context.Context, method string, serve func(*foreign) error) error {
	f := &foreign{server: s, ctx: ctx}
	f.held.of = s.memory
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok {
		defer context.AfterFunc(s.ending, a.abandon)()
	}
	err := func() (err error) {
		defer recovered(&err)
		if !s.foreign.enter() {
			return overloaded(s.foreign.limit)
		}
		defer s.foreign.leave()
		return serve(f)
	}()
	switch {
	case err == nil:
		return nil
	case s.ending.Err() != nil && ctx.Err() != nil:
		err = stopping()
	}
	return s.fail(ctx, s.operation(method), err)
}

// foreign is a call of a service outside the contract. Its messages are Go
// protobuf messages.
type foreign struct {
	grpc.ServerStream // nil for a unary call
	server            *Server
	ctx               context.Context
	request           request
	held              holding // of the request
	many              bool    // several requests may come, at any time
}

// RecvMsg reads the next message into m.
func (f *foreign) RecvMsg(m any) error {
	defer f.held.resize(0)
	defer f.request.free()
	receive := f.server.receive
	if f.many {
		receive = f.server.read
	}
	if err := receive(f.ctx, &f.request, &f.held, maxForeign); err != nil {
		return err
	}
	if proto.Unmarshal(f.request.bytes, m.(proto.Message)) != nil {
		return malformed("the message cannot be decoded")
	}
	return nil
}

// SendMsg sends m once the client has taken what was sent before.
func (f *foreign) SendMsg(m any) error {
	a, err := f.answer(m)
	if err != nil {
		return err
	}
	return f.ServerStream.SendMsg(a)
}

// answer returns m in the form that is handed to grpc.
func (f *foreign) answer(m any) (*answer, error) {
	b, err := proto.Marshal(m.(proto.Message))
	if err != nil {
		return nil, err
	}
	a := &answer{holding: holding{of: f.server.memory}}
	if err := a.take(CallCost + cap(b)); err != nil {
		return nil, err
	}
	return a.hand(f.ctx, b), nil
}
