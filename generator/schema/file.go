package schema

import (
	"fmt"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const maxFileName = 200 // bytes; what is generated beside a file has a longer name

// fileName is the shape of a file's or folder's name that every system can
// hold and that no command reads as an option.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// devices cannot be names of files on Windows, whatever their extension.
var devices = words("con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9")

// goPlatforms behind the last _ of a file's name make the go command pass over
// the file on every other system or processor.
var goPlatforms = words("386 aix amd64 android arm arm64 darwin dragonfly freebsd hurd illumos ios js linux loong64 mips mips64 mips64le mipsle nacl netbsd openbsd plan9 ppc64 ppc64le riscv64 s390x solaris sparc64 wasip1 wasm windows zos")

// checkFiles checks the places of the files, which decide where generated
// files stand, and the Go packages of theirs and of all that they import.
func (r *reader) checkFiles(d *Deployment) {
	seen := map[string]bool{}
	for _, f := range d.Files {
		r.fileName(f)
		if folder := foreignFolder(strings.Split(string(f.Package()), ".")); folder != "" {
			r.report(RuleGoKeyword, filePlace(f, packageStatement), "rename the package", "package %s would be generated into a folder called %s", f.Package(), folder)
		}
		r.goPackages(d, f, seen)
	}
}

func (r *reader) fileName(f protoreflect.FileDescriptor) {
	fault := func(what string, args ...any) {
		r.report(RuleFileName, Source{File: f.Path()}, "rename it, as in shop/v1/user_profile.proto", "%q "+what, append([]any{f.Path()}, args...)...)
	}
	for _, part := range strings.Split(f.Path(), "/") {
		stem, _, _ := strings.Cut(part, ".")
		switch {
		case !fileName.MatchString(part):
			fault("has the part %q", part)
			return
		case len(part) > maxFileName:
			fault("has a part of %d bytes", len(part))
			return
		case devices[strings.ToLower(stem)]:
			fault("has the part %s, which is a device on Windows", part)
			return
		}
	}
	if path.Ext(f.Path()) != ".proto" {
		fault("does not end with .proto")
	}
	stem, _, _ := strings.Cut(path.Base(f.Path()), ".")
	if i := strings.LastIndexByte(stem, '_'); i >= 0 && goPlatforms[stem[i+1:]] {
		fault("ends with _%s, which Go compiles for that platform only", stem[i+1:])
	}
}

// goPackages checks the go_package of f and of all that it imports. What comes
// with protobuf, and the options, are known.
func (r *reader) goPackages(d *Deployment, f protoreflect.FileDescriptor, seen map[string]bool) {
	if seen[f.Path()] || strings.HasPrefix(f.Path(), "google/protobuf/") {
		return
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		r.goPackages(d, f.Imports().Get(i).FileDescriptor, seen)
	}
	option := fileOptions(f).GetGoPackage()
	folder, name, named := strings.Cut(option, ";")
	at, parts := filePlace(f, goPackageOption), strings.Split(folder, "/")
	r.badGoPackages[f.Path()] = true
	switch {
	case slices.Contains(parts, "..") || slices.Contains(parts, "."):
		r.report(RulePathEscape, at, "write the import path without . and ..", "go_package of %s is %q", f.Path(), option)
	case !strings.ContainsAny(folder, "./") && slices.Contains(d.Files, f):
		delete(r.badGoPackages, f.Path()) // goPackage says what to write
	case !importPathShape.MatchString(folder) || !strings.ContainsAny(folder, "./"):
		r.report(RuleGoImportpath, at, `write option go_package = "example.com/shop/v1;shopv1"`, "go_package of %s is %q", f.Path(), option)
	case foreignFolder(parts) != "":
		r.report(RuleGoKeyword, at, "use another folder", "go_package of %s is %q, which is in a folder called %s", f.Path(), option, foreignFolder(parts))
	case named && token.IsKeyword(name):
		r.report(RuleGoKeyword, at, "write another name after the semicolon", "go_package of %s names the package %s", f.Path(), name)
	case named && (!token.IsIdentifier(name) || name == "_"):
		r.report(RuleGoImportpath, at, "write an identifier after the semicolon", "go_package of %s names the package %q", f.Path(), name)
	default:
		delete(r.badGoPackages, f.Path())
	}
}

// foreignFolder returns the folder among parts that the go command keeps
// packages in from those which import them, or "".
func foreignFolder(parts []string) string {
	for _, p := range parts {
		if goFolders[p] && p != "main" {
			return p
		}
	}
	return ""
}

// generatedFiles finds files that would be generated under one name, or under
// names that a file system takes for one.
func (r *reader) generatedFiles(d *Deployment) {
	type origin struct{ name, from string }
	taken := map[string]origin{}
	take := func(name, from string, at Source) bool {
		first, ok := taken[strings.ToLower(name)]
		switch {
		case !ok:
			taken[strings.ToLower(name)] = origin{name, from}
			return true
		case first.name == name:
			r.report(RuleNameCollision, at, "rename one", "%s and %s both generate %s", first.from, from, name)
		default:
			r.report(RuleNameCase, at, "rename one", "%s generates %s, and %s generates %s", first.from, first.name, from, name)
		}
		return false
	}
	for _, f := range d.Files {
		take(strings.TrimSuffix(f.Path(), ".proto")+".pb.go", f.Path(), Source{File: f.Path()})
	}
	told := map[string]bool{} // two entities of one Go package are told by checkNames
	for _, e := range r.entities {
		if told[goFolder(e)] {
			continue
		}
		told[goFolder(e)] = true
		contract := path.Join(path.Dir(e.Desc.ParentFile().Path()), e.Label+"_prism.pb.go")
		from := fmt.Sprintf("entity %s", e.Desc.FullName())
		if take(contract, from, e.Source) {
			take(strings.ReplaceAll(string(e.Desc.ParentFile().Package()), ".", "/")+"/"+e.GoPackage+"/", from, e.Source)
		}
	}
}
