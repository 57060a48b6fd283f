package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// deployment is a prism.yaml in a Go module.
type deployment struct {
	root  string // the module's folder
	dir   string // the deployment's folder, relative to root, with slashes
	place string // prism.yaml, relative to root; it may be missing
}

// noDeployment is the error that there is no deployment where a command looks
// for one.
type noDeployment struct{ error }

// find returns the deployments that args name, as prism.yaml files or as folders
// in which they are, or those of the whole module if args are empty.
func find(args []string) ([]deployment, error) {
	if len(args) == 0 {
		return findAll()
	}
	var found []deployment
	for _, arg := range args {
		named, err := findIn(arg)
		if err != nil {
			return nil, err
		}
		for _, d := range named {
			if !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

// preferred returns what find shall take for a command with one deployment: the
// prism.yaml in the folder arg, or in this one if arg is empty, rather than all
// below it.
func preferred(arg string) []string {
	file := filepath.Join(arg, "prism.yaml")
	if _, err := os.Stat(file); err == nil {
		return []string{file}
	}
	if arg == "" {
		return nil
	}
	return []string{arg}
}

// findIn returns the deployment of a prism.yaml, or those in a folder and below
// it. If there are none, it returns the one that could be created in the folder.
func findIn(arg string) ([]deployment, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(arg)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		file = filepath.Join(file, "prism.yaml")
	case info.Name() != "prism.yaml":
		return nil, fmt.Errorf("%s is neither a prism.yaml nor a folder; name a prism.yaml, or a folder with some, or the folder of the .proto files", arg)
	}
	root, err := moduleRoot(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, file)
	if err != nil {
		return nil, err
	}
	place := filepath.ToSlash(rel)
	if info.IsDir() {
		if found, err := below(root, path.Dir(place)); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return []deployment{{root, path.Dir(place), place}}, nil
}

// findAll returns the deployments of the module that this folder is in. If there
// are none, it returns the one that could be created in the schemas folder.
func findAll() ([]deployment, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot(dir)
	if err != nil {
		return nil, err
	}
	found, err := below(root, ".")
	switch {
	case err != nil || len(found) > 0:
		return found, err
	case hasSchemas(root):
		return []deployment{{root, "schemas", "schemas/prism.yaml"}}, nil
	}
	return nil, noDeployment{fmt.Errorf("no prism.yaml in %s, and no folder schemas; name the folder of the .proto files", root)}
}

func hasSchemas(root string) bool {
	info, err := os.Stat(filepath.Join(root, "schemas"))
	return err == nil && info.IsDir()
}

// below returns the deployments in a folder of the module at root. One whose
// lock is there without prism.yaml is among them, so that it is not forgotten.
func below(root, dir string) ([]deployment, error) {
	var found []deployment
	err := walkModule(os.DirFS(root), dir, func(p string) error {
		name := path.Base(p)
		if name != "prism.yaml" && name != history.LockName {
			return nil
		}
		d := deployment{root, path.Dir(p), path.Join(path.Dir(p), "prism.yaml")}
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
		return nil
	})
	return found, err
}

// walkModule visits the files of a module in dir and below it, by path. It skips
// folders whose content is not the module's own: those that the go command
// passes over, node_modules, nested modules, and what Prism generates.
func walkModule(root fs.FS, dir string, visit func(p string) error) error {
	return fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != dir:
			_, err := fs.Stat(root, path.Join(name, "go.mod"))
			if err == nil || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
				slices.Contains([]string{"vendor", "node_modules", "testdata"}, base) || name == "out" {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		return visit(name)
	})
}

// moduleRoot returns the nearest folder with a go.mod, dir or above it.
func moduleRoot(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", noDeployment{fmt.Errorf("%s is in no Go module: neither it nor a folder above has a go.mod; cd into the module, or run go mod init <import path> where out/ shall stand", dir)}
		}
	}
}

