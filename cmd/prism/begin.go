package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// firstBackend is the backend of every namespace in the prism.yaml that
// generate writes: it needs no server and no settings.
const firstBackend = "sqlite"

// begin writes the prism.yaml of d if there is none, and says so. It returns
// the reasons not to: faults of the schema, a choice that only the user can
// make, and traces of a prism.yaml that was misnamed or lost, since a second
// deployment would start a new history. draft is what the user may write, if
// that is known.
func (d deployment) begin(cmd *cobra.Command) (draft string, faults []schema.Diagnostic, err error) {
	file := filepath.Join(d.root, filepath.FromSlash(d.place))
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	root := os.DirFS(d.root)
	if _, err := fs.Stat(root, history.LockPath(d.dir)); err == nil {
		_, faults := generator.ReadConfig(root, d.place)
		return "", d.fromHere(faults), nil
	}
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return "", nil, err
	}
	importPath := generator.ModulePath(mod)
	if importPath == "" {
		return "", nil, fmt.Errorf("%s names no module", filepath.Join(d.root, "go.mod"))
	}
	if r := d.impliedRoot(); d.dir == "." && r != "" {
		return "", d.undecided("the folder has no prism.yaml, and the imports of its .proto files begin in "+r, "run prism generate "+r), nil
	}
	found, err := trace(root)
	if err != nil {
		return "", nil, err
	}
	packages, err := protos(root, d.dir)
	if err != nil {
		return "", nil, err
	}
	name, pkg := deploymentName(strings.TrimSuffix(path.Join(importPath, d.dir), "/schemas")), ""
	files, faults := d.read(cmd.Context(), slices.Collect(maps.Values(packages)))
	if len(faults) > 0 {
		faults = d.shown(faults)
	} else {
		draft, pkg, faults = d.firstConfig(name, importPath, files)
	}
	if found != "" {
		faults = d.undecided("the folder has no prism.yaml, and "+found+" is there",
			"correct the path, restore prism.yaml from version control, or write one for each deployment")
	}
	if len(faults) > 0 {
		return draft, faults, nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", nil, err
	}
	_, err = f.WriteString(begun + draft)
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: deployment %s serves package %s on %s\n", d.place, name, pkg, firstBackend)
	return "", nil, errors.Join(err, f.Close())
}

// begun is above the first prism.yaml.
const begun = `# Written by prism generate, because there was no prism.yaml: the package's
# entities are one deployment on SQLite. Edit this file and commit it; prism
# generate does not write it again. prism backends lists the stores.
`

// trace returns a file which shows that the module has or had a deployment, or
// "".
func trace(root fs.FS) (found string, err error) {
	err = walkModule(root, ".", func(name string) error {
		switch path.Base(name) {
		case "prism.yaml", "prism.yml":
			found = name
			return fs.SkipAll
		case history.LockName:
			found = cmp.Or(found, name)
		}
		return nil
	})
	if _, there := fs.Stat(root, contract.Dir); there == nil && found == "" {
		found = contract.Dir
	}
	return found, err
}

// firstConfig returns the text of prism.yaml for the packages of the files that
// have entities, and the faults for which a person has to write it.
func (d deployment) firstConfig(name, importPath string, files []protoreflect.FileDescriptor) (text, pkg string, faults []schema.Diagnostic) {
	var packages, namespaces []string
	for _, f := range files {
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			if !proto.HasExtension(m.Options(), prismv1.E_Entity) {
				continue
			}
			n := proto.GetExtension(m.Options(), prismv1.E_Entity).(*prismv1.Entity).GetNamespace()
			if n == "" {
				return "", "", d.undecided(fmt.Sprintf("entity %s has no namespace", m.FullName()), "write option (prism.v1.entity).namespace")
			}
			packages, namespaces = append(packages, string(f.Package())), append(namespaces, n)
		}
	}
	slices.Sort(packages)
	slices.Sort(namespaces)
	packages = slices.Compact(packages)
	switch {
	case len(packages) == 0:
		return "", "", d.undecided("no message of a .proto file in the folder is an entity",
			"write option (prism.v1.entity) on one, or name the folder that the .proto files are in")
	case packages[0] == "":
		return "", "", d.undecided("the entities are in no package", "write package "+name+".v1;")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "deployment: %q\nimport_path: %q\n", name, importPath)
	if root := d.impliedRoot(); root != "" {
		fmt.Fprintf(&b, "root: %q\n", root)
	}
	fmt.Fprintf(&b, "packages: [%s]\nlisten: %s\nnamespaces:\n", `"`+strings.Join(packages, `", "`)+`"`, schema.DefaultListen)
	for _, n := range slices.Compact(namespaces) {
		fmt.Fprintf(&b, "  - name: %q\n    backend: %s\n", n, firstBackend)
	}
	if len(packages) > 1 {
		faults = d.undecided("packages "+strings.Join(packages, " and ")+" have entities",
			"write prism.yaml, or one for each deployment that you want")
	}
	return b.String(), packages[0], faults
}

// undecided is the fault that prism.yaml is missing and generate cannot write
// it.
func (d deployment) undecided(what, fix string) []schema.Diagnostic {
	return d.fromHere([]schema.Diagnostic{schema.NewDiagnostic(schema.RuleYAMLNeeded, schema.Source{File: d.place}, what, fix)})
}

var (
	majorVersion = regexp.MustCompile(`/v[0-9]+$`)
	notInName    = regexp.MustCompile(`^[^a-z]+|[^a-z0-9]`)
	nameShape    = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// takenNames have another meaning as a folder of Go or of schemas.
var takenNames = []string{"contract", "google", "internal", "main", "prism", "testdata", "vendor"}

// deploymentName derives a deployment's name from the last part of a Go import
// path; it returns app if that yields none.
func deploymentName(importPath string) string {
	name := notInName.ReplaceAllString(strings.ToLower(path.Base(majorVersion.ReplaceAllString(importPath, ""))), "")
	if !legalName(name) {
		return "app"
	}
	return name
}

// legalName reports whether a new deployment may have this name.
func legalName(name string) bool {
	return nameShape.MatchString(name) && !slices.Contains(takenNames, name)
}
