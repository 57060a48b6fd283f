package generator

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// assumedBackend serves every namespace of a folder without prism.yaml: it
// needs no server and no setting.
const assumedBackend = "sqlite"

// assumption is what a folder without prism.yaml stands for.
type assumption struct {
	dir        string // with slashes, from the module's root
	name       string
	importPath string
}

// assume returns what the folder dir of the module fsys, whose lock is given,
// stands for. It is refused where prism.yaml may have been forgotten, mistyped
// or lost: a deployment that nobody meant would begin a history.
func assume(fsys fs.FS, dir string, lock []byte) (assumption, []schema.Diagnostic) {
	a := assumption{dir: dir}
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return a, []schema.Diagnostic{{File: "go.mod", What: unread(err), Fix: "run in the module's root"}}
	}
	if a.importPath = ModulePath(mod); a.importPath == "" {
		return a, []schema.Diagnostic{{File: "go.mod", What: "it names no module"}}
	}
	a.name = AssumedName(a.importPath, dir)
	if _, err := fs.Stat(fsys, path.Join(dir, "prism.yml")); err == nil {
		return a, a.undecided("the folder has a prism.yml", "rename it to prism.yaml")
	}
	other, err := otherDeployment(fsys, dir)
	if err != nil {
		return a, []schema.Diagnostic{{File: dir, What: "the module cannot be searched: " + err.Error()}}
	}
	if other != "" {
		return a, a.undecided("the folder has no prism.yaml, and "+other+" is there", "correct the path, or write a prism.yaml for each deployment")
	}
	if lock == nil {
		return a, nil
	}
	l, faults := migrate.ReadLock(lock, migrate.LockPath(dir))
	if len(faults) > 0 {
		return a, faults
	}
	i := slices.IndexFunc(l.Open.Namespaces, func(n migrate.Namespace) bool { return n.Backend != assumedBackend })
	if l.Deployment != a.name || i >= 0 {
		return a, a.undecided("the prism.yaml that "+migrate.LockPath(dir)+" was made with is gone", "restore it from version control")
	}
	return a, nil
}

// config returns the text of the prism.yaml that the folder stands for, given
// the files of its packages, with a warning that says so; or why there is none.
func (a assumption) config(files []protoreflect.FileDescriptor) ([]byte, []schema.Diagnostic) {
	var packages, namespaces []string
	for _, f := range files {
		for i := range f.Messages().Len() {
			options := f.Messages().Get(i).Options()
			if !proto.HasExtension(options, prismv1.E_Entity) {
				continue
			}
			packages = append(packages, string(f.Package()))
			if n := proto.GetExtension(options, prismv1.E_Entity).(*prismv1.Entity).GetNamespace(); n != "" {
				namespaces = append(namespaces, n)
			}
		}
	}
	slices.Sort(packages)
	slices.Sort(namespaces)
	packages, namespaces = slices.Compact(packages), slices.Compact(namespaces)
	switch {
	case len(packages) == 0:
		return nil, a.undecided("no message of a .proto file in the folder is an entity",
			"write option (prism.v1.entity) on one, or name the folder that the .proto files are in")
	case len(packages) > 1:
		return nil, a.undecided("packages "+strings.Join(packages, " and ")+" have entities",
			"write prism.yaml, with packages: ["+strings.Join(packages, ", ")+"]")
	case packages[0] == "":
		return nil, a.undecided("the entities are in no package", "write package "+a.name+".v1;")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "deployment: %s\nimport_path: %q\npackages: [%s]\nnamespaces:\n", a.name, a.importPath, packages[0])
	for _, n := range namespaces {
		fmt.Fprintf(&b, "  - {name: %q, backend: %s}\n", n, assumedBackend)
	}
	return []byte(b.String()), []schema.Diagnostic{schema.NewDiagnostic(5039, schema.Source{File: a.dir},
		fmt.Sprintf("no prism.yaml is here: assuming deployment %s, of package %s and import path %s", a.name, packages[0], a.importPath),
		"write prism.yaml to decide otherwise")}
}

func (a assumption) undecided(what, fix string) []schema.Diagnostic {
	return []schema.Diagnostic{schema.NewDiagnostic(5040, schema.Source{File: a.dir}, what, fix)}
}

// atFolder moves the faults of the assumed prism.yaml, which nobody can look
// into, to the folder, or drops them where the schema is at fault.
func (a assumption) atFolder(faults []schema.Diagnostic) []schema.Diagnostic {
	assumed := func(d schema.Diagnostic) bool { return d.File == path.Join(a.dir, "prism.yaml") }
	if slices.ContainsFunc(faults, func(d schema.Diagnostic) bool { return d.Severity == schema.Error && !assumed(d) }) {
		return slices.DeleteFunc(faults, assumed)
	}
	for i := range faults {
		if assumed(faults[i]) {
			faults[i].File, faults[i].Line, faults[i].Column = a.dir, 0, 0
		}
	}
	return faults
}

// otherDeployment returns the prism.yaml, or the lock, of a deployment of the
// module that is not in the folder dir, or "". Folders that hold what is not
// the module's own are passed over.
func otherDeployment(fsys fs.FS, dir string) (found string, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != ".":
			_, err := fs.Stat(fsys, path.Join(name, "go.mod"))
			if err == nil || strings.HasPrefix(base, ".") || base == "vendor" || base == "node_modules" || base == "testdata" {
				return fs.SkipDir
			}
		case (base == "prism.yaml" || base == path.Base(migrate.LockPath("."))) && path.Dir(name) != dir:
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

var (
	moduleLine   = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)
	majorVersion = regexp.MustCompile(`/v[0-9]+$`)
	notInName    = regexp.MustCompile(`^[^a-z]+|[^a-z0-9]`)
	nameShape    = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// TakenNames mean something else as a folder of Go or of schemas.
var TakenNames = []string{"contract", "google", "internal", "main", "prism", "testdata", "vendor"}

// ModulePath returns the path of the module with this text of go.mod, or "".
func ModulePath(mod []byte) string {
	if m := moduleLine.FindSubmatch(mod); m != nil {
		return string(m[1])
	}
	return ""
}

// AssumedName returns the name of the deployment that a folder of the module
// stands for, without prism.yaml. The place of the module on this machine has
// no part in it.
func AssumedName(modulePath, dir string) string {
	return DeploymentName(strings.TrimSuffix(path.Join(modulePath, dir), "/schemas"))
}

// DeploymentName returns the name of a deployment after the last part of a Go
// import path, or app, where nothing of that can be one.
func DeploymentName(importPath string) string {
	name := notInName.ReplaceAllString(strings.ToLower(path.Base(majorVersion.ReplaceAllString(importPath, ""))), "")
	if !LegalName(name) {
		return "app"
	}
	return name
}

// LegalName reports whether a new deployment may have the name.
func LegalName(name string) bool {
	return nameShape.MatchString(name) && !slices.Contains(TakenNames, name)
}
