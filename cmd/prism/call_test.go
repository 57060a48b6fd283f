package main

import (
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/wire"
)

// Methods and their requests come from the generated contract: no proxy runs
// here.
func TestCallLists(t *testing.T) {
	own := order + "service OwnService {\n  rpc Own(Order) returns (Order);\n}\n" // no proxy serves it
	module(t, map[string]string{"schemas/shop/v1/order.proto": own, "schemas/shop/prism.yaml": config})
	script(t, []step{
		{"call", 1, "", "prism: deployment shop is not generated: there is no out/shop/proxy/server/contract.txt; run prism generate\n"},
		{"generate", 0, "wrote ", ""},
		{"call", 0, "shop.v1.OrderService\n  PutOrder(PutOrderRequest{order})\n  GetOrder(GetOrderRequest{key})\n", ""},
		{"call --config schemas/shop", 0, "shop.v1.OrderService\n", ""},
		{"__complete call Put", 0, "PutOrder\n", "NoFileComp"},
		{"call PutOdrer {}", 1, "", "prism: no method is named PutOdrer; did you mean PutOrder?\n"},
		{"call OrderService/putorder {}", 1, "", "prism: no method is named OrderService/putorder; did you mean PutOrder?\n"},
		{"call Own {}", 1, "", "prism: no method is named Own; prism call lists them\n"},
		{"call Frobnicate {}", 1, "", "prism: no method is named Frobnicate; prism call lists them\n"},
		{"call nowhere/GetOrder", 1, "", "did you mean GetOrder?"},
		{"call --config nowhere", 1, "", "prism: stat nowhere: "},
	})
	// The call goes to the proxy as generated, whatever has become of the schema.
	write(t, "schemas/shop/v1/order.proto", "message {")
	script(t, []step{{"call", 0, "  GetOrder(GetOrderRequest{key})\n", ""}})
	write(t, "out/shop/proxy/server/contract.txt", "\xff")
	script(t, []step{{"call", 1, "", "prism: out/shop/proxy/server/contract.txt: "}})
	if err := os.MkdirAll("schemas/other", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "schemas/other/prism.yaml", strings.ReplaceAll(config, "deployment: shop", "deployment: other"))
	script(t, []step{
		{"call", 1, "", "prism: the module has 2 deployments; name the prism.yaml of one with --config, or the proxy with --address\n"},
		{"call --config schemas/other", 1, "", "prism: deployment other is not generated"},
	})
	t.Setenv("PRISM_CONFIG", "schemas/other/prism.yaml")
	script(t, []step{
		{"call", 1, "", "prism: deployment other is not generated"},
		{"call --config schemas/shop", 1, "", "prism: out/shop/"},
	})
}

// A fault of the request is reported with its position, before anything is
// sent.
func TestCallRequest(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	prism(t, "generate")
	for request, want := range map[string]string{
		`{"order":{"nope":1}}`:        `request:1:11: unknown field "nope"; the request is a shop.v1.PutOrderRequest`,
		"{\"order\":\n{\"id\":true}}": "request:2:7: invalid value for string field id: true; the",
		`{"order":{"id":"a",}}`:       "request:1:20: unexpected token }; the",
		`{"order":{"é":1}}`:           `request:1:11: unknown field "é"; the`,
		"{\"order\":\n{\"id\":\"é\"":  "request:2:10: it ends too early; the",
		"":                            "request:1:1: it ends too early; the",
		`{"order":{"id":"a"}}{}`:      "request:1:21: unexpected token {; the",
		`{"order":{"id":"a"},"id":1}`: `request:1:21: unknown field "id"; the`,
	} {
		if code, _, stderr := prism(t, "call PutOrder", request); code != exitFailure || !strings.HasPrefix(stderr, "prism: "+want) {
			t.Errorf("%s: exit code %d, %s, want %s", request, code, stderr, want)
		}
	}
}

