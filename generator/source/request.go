package source

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// FromRequest resolves the files of a request of protoc or buf and returns
// those of the named proto packages, sorted by path, or every fault. Options
// with source retention are only in source_file_descriptors, where a front end
// fills it; a file that is not there is taken from proto_file.
func FromRequest(req *pluginpb.CodeGeneratorRequest, packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	full := map[string]*descriptorpb.FileDescriptorProto{}
	for _, p := range req.GetSourceFileDescriptors() {
		full[p.GetName()] = p
	}
	protos := slices.Clone(req.GetProtoFile())
	for i, p := range protos {
		if f := full[p.GetName()]; f != nil {
			protos[i] = f
		}
	}
	if faults := partial(req, packages); len(faults) > 0 {
		return nil, faults
	}
	files, faults := FromProtos(protos, packages)
	if len(faults) == 0 && len(full) == 0 {
		faults = stripped(files)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return files, nil
}

// partial finds files of the packages that the request has as imports only:
// front ends strip their options, and their entities would vanish.
func partial(req *pluginpb.CodeGeneratorRequest, packages []string) []schema.Diagnostic {
	var faults []schema.Diagnostic
	for _, p := range req.GetProtoFile() {
		if slices.Contains(packages, p.GetPackage()) && !slices.Contains(req.GetFileToGenerate(), p.GetName()) {
			faults = append(faults, schema.NewDiagnostic(schema.RulePluginFiles, schema.Source{File: p.GetName()},
				"the file is imported, but is not among the files to generate", "name it on protoc's command line; with buf, write strategy: all"))
		}
	}
	schema.SortDiagnostics(faults)
	return faults
}

// stripped finds a request without source_file_descriptors in which no file
// has an option of Prism, though one imports them: a front end that removes
// options of source retention, and does not send them elsewhere, has sent it.
func stripped(files []protoreflect.FileDescriptor) []schema.Diagnostic {
	var importer protoreflect.FileDescriptor
	for _, f := range files {
		for i := range f.Imports().Len() {
			if f.Imports().Get(i).Path() == prismv1.Path {
				importer = f
			}
		}
		if annotated(f.Messages()) {
			return nil
		}
	}
	if importer == nil {
		return nil
	}
	return []schema.Diagnostic{schema.NewDiagnostic(schema.RulePluginOptions, schema.Source{File: importer.Path()},
		"the file imports "+prismv1.Path+", and no file has an option of it: the front end has stripped them",
		"use protoc 3.21, or one from 24 on, or buf from 1.30 on")}
}

// annotated reports whether one of the messages, or a field of one, has an
// option of Prism.
func annotated(all protoreflect.MessageDescriptors) bool {
	for i := range all.Len() {
		m := all.Get(i)
		if proto.HasExtension(m.Options(), prismv1.E_Entity) || annotated(m.Messages()) {
			return true
		}
		for j := range m.Fields().Len() {
			if proto.HasExtension(m.Fields().Get(j).Options(), prismv1.E_Field) {
				return true
			}
		}
	}
	return false
}
