package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// Respond answers a request of protoc or buf, as
// google/protobuf/compiler/plugin.proto has it. Of fsys, whose root is the
// module's, it reads the prism.yaml that the request's parameter names and the
// lock beside it. Test kits are bound to kit. Faults of the schema are the
// response's error; warnings are returned beside it.
func Respond(req *pluginpb.CodeGeneratorRequest, fsys fs.FS, backends []emit.Backend, kit emit.Backend) (*pluginpb.CodeGeneratorResponse, []schema.Diagnostic) {
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

func respond(req *pluginpb.CodeGeneratorRequest, fsys fs.FS, backends []emit.Backend, kit emit.Backend) (*Output, []schema.Diagnostic) {
	config, faults := parameter(req.GetParameter())
	if len(faults) > 0 {
		return nil, faults
	}
	in := Input{ConfigPath: config, Backends: backends, TestKit: kit}
	if in.Config, in.Lock, faults = ReadConfig(fsys, config); len(faults) > 0 {
		return nil, faults
	}
	if in.Files, faults = source.FromRequest(req, schema.Packages(in.Config)); len(faults) > 0 {
		return nil, faults
	}
	return Run(in)
}

// ReadConfig reads the prism.yaml at the path config of fsys, and the lock
// beside it, which is nil before the first run. A lock that is gone while the
// migrations are there is a fault: written anew it would forget the releases.
func ReadConfig(fsys fs.FS, config string) (text, lock []byte, faults []schema.Diagnostic) {
	text, err := fs.ReadFile(fsys, config)
	if err != nil {
		return nil, nil, []schema.Diagnostic{{File: config, What: unread(err), Fix: "name a prism.yaml by its path from the module's root"}}
	}
	dir := path.Dir(config)
	file := migrate.LockPath(dir)
	lock, err = fs.ReadFile(fsys, file)
	if err == nil {
		return text, lock, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, []schema.Diagnostic{{File: file, What: unread(err)}}
	}
	// Glob fails only on a malformed pattern.
	if migrations, _ := fs.Glob(fsys, path.Join(dir, "migrations/*/*.sql")); len(migrations) > 0 {
		return nil, nil, []schema.Diagnostic{schema.NewDiagnostic(4010, schema.Source{File: file},
			"the file is gone, and "+migrations[0]+" is there", "restore it from version control, or, if there was no release yet, delete the migrations")}
	}
	return text, nil, nil
}

// unread says why a file, which the diagnostic names, was not read.
func unread(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return "the file cannot be read: " + err.Error()
}

// parameter returns the path in config=path, or every fault.
func parameter(text string) (config string, faults []schema.Diagnostic) {
	const fix = "write config=schemas/…/prism.yaml"
	report := func(what string, args ...any) {
		faults = append(faults, schema.NewDiagnostic(5022, schema.Source{}, fmt.Sprintf(what, args...), fix))
	}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case part == "":
		case name != "config":
			report("parameter %q is not known", name)
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
