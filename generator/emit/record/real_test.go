package record_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	binarylogpb "google.golang.org/grpc/binarylog/grpc_binarylog_v1"
	channelzpb "google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/source"
	"github.com/prism-proxy/prism/runtime/wire"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// linkedFiles are public schemas that come with the modules that Prism requires,
// and that nobody wrote with Prism in mind: proto2 with required fields,
// extensions and groups of options, deep recursion, oneofs, maps, well-known
// types.
var linkedFiles = []protoreflect.FileDescriptor{
	descriptorpb.File_google_protobuf_descriptor_proto,
	apipb.File_google_protobuf_api_proto,
	typepb.File_google_protobuf_type_proto,
	structpb.File_google_protobuf_struct_proto,
	pluginpb.File_google_protobuf_compiler_plugin_proto,
	errdetails.File_google_rpc_error_details_proto,
	status.File_google_rpc_status_proto,
	channelzpb.File_grpc_channelz_v1_channelz_proto,
	binarylogpb.File_grpc_binlog_v1_binarylog_proto,
}

// otherFiles are those of the modules in testdata/real: OpenTelemetry, xDS,
// Envoy and Google's APIs.
var otherFiles = []string{
	"envoy/config/core/v3/address.proto",
	"envoy/config/core/v3/base.proto",
	"envoy/config/core/v3/config_source.proto",
	"envoy/config/core/v3/health_check.proto",
	"envoy/config/endpoint/v3/endpoint.proto",
	"envoy/config/route/v3/route.proto",
	"envoy/type/matcher/v3/value.proto",
	"google/api/expr/v1alpha1/syntax.proto",
	"google/api/metric.proto",
	"google/api/quota.proto",
	"google/api/service.proto",
	"google/type/datetime.proto",
	"google/type/money.proto",
	"opentelemetry/proto/common/v1/common.proto",
	"opentelemetry/proto/logs/v1/logs.proto",
	"opentelemetry/proto/metrics/v1/metrics.proto",
	"opentelemetry/proto/resource/v1/resource.proto",
	"opentelemetry/proto/trace/v1/trace.proto",
	"xds/core/v3/collection_entry.proto",
	"xds/core/v3/resource.proto",
	"xds/core/v3/resource_locator.proto",
	"xds/data/orca/v3/orca_load_report.proto",
	"xds/type/matcher/v3/matcher.proto",
}

