package schema

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// contractDir is the folder of all contracts, from the module's root.
const contractDir = "out/contract"

// GeneratesGo reports whether the Go messages of f, one of the schema's own
// files, are generated: its go_package is that of its contract. Otherwise they
// are imported from where the user generates them.
func (d *Deployment) GeneratesGo(f protoreflect.FileDescriptor) bool {
	importPath, _, _ := strings.Cut(fileOptions(f).GetGoPackage(), ";")
	return importPath == d.contractPath(f)
}

// ContractGo returns the import path and the name of the Go package that holds
// the contracts of the entities of f.
func (d *Deployment) ContractGo(f protoreflect.FileDescriptor) (importPath, name string) {
	importPath = d.contractPath(f)
	if !d.GeneratesGo(f) {
		return importPath, goPackageName(f)
	}
	return d.MessageGo(f)
}

// MessageGo returns the import path and the name of the Go package that holds the
// messages of f.
func (d *Deployment) MessageGo(f protoreflect.FileDescriptor) (importPath, name string) {
	importPath, name, _ = strings.Cut(fileOptions(f).GetGoPackage(), ";")
	return importPath, cmp.Or(name, notInIdent.ReplaceAllString(path.Base(importPath), "_")) // as protoc-gen-go has it
}

func (d *Deployment) contractPath(f protoreflect.FileDescriptor) string {
	return path.Join(d.ImportPath, contractDir, path.Dir(f.Path()))
}

var (
	goPackageIdent = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	notInIdent     = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

// placeGoPackages checks that each file says which Go package its messages are in:
// that of its contract, or one that the user generates. The files of a folder
// agree, or else packages could import each other.
func (r *reader) placeGoPackages(d *Deployment) {
	if d.ImportPath == "" {
		return
	}
	first := map[string]protoreflect.FileDescriptor{} // by folder
	for _, f := range d.Files {
		if r.badGoPackages[f.Path()] { // it is no Go package at all
			continue
		}
		option := fileOptions(f).GetGoPackage()
		importPath, name, named := strings.Cut(option, ";")
		want := d.contractPath(f)
		at, fix := filePlace(f, goPackageOption), fmt.Sprintf("write option go_package = %q", want+";"+goPackageName(f))
		below := strings.HasPrefix(importPath+"/", path.Join(d.ImportPath, contractDir)+"/")
		folder := path.Dir(f.Path())
		switch other := first[folder]; {
		case importPath != want && below,
			!importPathShape.MatchString(importPath), !strings.ContainsAny(importPath, "./"),
			named && (!goPackageIdent.MatchString(name) || goKeywords[name]):
			r.report(RuleGoPackage, at, fix, "go_package of %s is %q", f.Path(), option)
		case other == nil:
			first[folder] = f
		case d.GeneratesGo(f) != d.GeneratesGo(other):
			r.report(RuleGoPackage, at, "write the package of "+other.Path()+", or move the file to a folder of its own",
				"go_package of %s is %q, but that of %s is %q", f.Path(), option, other.Path(), fileOptions(other).GetGoPackage())
		case d.GeneratesGo(f):
			if want := fileOptions(other).GetGoPackage(); option != want {
				r.report(RuleGoPackage, at, fmt.Sprintf("write %q, as the folder's other files do", want),
					"go_package of %s gives the package another name", f.Path())
			}
		}
	}
}

// checkImports finds files in the contract's Go packages that are imported and
// not generated: their package is not the deployment's.
func (r *reader) checkImports(d *Deployment) {
	for _, f := range d.Files {
		for i := range f.Imports().Len() {
			imported := f.Imports().Get(i).FileDescriptor
			if slices.Contains(d.Packages, string(imported.Package())) || !d.GeneratesGo(imported) {
				continue
			}
			r.report(RuleDeploymentImport, filePlace(f, option(importStatement, int32(i))), fmt.Sprintf("add %s to packages in prism.yaml", imported.Package()),
				"%s imports %s, whose messages this deployment does not generate", f.Path(), imported.Path())
		}
	}
}

// goPackageName returns the name that a file's Go package has by convention:
// shopv1 for shop.v1.
func goPackageName(f protoreflect.FileDescriptor) string {
	name := strings.ReplaceAll(strings.ToLower(string(f.Package())), ".", "")
	if goKeywords[name] || goFolders[name] {
		name += "pb"
	}
	return name
}