// listen runs a server until the test ends and returns its address.
func listen(t *testing.T, server *grpc.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// A proxy needs no reflection to be called.
func TestCall(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	prism(t, "generate")
	var called []string
	proxy := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		in, out := &emptypb.Empty{}, &emptypb.Empty{} // their bytes are unknown fields
		if err := stream.RecvMsg(in); err != nil {
			return err
		}
		called = append(called, method+" "+string(in.ProtoReflect().GetUnknown()))
		if strings.HasSuffix(method, "/GetOrder") {
			refusal, err := status.New(codes.NotFound, "GetOrder: there is none").WithDetails(&errdetails.ErrorInfo{
				Reason: "NOT_FOUND", Metadata: map[string]string{"b": "2", "a": "1"},
			})
			if err != nil {
				return err
			}
			return refusal.Err()
		}
		out.ProtoReflect().SetUnknown(wire.AppendVarint(nil, 1, 7))
		return stream.SendMsg(out)
	}))
	address := listen(t, proxy)
	t.Setenv("PRISM_ADDRESS", address)
	script(t, []step{
		{`call PutOrder {"order":{"id":"a"}}`, 0, "{\n  \"version\": \"7\"\n}\n", ""},
		{"call OrderService/PutOrder", 0, "\"7\"", ""},
		{"call shop.v1.OrderService/PutOrder", 0, "\"7\"", ""},
		{"call /shop.v1.OrderService/PutOrder", 0, "\"7\"", ""},
		{"call GetOrder", 1, "", "prism: NotFound NOT_FOUND a=1 b=2: GetOrder: there is none\n"},
	})
	want := []string{"PutOrder \n\x03\n\x01a", "PutOrder ", "PutOrder ", "PutOrder ", "GetOrder "}
	for i := range want {
		if want[i] = "/shop.v1.OrderService/" + want[i]; i >= len(called) || called[i] != want[i] {
			t.Fatalf("the proxy gets %q, want %q", called, want)
		}
	}
}

// An address says which proxy is meant: with several deployments its methods are
// those of all that are generated.
func TestCallAddressOfOneOfSeveral(t *testing.T) {
	module(t, map[string]string{
		"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config,
		"schemas/cart/v1/cart.proto": strings.NewReplacer("Order", "Cart", "shop.v1", "cart.v1", "shop/v1;shopv1", "cart/v1;cartv1").Replace(order),
		"schemas/cart/prism.yaml":    strings.NewReplacer("deployment: shop", "deployment: cart", "shop.v1", "cart.v1").Replace(config),
		"schemas/both/prism.yaml":    strings.NewReplacer("deployment: shop", "deployment: both", "[shop.v1]", "[shop.v1, cart.v1]").Replace(config),
	})
	address := listen(t, grpc.NewServer())
	script(t, []step{
		{"call --address " + address, 1, "", " is not generated: there is no out/"},
		{"generate schemas/shop", 0, "wrote ", ""},
		{"call --address " + address, 0, "shop.v1.OrderService\n", ""},
		{"call PutOrder --address " + address, 1, "", "prism: Unimplemented: unknown service shop.v1.OrderService\n"},
		{"generate", 0, "wrote ", ""},
		{"call --address " + address, 0, "cart.v1.CartService\n  PutCart(PutCartRequest{cart})\n", ""},
		{"call PutOrder --address " + address, 1, "", "prism: Unimplemented: unknown service shop.v1.OrderService\n"},
		{"call PutCart --address " + address, 1, "", "prism: Unimplemented: unknown service cart.v1.CartService\n"},
		{"__complete call --address " + address + " Put", 0, "PutCart\nPutOrder\n", "NoFileComp"},
		{"call PutCart", 1, "", "prism: the module has 3 deployments; "},
	})
	if _, stdout, _ := prism(t, "call --address "+address); strings.Count(stdout, "shop.v1.OrderService\n") != 1 {
		t.Errorf("a service that two deployments serve:\n%s", stdout)
	}
}

