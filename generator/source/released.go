package source

import (
	"errors"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// FromReleased resolves the schema of a release, the content of released/NNNN.binpb,
// and returns its files, sorted by path, or every fault. What such a file leaves out,
// google/protobuf and prism/v1, is taken as this compiler has it. Options of Prism are
// readable as prismv1 types.
func FromReleased(text []byte) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(text, set); err != nil {
		return nil, []schema.Diagnostic{{What: "the schema of a release cannot be read: " + err.Error()}}
	}
	given := map[string]bool{}
	var packages []string
	for _, p := range set.File {
		given[p.GetName()] = true
		packages = append(packages, p.GetPackage())
	}
	protos := set.File
	var add func(name string)
	add = func(name string) {
		f := builtin(name)
		if given[name] || f == nil { // FromProtos says which import is missing
			return
		}
		given[name] = true
		protos = append(protos, protodesc.ToFileDescriptorProto(f))
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).Path())
		}
	}
	for _, p := range set.File {
		for _, name := range p.GetDependency() {
			add(name)
		}
	}
	return FromProtos(protos, packages)
}

// builtin returns a file that every compiler brings itself, or nil.
func builtin(name string) protoreflect.FileDescriptor {
	switch name {
	case prismv1.Path:
		return prismv1.File_prism_v1_options_proto
	case prismv1.ReasonPath:
		return prismv1.File_prism_v1_reason_proto
	}
	if !strings.HasPrefix(name, "google/protobuf/") {
		return nil
	}
	none := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, errors.New("no such file")
	})
	found, err := protocompile.WithStandardImports(none).FindFileByPath(name)
	if err != nil {
		return nil
	}
	return found.Desc
}
