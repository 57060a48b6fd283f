package prismv1_test

import (
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// An option that is in the text and not in the Go types would be read as an
// unknown field, and ignored.
func TestGoPackageIsOfSource(t *testing.T) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(map[string]string{prismv1.Path: prismv1.Source}),
		}),
	}
	files, err := compiler.Compile(t.Context(), prismv1.Path)
	if err != nil {
		t.Fatal(err)
	}
	got := normal(t, prismv1.File_prism_v1_options_proto)
	want := normal(t, files[0])
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("options.pb.go is not of options.proto; generate it again (-options.proto +options.pb.go):\n%s", diff)
	}
}

// normal returns the file as protoc-gen-go keeps it: comments and positions
// are not in a Go package.
func normal(t *testing.T, file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	t.Helper()
	p := protodesc.ToFileDescriptorProto(file)
	p.SourceCodeInfo = nil
	b, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	resolved := &descriptorpb.FileDescriptorProto{}
	if err := proto.Unmarshal(b, resolved); err != nil {
		t.Fatal(err)
	}
	return resolved
}

// A schema imports the options under Path; the Go package must be registered
// under the same name, or its options would not be recognised.
func TestPathIsRegisteredName(t *testing.T) {
	if got := prismv1.File_prism_v1_options_proto.Path(); got != prismv1.Path {
		t.Errorf("registered as %q, want %q", got, prismv1.Path)
	}
	if !strings.Contains(prismv1.Source, "package "+string(prismv1.File_prism_v1_options_proto.Package())+";") {
		t.Errorf("Source does not declare package %s", prismv1.File_prism_v1_options_proto.Package())
	}
}
