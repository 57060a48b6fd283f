package source

import (
	"cmp"
	"errors"
	"fmt"
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
	if faults := editions(protos); len(faults) > 0 {
		return nil, faults
	}
	if faults := append(messageSets(protos), reservedNumbers(protos)...); len(faults) > 0 {
		return nil, faults
	}
	files, fault := resolve(protos)
	if fault != nil {
		return nil, []schema.Diagnostic{*fault}
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

func resolve(protos []*descriptorpb.FileDescriptorProto) (*protoregistry.Files, *schema.Diagnostic) {
	declared, fault := decode(protos, nil)
	if fault != nil {
		return nil, fault
	}
	return decode(protos, options{dynamicpb.NewTypes(declared)})
}

// decode links the files, with their options read through types; a nil types
// leaves extensions unread.
func decode(protos []*descriptorpb.FileDescriptorProto, types extensionTypes) (*protoregistry.Files, *schema.Diagnostic) {
	if types == nil {
		types = new(protoregistry.Types)
	}
	l := &linker{protos: map[string]*descriptorpb.FileDescriptorProto{}, open: map[string]bool{}, files: new(protoregistry.Files)}
	for _, p := range protos {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		file := &descriptorpb.FileDescriptorProto{}
		if err == nil {
			err = proto.UnmarshalOptions{Resolver: types}.Unmarshal(b, file)
		}
		if err == nil && l.protos[p.GetName()] != nil {
			err = errors.New("the file is given twice")
		}
		if err != nil {
			return nil, unlinked(p, err)
		}
		l.protos[p.GetName()] = file
	}
	for _, p := range protos {
		if fault := l.link(l.protos[p.GetName()]); fault != nil {
			return nil, fault
		}
	}
	return l.files, nil
}

// linker links files after those that they import. It is protodesc.NewFiles,
// but says which file is at fault.
type linker struct {
	protos map[string]*descriptorpb.FileDescriptorProto
	open   map[string]bool // files whose imports are being linked
	files  *protoregistry.Files
}

func (l *linker) link(p *descriptorpb.FileDescriptorProto) *schema.Diagnostic {
	if _, err := l.files.FindFileByPath(p.GetName()); err == nil {
		return nil
	}
	l.open[p.GetName()] = true
	for _, name := range p.GetDependency() {
		switch imported := l.protos[name]; {
		case imported == nil:
			return unlinked(p, fmt.Errorf("import %s is missing", name))
		case l.open[name]:
			return unlinked(p, fmt.Errorf("import %s closes a cycle", name))
		default:
			if fault := l.link(imported); fault != nil {
				return fault
			}
		}
	}
	l.open[p.GetName()] = false
	f, err := protodesc.NewFile(p, l.files)
	if err == nil {
		err = l.files.RegisterFile(f)
	}
	if err != nil {
		return unlinked(p, err)
	}
	return nil
}

// unlinked is what protoc would have said of a file, had it seen it.
func unlinked(p *descriptorpb.FileDescriptorProto, err error) *schema.Diagnostic {
	// An unstable space keeps programs from relying on such texts.
	what := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	d := diagnostic(schema.Source{File: cmp.Or(p.GetName(), "(a file without name)")}, "the file cannot be linked: "+what)
	return &d
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
