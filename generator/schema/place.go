package schema

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// place returns where d stands or, with an option's path, where that option of
// it stands. A front end may know less: then the place is that of the
// innermost part it knows.
func place(d protoreflect.Descriptor, option ...int32) Source {
	return locate(d.ParentFile(), d.ParentFile().SourceLocations().ByDescriptor(d).Path, option)
}

// GoPackageSource returns where a file of the schema says its Go package: its option, or
// its proto package, from which that follows.
func GoPackageSource(f protoreflect.FileDescriptor) Source {
	if fileOptions(f).GetGoPackage() != "" {
		return filePlace(f, goPackageOption)
	}
	return filePlace(f, packageStatement)
}

// PlaceOf returns where a part of a schema stands.
func PlaceOf(d protoreflect.Descriptor) Source { return place(d) }

// filePlace is place for an option of the file itself.
func filePlace(f protoreflect.FileDescriptor, option []int32) Source {
	return locate(f, nil, option)
}

func locate(f protoreflect.FileDescriptor, base protoreflect.SourcePath, option []int32) Source {
	if base == nil && len(option) == 0 {
		return Source{File: f.Path()}
	}
	at := append(slices.Clone(base), option...)
	for ; len(at) > 0 && len(at) >= len(base); at = at[:len(at)-1] {
		if l, ok := location(f.SourceLocations(), at); ok {
			return Source{File: f.Path(), Line: l.StartLine + 1, Column: l.StartColumn + 1}
		}
	}
	return Source{File: f.Path()}
}

// location returns the location with the path or, where only members have one,
// as with pii.category = EMAIL, the first of these.
func location(all protoreflect.SourceLocations, path protoreflect.SourcePath) (protoreflect.SourceLocation, bool) {
	if l := all.ByPath(path); l.Path != nil {
		return l, true
	}
	for i := range all.Len() {
		if l := all.Get(i); len(l.Path) > len(path) && slices.Equal(l.Path[:len(path)], path) {
			return l, true
		}
	}
	return protoreflect.SourceLocation{}, false
}

func fileOptions(f protoreflect.FileDescriptor) *descriptorpb.FileOptions {
	options, _ := f.Options().(*descriptorpb.FileOptions)
	return options
}

// contractOption returns the package that f gives the contract, "" for its own.
func contractOption(f protoreflect.FileDescriptor) string {
	return filePrismOptions(f).GetContractPackage()
}

// filePrismOptions returns nil for a file without Prism's option.
func filePrismOptions(f protoreflect.FileDescriptor) *prismv1.File {
	options := fileOptions(f)
	if !proto.HasExtension(options, prismv1.E_File) {
		return nil
	}
	return proto.GetExtension(options, prismv1.E_File).(*prismv1.File)
}

// entityOptions returns nil for a message that is no entity.
func entityOptions(m protoreflect.MessageDescriptor) *prismv1.Entity {
	options, _ := m.Options().(*descriptorpb.MessageOptions)
	if !proto.HasExtension(options, prismv1.E_Entity) {
		return nil
	}
	return proto.GetExtension(options, prismv1.E_Entity).(*prismv1.Entity)
}

// fieldOptions returns nil for a field without Prism's option.
func fieldOptions(f protoreflect.FieldDescriptor) *prismv1.Field {
	options, _ := f.Options().(*descriptorpb.FieldOptions)
	if !proto.HasExtension(options, prismv1.E_Field) {
		return nil
	}
	return proto.GetExtension(options, prismv1.E_Field).(*prismv1.Field)
}
