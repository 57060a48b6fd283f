package schema

import (
	"fmt"
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

// checkFiles checks the names of the files that something is generated after,
// or out of.
func (r *reader) checkFiles(d *Deployment) {
	for _, f := range d.Files {
		if d.GeneratesGo(f) {
			r.fileName(f, true)
		} else if slices.ContainsFunc(r.entities, func(e *Entity) bool { return e.Desc.ParentFile() == f }) {
			r.fileName(f, false)
		}
	}
}

// fileName checks the path of f, beside which, with compiled, Go stands that is
// named after it.
func (r *reader) fileName(f protoreflect.FileDescriptor, compiled bool) {
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
	if i := strings.LastIndexByte(stem, '_'); compiled && i >= 0 && goPlatforms[stem[i+1:]] {
		fault("ends with _%s, which Go compiles for that platform only", stem[i+1:])
	}
}

// foreignFolder returns the folder among parts that the go command does not let
// every package import from, or treats apart, or "".
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
		if d.GeneratesGo(f) {
			take(strings.TrimSuffix(f.Path(), ".proto")+".pb.go", f.Path(), Source{File: f.Path()})
		}
	}
	told := map[string]bool{} // two entities of one Go package are told by checkNames
	for _, e := range r.entities {
		if told[e.Dir] {
			continue
		}
		told[e.Dir] = true
		from := fmt.Sprintf("entity %s", e.Desc.FullName())
		if take(path.Join(e.Contract.Dir, e.Label+"_prism.pb.go"), from, e.Source) {
			take(e.Dir+"/", from, e.Source)
		}
	}
}

// Common reports whether f is of a package that comes with the compiler besides the
// options: protobuf's own, or what most schemas share of googleapis.
func Common(f protoreflect.FileDescriptor) bool {
	return slices.Contains([]protoreflect.FullName{"google.protobuf", "google.api", "google.rpc", "google.rpc.context", "google.type"}, f.Package())
}
