package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Deployment is what the compiler decided about one proxy. It is part of the
// generated code; nothing in it is looked up or negotiated at run time.
type Deployment struct {
	Name      string
	Release   int    // the release that its migrations lead up to
	Open      bool   // the release is not closed yet: its migrations may still change
	Generator string // the version of Prism that compiled it
	Listen    string // host:port of the data listener, or unix:path; it may be a reference
	// Memory is how many bytes connections and calls may hold together. 0:
	// DefaultMemory.
	Memory int64
	// Descriptors is the contract for reflection, as the function Descriptors
	// reads it.
	Descriptors []byte
	Namespaces  []Namespace
}

// Service is one entity's service and what runs beside it.
type Service struct {
	Name     string // shop.v1.UserProfileService
	Contract string // the file that declares it, for reflection
	Methods  []Method
	Tasks    []Task
}

// Server is a proxy whose stores are open. Its methods are safe for concurrent
// use.
type Server struct {
	log       *slog.Logger
	grpc      *grpc.Server
	health    *health.Server
	tasks     []*tasks // one per namespace
	stores    []io.Closer
	watched   []*watched
	pingEvery time.Duration    // more than 0; tests shorten it
	now       func() time.Time // the clock of rates; tests move it
	memory    *budget
	open      *connections
	gunzip    gunzip
	foreign   *gate           // for calls to health and reflection
	draining  atomic.Bool     // new calls are refused
	ending    context.Context // ends when streams of health and reflection should
	end       context.CancelFunc
	// operations are the contract's methods by path, for refusals before grpc
	// picks a method. It does not change after Open.
	operations map[string]operation
	closed     sync.Once
	err        error // of Close
}

// Open opens the stores of d and binds its services. The caller must close the
// server. An error names all that is wrong: first with the settings, and only
// if they are right with the stores.
func Open(ctx context.Context, d *Deployment, env *Env) (*Server, error) {
	namespaces, err := d.Resolve(env)
	if err != nil {
		return nil, err
	}
	s := newServer(env.Log, cmp.Or(d.Memory, DefaultMemory))
	s.reflect(d.Descriptors)
	s.registerForeign(&healthpb.Health_ServiceDesc, s.health)
	var faults []error
	for _, n := range namespaces {
		store, err := n.Open(ctx, env)
		if err != nil {
			faults = append(faults, n.fault(err))
			continue
		}
		s.stores = append(s.stores, store)
		gate, tasks := &gate{limit: int64(n.InFlight), from: n.InFlightOf}, &tasks{namespace: n.Name, log: env.Log}
		for _, service := range store.Services {
			s.register(service, n, gate)
			tasks.add(service)
		}
		s.tasks = append(s.tasks, tasks)
		s.watch(n, store)
	}
	if faults != nil {
		return nil, errors.Join(append(faults, s.Close())...)
	}
	return s, nil
}

// Resolve returns the namespaces with their references resolved, or all faults
// at once. It contacts no store.
func (d *Deployment) Resolve(env *Env) ([]Namespace, error) {
	namespaces := slices.Clone(d.Namespaces)
	var faults []error
	for i, n := range namespaces {
		var err error
		if namespaces[i], err = n.Resolve(env); err != nil {
			faults = append(faults, err)
		}
	}
	return namespaces, errors.Join(faults...)
}

// fault names the store in err.
func (n *Namespace) fault(err error) error {
	return fmt.Errorf("namespace %s on %s: %w", n.Name, n.Backend, err)
}

// newServer returns a server without services.
func newServer(log *slog.Logger, memory int64) *Server {
	most := maxConnections(memory)
	s := &Server{
		log: log, health: health.NewServer(), operations: map[string]operation{}, memory: newBudget(memory), pingEvery: pingEvery, now: time.Now,
		open: &connections{max: most, log: log, open: map[*connection]bool{}}, foreign: &gate{limit: int64(most)},
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.grpc = s.newGRPCServer()
	return s
}

func (s *Server) register(service Service, n Namespace, gate *gate) {
	desc := &grpc.ServiceDesc{ServiceName: service.Name, Metadata: service.Contract}
	for _, m := range service.Methods {
		if set := n.rates[m.Name]; set != 0 {
			m.Rate = set
		}
		b := &bound{Method: m, server: s, service: service.Name, namespace: n.Name, rate: newRate(m.Rate), gate: gate}
		s.operations["/"+service.Name+"/"+m.Name] = b.operation()
		desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: m.Name, Handler: b.handle})
	}
	s.grpc.RegisterService(desc, nil)
}

