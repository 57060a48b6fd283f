package schema

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// contractPackageShape has no capitals: they would be those of a message, and of
// folders that some systems take for one.
var contractPackageShape = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)

// contractOf returns where the contracts of the entities of f stand.
func contractOf(f protoreflect.FileDescriptor) Contract {
	if own := contractOption(f); own != "" {
		return Contract{own, strings.ReplaceAll(own, ".", "/"), true}
	}
	return Contract{Package: string(f.Package()), Dir: path.Dir(f.Path())}
}

// checkContracts checks the packages that files give their contracts: those of
// one package agree, and the schema has nothing where the contract shall stand.
func (r *reader) checkContracts(d *Deployment) {
	first := map[protoreflect.FullName]protoreflect.FileDescriptor{}
	for _, f := range d.Files {
		if o := filePrismOptions(f); o != nil {
			r.unknown(f, fileOption, o.ProtoReflect())
		}
		own := contractOption(f)
		at := filePlace(f, option(fileOption, fileContractPackage))
		if other := first[f.Package()]; other != nil {
			if contractOption(other) != own {
				r.report(RuleContractPackage, at, "write the same in all files of package "+string(f.Package()),
					"contract_package of %s is %q, but that of %s is %q", f.Path(), own, other.Path(), contractOption(other))
			}
			continue
		}
		first[f.Package()] = f
		what := ""
		switch {
		case own == "":
			continue
		case !contractPackageShape.MatchString(own):
			what = "is no package for one"
		default:
			what = takenPackage(d, own)
		}
		if what != "" {
			r.report(RuleContractPackage, at, "write "+contractFix(d, f), "contract_package of %s is %q, which %s", f.Path(), own, what)
		}
	}
}

// contractFix is the option that gives the contracts of the package of f one of
// their own.
func contractFix(d *Deployment, f protoreflect.FileDescriptor) string {
	return fmt.Sprintf("option (prism.v1.file).contract_package = %q in every file of package %s", freePackage(d, f), f.Package())
}

// takenPackage returns why the contract cannot have a package of this name, or
// "".
func takenPackage(d *Deployment, name string) string {
	for _, f := range linked(d.Files) {
		if string(f.Package()) == name {
			return "is the package of " + f.Path()
		}
		if path.Dir(f.Path()) == strings.ReplaceAll(name, ".", "/") {
			return "stands in the folder of " + f.Path()
		}
		for taken := range declared([]protoreflect.FileDescriptor{f}) {
			if strings.HasPrefix(name+".", string(taken)+".") {
				return fmt.Sprintf("meets %s of %s", taken, f.Path())
			}
		}
	}
	return ""
}

// freePackage returns a package that the contract of the package of f can have:
// acme.billing.data.v1 for acme.billing.v1, so that the version stays last.
func freePackage(d *Deployment, f protoreflect.FileDescriptor) string {
	parts := strings.Split(strings.ToLower(string(f.Package())), ".")
	parts = slices.DeleteFunc(parts, func(p string) bool { return foreignFolder([]string{p}) != "" })
	at := len(parts)
	if at > 0 && versionPart.MatchString(parts[at-1]) {
		at--
	}
	for n := 1; ; n++ {
		word := "data"
		if n > 1 {
			word = fmt.Sprintf("data%d", n)
		}
		name := strings.Join(slices.Insert(slices.Clone(parts), at, word), ".")
		if takenPackage(d, name) == "" {
			return name
		}
	}
}

var versionPart = regexp.MustCompile(`^v[0-9]`)

// linked returns the files and all that they import.
func linked(files []protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	var all []protoreflect.FileDescriptor
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
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
