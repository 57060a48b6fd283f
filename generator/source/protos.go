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

	"github.com/prism-proxy/prism/generator/schema"
)

// FromProtos resolves files, given with all that they import in any order, and
// returns those of the named proto packages, sorted by path, or every fault.
// Every option that a given file declares is decoded, whatever its bytes were,
// so that front ends which order them differently give equal files.
func FromProtos(protos []*descriptorpb.FileDescriptorProto, packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	if faults := size(protos); len(faults) > 0 {
		return nil, faults
	}
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