// Each message of public schemas, held by an entity of its own, is compiled, and
// random values of it are put and come back exactly.
func TestRealSchemas(t *testing.T) {
	t.Run("linked", func(t *testing.T) { putAndGet(t, linkedFiles, protoregistry.GlobalFiles) })
	t.Run("others", func(t *testing.T) {
		known := otherSchemas(t)
		var files []protoreflect.FileDescriptor
		for _, path := range otherFiles {
			f, err := known.FindFileByPath(path)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		putAndGet(t, files, known)
	})
}

// otherSchemas returns the files of testdata/real and what they import.
func otherSchemas(t *testing.T) *protoregistry.Files {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"run", "."}, otherFiles...)...)
	list.Dir = "testdata/real"
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil && os.Getenv("PRISM_REQUIRE") != "all" {
		t.Skipf("SKIPPED, NOT PASSED: the modules of testdata/real cannot be had here: %v\n%s", err, &stderr)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(out, &set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// putAndGet holds every message of the files, which with their imports are
// among those known.
func putAndGet(t *testing.T, files []protoreflect.FileDescriptor, known *protoregistry.Files) {
	t.Helper()
	var messages []protoreflect.MessageDescriptor
	for _, f := range files {
		for i := range f.Messages().Len() {
			messages = append(messages, f.Messages().Get(i))
		}
	}
	if len(messages) < 40 {
		t.Fatalf("only %d messages", len(messages))
	}
	t.Logf("%d messages of %d files", len(messages), len(files))
	conn := serve(t, realProxy(t, realSchema(t, messages, known)))
	random := rand.New(rand.NewPCG(5, 6))
	for i, m := range messages {
		stored := 0
		for n := range 20 {
			value := whole(random, dynamicpb.NewMessage(m))
			if proto.Unmarshal(value, dynamicpb.NewMessage(m)) != nil { // a required field is missing
				continue
			}
			record := wire.AppendBytes(wire.AppendBytes(nil, 1, fmt.Append(nil, n)), 2, value)
			call(t, conn, i, "Put", wire.AppendBytes(nil, 1, record))
			answer := call(t, conn, i, "Get", wire.AppendBytes(nil, 1, wire.AppendBytes(nil, 1, fmt.Append(nil, n))))
			if got := first(first(answer)); !bytes.Equal(got, record) {
				t.Errorf("%s: %x comes back as %x", m.FullName(), record, got)
			}
			stored++
		}
		if stored == 0 {
			t.Errorf("%s: no value was complete", m.FullName())
		}
	}
}

// realProxy compiles a deployment of the schema in a module of its own, and
// returns its binary.
func realProxy(t *testing.T, schema []protoreflect.FileDescriptor) string {
	t.Helper()
	out, faults := generator.Run(generator.Input{
		Config:     []byte("deployment: real\nimport_path: example.com/real\npackages: [real.v1]\nnamespaces:\n  - name: real\n    backend: memory\n"),
		ConfigPath: "schemas/real/prism.yaml", Files: schema, Backends: backends.All(),
	})
	if out == nil {
		t.Fatal(faults)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range out.Files {
		name := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(mod), "module github.com/prism-proxy/prism", "module example.com/real", 1) +
		"\nrequire github.com/prism-proxy/prism v0.0.0\n\nreplace github.com/prism-proxy/prism => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "proxy", "./out/real/proxy")
	build.Dir = dir
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return filepath.Join(dir, "proxy")
}

// realSchema returns a schema with an entity for each message, linked against
// the files that are known.
func realSchema(t *testing.T, messages []protoreflect.MessageDescriptor, known *protoregistry.Files) []protoreflect.FileDescriptor {
	t.Helper()
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage real.v1;\nimport \"prism/v1/options.proto\";\n")
	imported := map[string]bool{}
	for _, m := range messages {
		if path := m.ParentFile().Path(); !imported[path] {
			imported[path] = true
			fmt.Fprintf(&b, "import %q;\n", path)
		}
	}
	b.WriteString("option go_package = \"example.com/real/out/contract/real/v1;realv1\";\n")
	for i, m := range messages {
		fmt.Fprintf(&b, "message Holder%d {\noption (prism.v1.entity).namespace = \"real\";\noption (prism.v1.entity).key_value = {};\n"+
			"string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 8];\n.%s value = 2;\n}\n", i, m.FullName())
	}
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			switch path {
			case "real/v1/real.proto":
				return protocompile.SearchResult{Source: strings.NewReader(b.String())}, nil
			case prismv1.Path:
				return protocompile.SearchResult{Source: strings.NewReader(prismv1.Source)}, nil
			}
			f, err := known.FindFileByPath(path)
			if err != nil {
				f, err = protoregistry.GlobalFiles.FindFileByPath(path)
			}
			return protocompile.SearchResult{Desc: f}, err
		}),
	}
	linked, err := compiler.Compile(t.Context(), "real/v1/real.proto")
	if err != nil {
		t.Fatal(err)
	}
	var protos []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	var visit func(protoreflect.FileDescriptor)
	visit = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			visit(f.Imports().Get(i).FileDescriptor)
		}
		protos = append(protos, protodesc.ToFileDescriptorProto(f))
	}
	visit(linked[0])
	files, faults := source.FromProtos(protos, []string{"real.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return files
}

// serve runs the proxy until the test ends.
func serve(t *testing.T, binary string) *grpc.ClientConn {
	t.Helper()
	proxy := exec.CommandContext(t.Context(), binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	logs, err := proxy.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Process.Kill(); proxy.Wait() })
	var line struct{ Msg, Address string }
	for scanner := bufio.NewScanner(logs); line.Msg != "listening"; {
		if !scanner.Scan() {
			t.Fatal("the proxy does not listen")
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatal(scanner.Text())
		}
	}
	conn, err := grpc.NewClient(line.Address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(encoded{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// encoded is a codec of messages that are encoded already.
type encoded struct{}

func (encoded) Name() string                    { return "proto" }
func (encoded) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (encoded) Unmarshal(b []byte, v any) error { *v.(*[]byte) = bytes.Clone(b); return nil }

func call(t *testing.T, conn *grpc.ClientConn, entity int, method string, in []byte) (out []byte) {
	t.Helper()
	name := fmt.Sprintf("/real.v1.Holder%dService/%sHolder%[1]d", entity, method)
	if err := conn.Invoke(t.Context(), name, &in, &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// first returns field 1 of a message.
func first(message []byte) (value []byte) {
	f := wire.Read(message)
	for f.Next() {
		if f.Tag == 1<<3|wire.Bytes {
			value = f.Bytes()
		}
	}
	return value
}