// sources returns the folders in which imports of .proto files begin, the
// schema's first. For a prism.yaml that cannot be read it returns the default, and
// for one that is missing what the one to write should say.
func (d deployment) sources() []string {
	text, err := fs.ReadFile(os.DirFS(d.root), d.place)
	folders := schema.Sources(text, d.place)
	if errors.Is(err, fs.ErrNotExist) {
		folders[0] = cmp.Or(d.impliedRoot(), folders[0])
	}
	return folders
}

// impliedRoot returns the root that the packages of the files beside prism.yaml
// and below it agree on, or "" if they do not, or if it is the default.
func (d deployment) impliedRoot() string {
	packages, err := protos(os.DirFS(d.root), d.dir)
	if err != nil {
		return ""
	}
	roots := importRoots(packages)
	if len(roots) != 1 || roots[0] == schema.Sources(nil, d.place)[0] {
		return ""
	}
	return roots[0]
}

// compile runs the compiler. Positions in the diagnostics are relative to the
// working folder, so that editors find them.
func (d deployment) compile(ctx context.Context, command generator.Command) (*generator.Output, []schema.Diagnostic) {
	out, faults := generator.Compile(os.DirFS(d.root), d.place, func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
		return d.read(ctx, packages)
	}, backends.All(), backends.TestKit(), command)
	return out, append(d.shown(d.pointing(faults)), d.fromHere(d.copies())...)
}

// pointing adds to faults about missing imports that the files' packages say
// another root than the default that was taken.
func (d deployment) pointing(faults []schema.Diagnostic) []schema.Diagnostic {
	for i, f := range faults {
		if f.Number != schema.RuleImportMissing {
			continue
		}
		if implied := d.impliedRoot(); implied != "" && d.sources()[0] == schema.Sources(nil, d.place)[0] {
			faults[i].Fix += "; or write root: " + implied + " in " + d.place + ", where by their packages the imports of its files begin"
		}
	}
	return faults
}

// read is the front end: it returns the files of the packages, or every fault.
func (d deployment) read(ctx context.Context, packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
	var folders []source.Folder
	for i, name := range d.sources() {
		sources, err := fs.Sub(os.DirFS(d.root), name)
		if err == nil {
			_, err = fs.Stat(sources, ".")
		}
		if err != nil {
			text, _ := fs.ReadFile(os.DirFS(d.root), d.place)
			key := []string{"root"}
			if i > 0 {
				key = []string{"import_paths", name}
			}
			return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleYAMLType, schema.ConfigSource(text, d.place, key...),
				name+" is not a folder of the module", "make the folder, or write a folder's path from the module's root")}
		}
		folders = append(folders, source.Folder{Name: name, FS: sources})
	}
	return source.Compile(ctx, folders, packages)
}

// shown makes the compiler's positions, in which .proto files are relative to
// where imports begin, relative to the working folder.
func (d deployment) shown(faults []schema.Diagnostic) []schema.Diagnostic {
	faults = slices.Clone(faults)
	sources := d.sources()
	for i, f := range faults {
		if strings.HasSuffix(f.File, ".proto") {
			faults[i].File = path.Join(d.folderOf(sources, f.File), f.File)
		}
	}
	return d.fromHere(faults)
}

// folderOf returns the first folder that has the file.
func (d deployment) folderOf(folders []string, file string) string {
	for _, f := range folders {
		if _, err := os.Stat(filepath.Join(d.root, filepath.FromSlash(path.Join(f, file)))); err == nil {
			return f
		}
	}
	return folders[0]
}

// fromHere makes positions that are relative to the module's root relative to
// the working folder.
func (d deployment) fromHere(faults []schema.Diagnostic) []schema.Diagnostic {
	faults = slices.Clone(faults)
	dir, err := os.Getwd()
	if err != nil {
		return faults
	}
	for i, f := range faults {
		if rel, err := filepath.Rel(dir, filepath.Join(d.root, filepath.FromSlash(f.File))); err == nil && f.File != "" {
			faults[i].File = rel
		}
	}
	return faults
}
