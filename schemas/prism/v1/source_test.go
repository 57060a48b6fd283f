package prismv1_test

import (
	"flag"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	gengo "google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

var update = flag.Bool("update", false, "write the Go of the .proto files anew")

// An option that is in the text and not in the Go types would be read as an
// unknown field, and ignored.
//
//	go test ./schemas/prism/v1 -update
func TestGoPackageIsOfSource(t *testing.T) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(map[string]string{prismv1.Path: prismv1.Source, prismv1.ReasonPath: prismv1.ReasonSource}),
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(t.Context(), prismv1.Path, prismv1.ReasonPath)
	if err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("paths=source_relative")}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		p := proto.CloneOf(protoutil.ProtoFromFileDescriptor(f))
		for _, x := range p.Extension {
			x.Proto3Optional = nil // an extension has presence anyway
		}
		request.ProtoFile = append(request.ProtoFile, p)
	}
	for _, f := range files {
		add(f)
		request.FileToGenerate = append(request.FileToGenerate, f.Path())
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range request.FileToGenerate {
		gengo.GenerateFile(plugin, plugin.FilesByPath[name])
	}
	for _, f := range plugin.Response().File {
		name := path.Base(f.GetName())
		if *update {
			if err := os.WriteFile(name, []byte(f.GetContent()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != f.GetContent() {
			t.Errorf("%s is not of its .proto file (%v); run go test ./schemas/prism/v1 -update", name, err)
		}
	}
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