// Without a project, the proxy itself says what it serves.
func TestCallReflects(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	prism(t, "generate")
	text, err := os.ReadFile("out/shop/proxy/server/contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	set, err := runtime.Descriptors(text)
	if err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	proxy := grpc.NewServer()
	reflectionpb.RegisterServerReflectionServer(proxy, reflection.NewServerV1(reflection.ServerOptions{
		Services: services{"shop.v1.OrderService": {}, "grpc.health.v1.Health": {}}, DescriptorResolver: files,
	}))
	address := listen(t, proxy)
	t.Chdir(t.TempDir())
	script(t, []step{
		{"call --address " + address, 0, "shop.v1.OrderService\n  PutOrder(PutOrderRequest{order})\n", ""},
		{"call PutOdrer --address " + address, 1, "", "prism: no method is named PutOdrer; did you mean PutOrder?\n"},
		{"call PutOrder --address " + address, 1, "", "prism: Unimplemented: unknown service shop.v1.OrderService\n"},
		{"call --config . --address " + address, 1, "", "is in no Go module"},
	})
	// Not every Go module is a project of Prism's.
	if err := os.Mkdir("schemas", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "go.mod", "module example.com/client\n")
	script(t, []step{
		{"call --address " + address, 0, "shop.v1.OrderService\n", ""},
		{"call --config schemas --address " + address, 1, "", "prism: there is no schemas/prism.yaml; correct the path, or run prism generate\n"},
	})
}

// services are those that reflection lists.
type services map[string]grpc.ServiceInfo

func (s services) GetServiceInfo() map[string]grpc.ServiceInfo { return s }

// Flags win over the environment, and that over prism.yaml.
func TestAddress(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	prism(t, "generate")
	script(t, []step{{"call GetOrder", 1, "", "; start a proxy at 127.0.0.1:8980, or name another address with --address\n"}})
	write(t, "schemas/shop/prism.yaml", config+"listen: 127.0.0.1:2\n")
	script(t, []step{
		{"call GetOrder", 1, "", "prism: Unavailable: connection error: "},
		{"call GetOrder", 1, "", " at 127.0.0.1:2, or "},
		{"call GetOrder --address 127.0.0.1:3", 1, "", " at 127.0.0.1:3, or "},
	})
	// A reference is what it is where the proxy runs, which is here.
	write(t, "schemas/shop/prism.yaml", config+"listen: ${env:SHOP_LISTEN:-127.0.0.1:2}\n")
	script(t, []step{{"call GetOrder", 1, "", " at 127.0.0.1:2, or "}})
	t.Setenv("SHOP_LISTEN", "127.0.0.1:6")
	script(t, []step{{"call GetOrder", 1, "", " at 127.0.0.1:6, or "}})
	// grpc takes port 443, and asks a proxy of the web's.
	t.Setenv("SHOP_LISTEN", "127.0.0.1")
	script(t, []step{
		{"call GetOrder", 1, "", "prism: schemas/shop/prism.yaml: listen is 127.0.0.1, without a port; write 127.0.0.1:8980, or the port at which the proxy listens\n"},
		{"call GetOrder --address 127.0.0.1", 2, "", "prism: --address is 127.0.0.1, without a port; write 127.0.0.1:8980, or "},
		{"call GetOrder --address localhost:", 2, "", "prism: --address is localhost:, without a port; write localhost:8980, or "},
		{"call GetOrder --address ::1", 2, "", "prism: --address is ::1, without a port; write [::1]:8980, or "},
		{"call GetOrder --address unix:/nowhere/shop.sock", 1, "", "prism: Unavailable: "},
		{"call GetOrder --address dns:///127.0.0.1:3", 1, "", "prism: Unavailable: "},
	})
	t.Setenv("PRISM_ADDRESS", "127.0.0.1:4")
	script(t, []step{
		{"call GetOrder", 1, "", " at 127.0.0.1:4, or "},
		{"call GetOrder --address 127.0.0.1:3", 1, "", " at 127.0.0.1:3, or "},
	})
	t.Chdir(t.TempDir()) // in no module
	script(t, []step{
		{"call", 1, "", "prism: 127.0.0.1:4 does not say what it serves: "},
		{"call --address 127.0.0.1:3", 1, "", "prism: 127.0.0.1:3 does not"},
	})
}

// A method may be named by any part that tells it from others.
func TestFindMethod(t *testing.T) {
	c := &caller{}
	for _, pkg := range []string{"a.v1", "b.v1"} {
		f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: proto.String(pkg + ".proto"), Package: proto.String(pkg),
			MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
			Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("NoteService"), Method: []*descriptorpb.MethodDescriptorProto{
				{Name: proto.String("GetNote"), InputType: proto.String("." + pkg + ".M"), OutputType: proto.String("." + pkg + ".M")},
			}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.methods = append(c.methods, f.Services().Get(0).Methods().Get(0))
	}
	if m, err := c.find("b.v1.NoteService/GetNote"); err != nil || m != c.methods[1] {
		t.Errorf("the full name finds %v, %v", m, err)
	}
	_, err := c.find("NoteService/GetNote")
	if want := "NoteService/GetNote is a method of a.v1.NoteService and of b.v1.NoteService; write the service before it, as in a.v1.NoteService/GetNote"; err == nil || err.Error() != want {
		t.Errorf("a name of two methods: %v, want %s", err, want)
	}
}