// newGRPCServer returns a server with the limits for every connection.
func (s *Server) newGRPCServer() *grpc.Server {
	return grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		//lint:ignore SA1019 a registered compressor would be the process's, and would pack answers
		grpc.RPCDecompressor(&s.gunzip),
		grpc.InTapHandle(s.arrive),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.MaxHeaderListSize(16<<10),
		grpc.MaxConcurrentStreams(100),
		grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 5 * time.Minute, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: maxDeadline,
		}),
		// Clients may ping every 10 s, grpc's minimum; 5 s leaves room for the
		// network to shorten the time between two pings.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
}

// operation returns what is known about the method with the given path.
func (s *Server) operation(method string) operation {
	if op, ok := s.operations[method]; ok {
		return op
	}
	return operation{name: path.Base(method), service: strings.TrimPrefix(path.Dir(method), "/")}
}

// reflect serves the contract's descriptors, which the binary holds as data: it
// links no Go messages of the contract. They are decoded at the first request:
// those of 1,000 entities take 98 MB and a third of a second.
func (s *Server) reflect(descriptors []byte) {
	read := sync.OnceValues(func() (*protoregistry.Files, error) {
		set, err := Descriptors(descriptors)
		if err != nil {
			return nil, err
		}
		return protodesc.NewFiles(set)
	})
	s.registerForeign(&reflectionpb.ServerReflection_ServiceDesc, reflection.NewServerV1(reflection.ServerOptions{
		Services: s.grpc, DescriptorResolver: contract(read),
	}))
}

// contract finds descriptors in the embedded contract, which it returns, and
// otherwise among the linked ones, for health and reflection.
type contract func() (*protoregistry.Files, error)

func (c contract) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	files, err := c()
	if err != nil {
		return nil, err
	}
	if d, err := files.FindFileByPath(path); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

func (c contract) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	files, err := c()
	if err != nil {
		return nil, err
	}
	if d, err := files.FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

// goAwayLimit is how long new calls are accepted after clients were told to go:
// they may have been on their way. A client that calls later did not listen.
const goAwayLimit = time.Second

// drainLimit is how long calls in progress may take once the server stops.
const drainLimit = 22 * time.Second

// Serve accepts calls on l, and runs the services' tasks, until ctx ends. Then
// health answers NOT_SERVING, and calls are served for linger more so that load
// balancers can turn away. After that, clients are told to go and streams of
// health and reflection end. New calls are refused 1 s later; calls in progress
// may finish, and after 22 s the rest are cut off. Serve returns when the last
// call and the tasks have ended. It closes l; the stores stay open.
func (s *Server) Serve(ctx context.Context, l net.Listener, linger time.Duration) error {
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, namespace := range s.tasks {
		running.Go(func() { namespace.run(stop) })
	}
	for _, w := range s.watched {
		running.Go(func() { s.follow(stop, w) })
	}
	running.Go(func() { s.open.watch(stop) })
	running.Go(func() {
		select {
		case <-ctx.Done():
			s.drain(linger)
		case <-stop.Done():
		}
	})
	err := s.grpc.Serve(accepting{l, s.open})
	cancel()
	running.Wait()
	return err
}

func (s *Server) drain(linger time.Duration) {
	s.log.Info("draining", "delay", linger.String(), "limit", drainLimit.String())
	s.health.Shutdown()
	time.Sleep(linger)
	s.end()
	refuse := time.AfterFunc(goAwayLimit, func() { s.draining.Store(true) })
	defer refuse.Stop()
	cut := time.AfterFunc(drainLimit, s.grpc.Stop)
	defer cut.Stop()
	s.grpc.GracefulStop()
}

// Close stops the server at once and closes the stores. It is idempotent and
// returns the first error.
func (s *Server) Close() error {
	s.closed.Do(func() {
		s.end()
		s.grpc.Stop()
		for _, store := range s.stores {
			s.err = errors.Join(s.err, store.Close())
		}
	})
	return s.err
}
