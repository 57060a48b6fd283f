package generator_test

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
)

// protos compiles the schema files of a module as protoc does: with their
// imports, each after its own.
func protos(t *testing.T, fsys fs.FS, files ...string) []*descriptorpb.FileDescriptorProto {
	t.Helper()
	schemas, err := fs.Sub(fsys, "schemas")
	if err != nil {
		t.Fatal(err)
	}
	options := os.DirFS("../schemas")
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: func(name string) (io.ReadCloser, error) {
			if strings.HasPrefix(name, "prism/") {
				return options.Open(name)
			}
			return schemas.Open(name)
		}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(t.Context(), files...)
	if err != nil {
		t.Fatal(err)
	}
	var all []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		all = append(all, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range compiled {
		add(f)
	}
	return all
}

var shopFiles = []string{"shop/v1/order.proto", "shop/v1/session.proto", "shop/v1/user_profile.proto"}

// request is what protoc 3.21 sends, which does not know retention, or with
// retained what later ones and buf send: options with source retention only in
// source_file_descriptors.
func request(t *testing.T, fsys fs.FS, retained bool) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	req := &pluginpb.CodeGeneratorRequest{
		Parameter: proto.String("config=" + shopConfig), FileToGenerate: shopFiles, ProtoFile: protos(t, fsys, shopFiles...),
	}
	if !retained {
		return req
	}
	for i, p := range req.ProtoFile {
		stripped, err := options.StripSourceRetentionOptionsFromFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(shopFiles, p.GetName()) {
			req.SourceFileDescriptors = append(req.SourceFileDescriptors, p)
			if proto.Equal(p, stripped) {
				t.Fatalf("%s has no option of source retention", p.GetName())
			}
		}
		req.ProtoFile[i] = stripped
	}
	return req
}

// The plugin returns the files that the CLI writes, byte for byte.
func TestPluginEqualsCLI(t *testing.T) {
	want := contents(run(t, input(t, module(), shopConfig)).Files)
	for _, retained := range []bool{false, true} {
		req := request(t, module(), retained)
		wire, err := proto.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		var received pluginpb.CodeGeneratorRequest
		if err := proto.Unmarshal(wire, &received); err != nil {
			t.Fatal(err)
		}
		resp, warnings := generator.Respond(&received, module(), backends.All(), backends.TestKit())
		if resp.Error != nil || len(warnings) > 0 {
			t.Fatal(resp.GetError(), warnings)
		}
		// The embedded contract is no UTF-8 and must survive the answer's string.
		wire, err = proto.Marshal(resp)
		if err != nil {
			t.Fatal(err)
		}
		resp = new(pluginpb.CodeGeneratorResponse)
		if err := proto.Unmarshal(wire, resp); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, f := range resp.File {
			got[f.GetName()] = f.GetContent()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("source_file_descriptors %t (-CLI +plugin):\n%s", retained, diff)
		}
		if got, want := resp.GetMaximumEdition(), int32(descriptorpb.Edition_EDITION_2023); got != want {
			t.Errorf("maximum_edition = %d, want %d", got, want)
		}
	}
}

// Faults are the answer's error, all of them, and then there are no files.
func TestPluginFaults(t *testing.T) {
	fsys := edited(t, func(_, text string) string {
		return strings.ReplaceAll(text, "(prism.v1.field).partition_key = 1,", "")
	})
	resp, _ := generator.Respond(request(t, fsys, true), fsys, backends.All(), backends.TestKit())
	if n := strings.Count(resp.GetError(), "PRISM2010 [key.missing]"); n != 3 || len(resp.File) > 0 {
		t.Errorf("%d files, error %q", len(resp.File), resp.GetError())
	}
}

func TestPluginWarns(t *testing.T) {
	fsys := edited(t, func(_, text string) string { return strings.Replace(text, "optional string email", "string email", 1) })
	resp, warnings := generator.Respond(request(t, fsys, true), fsys, backends.All(), backends.TestKit())
	if resp.Error != nil || len(resp.File) == 0 || len(warnings) != 1 || warnings[0].Number != schema.RuleIndexPresence {
		t.Errorf("error %q, %d files, warnings %v", resp.GetError(), len(resp.File), warnings)
	}
}

func TestPluginParameter(t *testing.T) {
	tests := []struct{ parameter, want string }{
		{"", "config is missing"},
		{"deployment=shop", `parameter "deployment" is unknown`},
		{"paths=source_relative,config=" + shopConfig, `parameter "paths" is unknown`},
		{"config=" + shopConfig + ",config=" + shopConfig, "config is given twice"},
		{"config=/schemas/shop/prism.yaml", `config is "/schemas/shop/prism.yaml"`},
		{"config=../prism.yaml", `config is "../prism.yaml"`},
	}
	for _, tt := range tests {
		req := request(t, module(), true)
		req.Parameter = proto.String(tt.parameter)
		resp, _ := generator.Respond(req, module(), backends.All(), backends.TestKit())
		if got := resp.GetError(); !strings.HasPrefix(got, "PRISM5022 [plugin.parameter] ") || !strings.Contains(got, tt.want) || len(resp.File) > 0 {
			t.Errorf("%q: %d files, error %q, want %q", tt.parameter, len(resp.File), got, tt.want)
		}
	}
	rule, _ := schema.FindRule(schema.RulePluginParameter)
	bad, good := rule.Examples()
	if !strings.Contains(bad, "--prism_opt="+tests[1].parameter+" ") || !strings.Contains(good, "--prism_opt=config="+shopConfig+" ") {
		t.Errorf("examples are not those tested:\n%s%s", bad, good)
	}
}
