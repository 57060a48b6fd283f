package contract

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
)

// linkedFiles are the schema's files and the contract's with all they import.
type linkedFiles struct {
	own    []string // paths of the files whose Go messages are generated, sorted
	protos []*descriptorpb.FileDescriptorProto
	schema map[string]*descriptorpb.FileDescriptorProto // the schema's files as they were read, by path
	// goPackages are path=package of those files that do not say it themselves.
	goPackages []string
}

// link compiles the texts, by path, against the schema's files, whose options
// are decoded.
func link(d *schema.Deployment, texts map[string]string) (*linkedFiles, error) {
	known := map[string]protoreflect.FileDescriptor{}
	for _, f := range inOrder(d.Files, given) {
		known[f.Path()] = f
	}
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(
			func(path string) (protocompile.SearchResult, error) {
				if text, ok := texts[path]; ok {
					return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
				}
				if f, ok := known[path]; ok {
					return protocompile.SearchResult{Desc: f}, nil
				}
				return protocompile.SearchResult{}, protoregistry.NotFound
			})),
	}
	compiled, err := compiler.Compile(context.Background(), slices.Sorted(maps.Keys(texts))...)
	if err != nil {
		return nil, err
	}
	linked := &linkedFiles{own: slices.Collect(maps.Keys(texts)), schema: map[string]*descriptorpb.FileDescriptorProto{}}
	all := slices.Clone(d.Files)
	for _, f := range d.Files {
		if d.GeneratesGo(f) {
			linked.own = append(linked.own, f.Path())
		}
	}
	slices.Sort(linked.own)
	for _, f := range compiled {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b protoreflect.FileDescriptor) int { return cmp.Compare(a.Path(), b.Path()) })

	for _, f := range inOrder(all, builtIn) {
		if option := goPackageOf(d, f); option != "" {
			linked.goPackages = append(linked.goPackages, f.Path()+"="+option)
		}
		p, err := built(f)
		if err != nil {
			return nil, err
		}
		if _, ours := texts[f.Path()]; !ours {
			p = proto.CloneOf(p)
			schema.CleanComments(p)
			// Of these every front end brings its own copy.
			if !schema.Common(f) && f.Package() != "prism.v1" {
				linked.schema[f.Path()] = protoutil.ProtoFromFileDescriptor(f)
			}
		}
		linked.protos = append(linked.protos, p)
	}
	return linked, nil
}

// goPackageOf returns the Go package of f where its go_package is not that. The
// Go of a file that has none, or a relative one, is imported by nobody, or it
// would be a fault: protogen wants a name nevertheless.
func goPackageOf(d *schema.Deployment, f protoreflect.FileDescriptor) string {
	said := f.Options().(*descriptorpb.FileOptions).GetGoPackage()
	option := d.GoPackage(f)
	importPath, _, _ := strings.Cut(option, ";")
	switch {
	case !strings.ContainsAny(importPath, "./"):
		return "nobody.example/imports/this"
	case option != said:
		return option
	}
	return ""
}

// inOrder returns the files and all they import, each once and after its
// imports, and as chosen says.
func inOrder(files []protoreflect.FileDescriptor, chosen func(protoreflect.FileDescriptor) protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	var all []protoreflect.FileDescriptor
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		f = chosen(f)
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		all = append(all, f)
	}
	for _, f := range files {
		add(f)
	}
	return all
}

func given(f protoreflect.FileDescriptor) protoreflect.FileDescriptor { return f }

// builtIn returns f as this compiler has it, if it comes with the compiler: front
// ends bring different copies.
func builtIn(f protoreflect.FileDescriptor) protoreflect.FileDescriptor {
	if schema.Common(f) {
		if own, err := protoregistry.GlobalFiles.FindFileByPath(f.Path()); err == nil {
			return own
		}
	}
	return f
}

// built returns what binaries are built from: f without options of source
// retention. It may be f's own.
func built(f protoreflect.FileDescriptor) (*descriptorpb.FileDescriptorProto, error) {
	return options.StripSourceRetentionOptionsFromFile(protoutil.ProtoFromFileDescriptor(f))
}

// withoutSource takes comments and positions out of the files, which nothing
// else may need any more.
func withoutSource(files []*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorSet {
	for _, f := range files {
		f.SourceCodeInfo = nil
	}
	return &descriptorpb.FileDescriptorSet{File: files}
}
