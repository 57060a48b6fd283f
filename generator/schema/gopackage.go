package schema

import (
	"cmp"
	"fmt"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// contractDir is the folder of all contracts, from the module's root.
const contractDir = "out/contract"

// GoPackage returns the Go package of a file's messages, as protoc-gen-go takes
// it: what prism.yaml says, or the file's go_package, or for a file of the
// schema that has none that of its contract.
func (d *Deployment) GoPackage(f protoreflect.FileDescriptor) string {
	option := cmp.Or(d.GoPackages[f.Path()], fileOptions(f).GetGoPackage())
	if option == "" && slices.Contains(d.Packages, string(f.Package())) {
		return d.contractPath(f) + ";" + goPackageName(string(f.Package()))
	}
	return option
}

// GeneratesGo reports whether the Go messages of f, one of the schema's own
// files, are generated: its Go package is that of its contract. Otherwise they
// are imported from where the user generates them.
func (d *Deployment) GeneratesGo(f protoreflect.FileDescriptor) bool {
	importPath, _, _ := strings.Cut(d.GoPackage(f), ";")
	return !d.WithoutGo && importPath == d.contractPath(f)
}

// ContractGo returns the import path and the name of the Go package that holds
// the contract of an entity.
func (d *Deployment) ContractGo(e *Entity) (importPath, name string) {
	f := e.Desc.ParentFile()
	importPath = path.Join(d.ImportPath, contractDir, e.Contract.Dir)
	if own, name := d.MessageGo(f); !e.Contract.Own && own == importPath {
		return own, name
	}
	return importPath, goPackageName(e.Contract.Package)
}

// MessageGo returns the import path and the name of the Go package that holds the
// messages of f.
func (d *Deployment) MessageGo(f protoreflect.FileDescriptor) (importPath, name string) {
	importPath, name, _ = strings.Cut(d.GoPackage(f), ";")
	return importPath, cmp.Or(name, notInIdent.ReplaceAllString(path.Base(importPath), "_")) // as protoc-gen-go has it
}

func (d *Deployment) contractPath(f protoreflect.FileDescriptor) string {
	return path.Join(d.ImportPath, contractDir, path.Dir(f.Path()))
}

var notInIdent = regexp.MustCompile(`[^A-Za-z0-9_]`)

// placeGoPackages checks that a file whose Go package is in out/contract has the
// one of its folder, where its messages are generated. The files of a folder
// agree, or else packages could import each other.
func (r *reader) placeGoPackages(d *Deployment) {
	if d.ImportPath == "" || d.WithoutGo {
		return
	}
	first := map[string]protoreflect.FileDescriptor{} // by folder
	for _, f := range d.Files {
		option := d.GoPackage(f)
		importPath, _, _ := strings.Cut(option, ";")
		want := d.contractPath(f)
		at, fix := filePlace(f, goPackageOption), fmt.Sprintf("write option go_package = %q", want+";"+goPackageName(string(f.Package())))
		below := strings.HasPrefix(importPath+"/", path.Join(d.ImportPath, contractDir)+"/")
		folder := path.Dir(f.Path())
		switch other := first[folder]; {
		case importPath != want && below:
			r.report(RuleGoPackage, at, fix, "go_package of %s is %q", f.Path(), option)
		case other == nil:
			first[folder] = f
		case d.GeneratesGo(f) != d.GeneratesGo(other):
			r.report(RuleGoPackage, at, "write the package of "+other.Path()+", or move the file to a folder of its own",
				"go_package of %s is %q, but that of %s is %q", f.Path(), option, other.Path(), d.GoPackage(other))
		case d.GeneratesGo(f):
			if want := d.GoPackage(other); option != want {
				r.report(RuleGoPackage, at, fmt.Sprintf("write %q, as the folder's other files do", want),
					"go_package of %s gives the package another name", f.Path())
			}
		}
	}
}

// goUse is generated Go that needs the package of a file's messages.
type goUse struct {
	by   string // its import path
	file protoreflect.FileDescriptor
	at   Source // where the schema asks for it
}

// checkGo checks the Go packages that generated code imports. What nothing
// imports needs none, and its go_package is not read.
func (r *reader) checkGo(d *Deployment) {
	if d.ImportPath == "" || d.WithoutGo {
		return
	}
	told := map[string]bool{} // a file once
	for _, use := range r.goUses(d) {
		f := use.file
		if told[f.Path()] || strings.HasPrefix(f.Path(), "google/protobuf/") {
			continue
		}
		before := len(r.faults)
		r.goPackage(d, use)
		told[f.Path()] = len(r.faults) > before
	}
	if !d.TestKit {
		return
	}
	kit := d.kitPath()
	for _, e := range r.entities {
		if importPath, _ := d.ContractGo(e); !goMayImport(kit, importPath) && !told[importPath] {
			told[importPath] = true
			r.report(RuleGoKeyword, e.Source, "write "+contractFix(d, e.Desc.ParentFile())+", or test_kit: false in prism.yaml",
				"the contract of %s is in %s, and the test kit is in %s", e.Desc.FullName(), importPath, kit)
		}
	}
}

// goUses returns what generated Go imports: protoc-gen-go whatever the file
// imports, and a contract what its messages name.
func (r *reader) goUses(d *Deployment) []goUse {
	var uses []goUse
	for _, f := range d.Files {
		if !d.GeneratesGo(f) {
			continue
		}
		importPath, _, _ := strings.Cut(d.GoPackage(f), ";")
		uses = append(uses, goUse{importPath, f, filePlace(f, goPackageOption)})
		for i := range f.Imports().Len() {
			uses = append(uses, goUse{importPath, f.Imports().Get(i).FileDescriptor, filePlace(f, option(importStatement, int32(i)))})
		}
	}
	for _, e := range r.entities {
		importPath, _ := d.ContractGo(e)
		f := e.Desc.ParentFile()
		uses = append(uses, goUse{importPath, f, filePlace(f, goPackageOption)})
		if d.TestKit { // it hands out the messages too
			uses = append(uses, goUse{d.kitPath(), f, filePlace(f, goPackageOption)})
		}
		for _, field := range e.Fields {
			if enum := field.Desc.Enum(); enum != nil && (field.Role == Key || field.Role == Indexed) {
				uses = append(uses, goUse{importPath, enum.ParentFile(), place(field.Desc)})
			}
		}
	}
	return uses
}

// goPackage checks one Go package that generated code imports.
func (r *reader) goPackage(d *Deployment, use goUse) {
	f := use.file
	option := d.GoPackage(f)
	folder, name, named := strings.Cut(option, ";")
	parts := strings.Split(folder, "/")
	at, fix := use.at, fmt.Sprintf(`write go_packages: {%q: "…"} in prism.yaml, with the import path of its Go package`, f.Path())
	switch own := slices.Contains(d.Files, f); {
	case d.GoPackages[f.Path()] != "":
		at = r.places.goPackages[f.Path()]
		fix = "write the import path of a Go package"
	case own:
		at = filePlace(f, goPackageOption)
		fix = fmt.Sprintf("write option go_package = %q", d.contractPath(f)+";"+goPackageName(string(f.Package())))
	case f.Package() != "":
		fix += ", or add " + string(f.Package()) + " to packages, which generates one"
	}
	switch {
	case option == "":
		r.report(RuleGoImportpath, at, fix, "%s has no go_package, and %s imports its messages", f.Path(), use.by)
	case slices.Contains(parts, ".."):
		r.report(RulePathEscape, at, fix, "go_package of %s is %q", f.Path(), option)
	case slices.Contains(parts, "."):
		r.report(RuleGoImportpath, at, fix, "go_package of %s is %q, a folder and no import path", f.Path(), option)
	case !importPathShape.MatchString(folder) || !strings.ContainsAny(folder, "./"):
		r.report(RuleGoImportpath, at, fix, "go_package of %s is %q", f.Path(), option)
	case !goMayImport(use.by, folder):
		r.report(RuleGoKeyword, at, "use another folder", "go_package of %s is %q, which Go does not let %s import", f.Path(), option, use.by)
	case named && token.IsKeyword(name):
		r.report(RuleGoKeyword, at, "write another name after the semicolon", "go_package of %s names the package %s", f.Path(), name)
	case named && (!token.IsIdentifier(name) || name == "_"):
		r.report(RuleGoImportpath, at, "write an identifier after the semicolon", "go_package of %s names the package %q", f.Path(), name)
	}
}

// kitPath returns the import path of the test kit.
func (d *Deployment) kitPath() string {
	return path.Join(d.ImportPath, "out", d.Name, d.Name+"test")
}

// goMayImport reports whether Go lets the package by import the other: what is
// below a folder called internal is for the packages beside that folder and
// below, and what is in one called vendor for nobody.
func goMayImport(by, importPath string) bool {
	parts := strings.Split(importPath, "/")
	if slices.Contains(parts, "vendor") {
		return false
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == "internal" {
			return strings.HasPrefix(by+"/", strings.Join(parts[:i], "/")+"/")
		}
	}
	return true
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

// goPackageName returns the name that a Go package has by convention: shopv1 for
// shop.v1.
func goPackageName(pkg string) string {
	name := strings.ReplaceAll(strings.ToLower(pkg), ".", "")
	if goKeywords[name] || goFolders[name] {
		name += "pb"
	}
	return name
}
