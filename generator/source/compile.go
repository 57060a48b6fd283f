// Package source is the front end: it turns .proto source, or the request of
// protoc and buf, into resolved descriptors whose options are readable as
// prismv1 types. Both ways end in FromProtos, so that they give one model. It
// reads nothing but what it is handed.
package source

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
)

// Folder is one that imports begin in.
type Folder struct {
	Name string // for diagnostics: its path from the module's root
	FS   fs.FS
}

// Compile compiles the files of the named proto packages that the first folder
// has, and what they import from it, from the others, or from what comes with the
// compiler: options.proto, of which no copy is read, the well-known types, and
// google/api, google/rpc and google/type. It returns the packages' files, also
// those from other folders, sorted by path, or every fault.
func Compile(ctx context.Context, folders []Folder, packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	paths, err := find(folders[0].FS, packages)
	if err != nil {
		return nil, []schema.Diagnostic{{What: "schema files cannot be read: " + err.Error()}}
	}
	var faults []schema.Diagnostic
	report := func(err reporter.ErrorWithPos) error {
		at := err.GetPosition()
		place := schema.Source{File: at.Filename, Line: at.Line, Column: at.Col}
		if missing := (*missingError)(nil); errors.As(err, &missing) {
			faults = append(faults, missing.diagnostic(place, folders))
		} else {
			faults = append(faults, diagnostic(place, err.Unwrap().Error()))
		}
		return nil
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(resolver(folders)),
		Reporter:       reporter.NewReporter(report, nil),
		SourceInfoMode: protocompile.SourceInfoExtraOptionLocations,
	}
	files, err := compiler.Compile(ctx, paths...)
	if err != nil && len(faults) == 0 { // a missing import is not reported, but ends it all
		if at := (reporter.ErrorWithPos)(nil); errors.As(err, &at) {
			_ = report(at)
		} else {
			faults = append(faults, diagnostic(schema.Source{}, err.Error()))
		}
	}
	if len(faults) > 0 {
		schema.SortDiagnostics(faults)
		return nil, once(faults)
	}
	return FromProtos(slices.Collect(maps.Values(Protos(files))), packages)
}

// once keeps one missing-import fault of each file, and no syntax error behind another
// fault of the language in the same line: the parser says what it expected, what it
// found instead, and what it then did not understand.
func once(faults []schema.Diagnostic) []schema.Diagnostic {
	told, lines := map[string]bool{}, map[schema.Source]bool{}
	return slices.DeleteFunc(faults, func(d schema.Diagnostic) bool {
		if d.Number == schema.RuleProtoLanguage {
			line := schema.Source{File: d.File, Line: d.Line}
			again := lines[line] && strings.HasPrefix(d.What, "syntax error")
			lines[line] = true
			return again
		}
		again := d.Fix == importOptions && told[d.File]
		told[d.File] = told[d.File] || d.Fix == importOptions
		return again
	})
}

// Protos returns files and all that they import, by path.
func Protos[File protoreflect.FileDescriptor](files []File) map[string]*descriptorpb.FileDescriptorProto {
	protos := map[string]*descriptorpb.FileDescriptorProto{}
	var collect func(protoreflect.FileDescriptor)
	collect = func(f protoreflect.FileDescriptor) {
		if protos[f.Path()] != nil {
			return
		}
		protos[f.Path()] = protoutil.ProtoFromFileDescriptor(f)
		for i := range f.Imports().Len() {
			collect(f.Imports().Get(i).FileDescriptor)
		}
	}
	for _, f := range files {
		collect(f)
	}
	return protos
}

// Package returns the proto package of a file, or "" if its text does not say it.
func Package(name string, text []byte) string { return headerOf(name, text).pkg }

// find returns the files of the packages, sorted.
func find(fsys fs.FS, packages []string) ([]string, error) {
	var paths []string
	err := everyFile(fsys, func(name string, h header) {
		if slices.Contains(packages, h.pkg) || h.pkg == "" && !h.whole {
			paths = append(paths, name)
		}
	})
	return paths, err
}

// contracts are generated in this folder of a module: they are not the schema's
// where imports begin in the module's root.
const contracts = "out/contract"

// everyFile visits the .proto files of fsys by path. Hidden folders are passed
// over.
func everyFile(fsys fs.FS, visit func(name string, h header)) error {
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || name == contracts):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".proto":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err == nil {
			visit(name, headerOf(name, text))
		}
		return err
	})
}

// header is what a file says of itself.
type header struct {
	pkg   string // its proto package
	whole bool   // no syntax error: what is missing in broken text may stand in what was not understood
}

func headerOf(name string, text []byte) header {
	h := header{whole: true}
	handler := reporter.NewHandler(reporter.NewReporter(func(reporter.ErrorWithPos) error {
		h.whole = false
		return nil
	}, nil))
	file, err := parser.Parse(name, bytes.NewReader(text), handler)
	h.whole = h.whole && (file != nil || err == nil)
	if file == nil {
		return h
	}
	for _, decl := range file.Decls {
		if p, ok := decl.(*ast.PackageNode); ok {
			h.pkg = string(p.Name.AsIdentifier())
		}
	}
	return h
}
