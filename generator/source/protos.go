package source

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/generator/schema"
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
	return FromProtos(protos, packages)
}

// FromProtos resolves files, given with all that they import in any order, and
// returns those of the named proto packages, sorted by path, or every fault.
// Every option that a given file declares is decoded, whatever its bytes were,
// so that front ends which order them differently give equal files.
func FromProtos(protos []*descriptorpb.FileDescriptorProto, packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	if faults := messageSets(protos); len(faults) > 0 {
		return nil, faults
	}
	files, err := resolve(protos)
	if err != nil {
		return nil, []schema.Diagnostic{{What: "files cannot be resolved: " + err.Error()}}
	}
	var own []protoreflect.FileDescriptor
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if slices.Contains(packages, string(f.Package())) {
			own = append(own, f)
		}
		return true
	})
	slices.SortFunc(own, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return own, nil
}

func resolve(protos []*descriptorpb.FileDescriptorProto) (*protoregistry.Files, error) {
	declared, err := decode(protos, nil)
	if err != nil {
		return nil, err
	}
	decoded, err := decode(protos, options{dynamicpb.NewTypes(declared)})
	if err != nil {
		return nil, err
	}
	return decoded, nil
}

// decode links the files, with their options read through types; a nil types
// leaves extensions unread.
func decode(protos []*descriptorpb.FileDescriptorProto, types extensionTypes) (*protoregistry.Files, error) {
	if types == nil {
		types = new(protoregistry.Types)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, p := range protos {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		if err != nil {
			return nil, err
		}
		file := &descriptorpb.FileDescriptorProto{}
		if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(b, file); err != nil {
			return nil, err
		}
		set.File = append(set.File, file)
	}
	return protodesc.NewFiles(set)
}

type extensionTypes interface {
	FindExtensionByName(protoreflect.FullName) (protoreflect.ExtensionType, error)
	FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error)
}

// options finds Go types of extensions where the binary has them, as for
// Prism's own, and types made from the given files for all others.
type options struct{ declared *dynamicpb.Types }

func (o options) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	t, err := protoregistry.GlobalTypes.FindExtensionByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return o.declared.FindExtensionByName(name)
	}
	return t, err
}

func (o options) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	t, err := protoregistry.GlobalTypes.FindExtensionByNumber(message, number)
	if errors.Is(err, protoregistry.NotFound) {
		return o.declared.FindExtensionByNumber(message, number)
	}
	return t, err
}

// messageSets finds the messages that no linker accepts, while their place is
// still known.
func messageSets(protos []*descriptorpb.FileDescriptorProto) []schema.Diagnostic {
	var faults []schema.Diagnostic
	for _, p := range protos {
		var walk func(messages []*descriptorpb.DescriptorProto, parent []int32, member int32)
		walk = func(messages []*descriptorpb.DescriptorProto, parent []int32, member int32) {
			for i, m := range messages {
				path := append(slices.Clone(parent), member, int32(i))
				if m.GetOptions().GetMessageSetWireFormat() {
					faults = append(faults, schema.NewDiagnostic(2034, position(p, append(path, 7, 1)),
						"message "+m.GetName()+" has message_set_wire_format", "remove the option"))
				}
				walk(m.GetNestedType(), path, 3)
			}
		}
		walk(p.GetMessageType(), nil, 4)
	}
	schema.SortDiagnostics(faults)
	return faults
}

// position returns where a front end says that a path of the file stands.
func position(p *descriptorpb.FileDescriptorProto, path []int32) schema.Source {
	at := schema.Source{File: p.GetName()}
	for _, l := range p.GetSourceCodeInfo().GetLocation() {
		if slices.Equal(l.GetPath(), path) {
			at.Line, at.Column = int(l.GetSpan()[0])+1, int(l.GetSpan()[1])+1
			break
		}
	}
	return at
}
