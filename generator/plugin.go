package generator

import (
	"fmt"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// Respond answers a request of protoc or buf, as
// google/protobuf/compiler/plugin.proto has it. Of fsys, whose root is the
// module's, it reads what Compile reads, for the place that the request's
// parameter names. Test kits are bound to kit. Faults of the schema are the
// response's error; warnings are returned beside it.
func Respond(req *pluginpb.CodeGeneratorRequest, fsys fs.FS, backends []*emit.Backend, kit *emit.Backend) (*pluginpb.CodeGeneratorResponse, []schema.Diagnostic) {
	resp := &pluginpb.CodeGeneratorResponse{
		SupportedFeatures: proto.Uint64(uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL |
			pluginpb.CodeGeneratorResponse_FEATURE_SUPPORTS_EDITIONS)),
		MinimumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_PROTO2)),
		MaximumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_2023)),
	}
	out, faults := respond(req, fsys, backends, kit)
	var warnings []schema.Diagnostic
	var text []string
	for _, f := range faults {
		if f.Severity == schema.Warning {
			warnings = append(warnings, f)
		} else {
			text = append(text, f.String())
		}
	}
	if out == nil {
		resp.Error = proto.String(strings.Join(text, "\n"))
		return resp, warnings
	}
	for _, f := range out.Files {
		resp.File = append(resp.File, &pluginpb.CodeGeneratorResponse_File{
			Name: proto.String(f.Path), Content: proto.String(string(f.Content)),
		})
	}
	return resp, warnings
}

func respond(req *pluginpb.CodeGeneratorRequest, fsys fs.FS, backends []*emit.Backend, kit *emit.Backend) (*Output, []schema.Diagnostic) {
	place, faults := parameter(req.GetParameter())
	if len(faults) > 0 {
		return nil, faults
	}
	return Compile(fsys, place, func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
		return source.FromRequest(req, packages)
	}, backends, kit, Command{})
}

// parameter returns the path in config=path, or every fault.
func parameter(text string) (config string, faults []schema.Diagnostic) {
	const fix = "write config=schemas/…/prism.yaml"
	report := func(what string, args ...any) {
		faults = append(faults, schema.NewDiagnostic(schema.RulePluginParameter, schema.Source{}, fmt.Sprintf(what, args...), fix))
	}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case part == "":
		case name != "config":
			report("parameter %q is unknown", name)
		case config != "":
			report("config is given twice")
		case value == "." || !fs.ValidPath(value):
			report("config is %q", value)
		default:
			config = value
		}
	}
	if config == "" && len(faults) == 0 {
		report("config is missing")
	}
	return config, faults
}
