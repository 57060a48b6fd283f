package main

import (
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
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// deployment is what a prism.yaml in a Go module says, or a folder without one
// stands for.
type deployment struct {
	root  string // the module's folder
	dir   string // the deployment's from there, with slashes
	place string // prism.yaml from there, or dir, which has none
}

// assumed reports whether there is no prism.yaml.
func (d deployment) assumed() bool { return d.place == d.dir }

// noDeployment is an error that says that there is none where a command looks
// for one.
type noDeployment struct{ error }

// find returns the deployments that args name, which are prism.yaml files or
// their folders, or those that are taken where args name none.
func find(args []string) ([]deployment, error) {
	if len(args) == 0 {
		if _, err := os.Stat("prism.yaml"); err != nil {
			return findAll()
		}
		args = []string{"prism.yaml"}
	}
	var found []deployment
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() && info.Name() != "prism.yaml" {
			return nil, fmt.Errorf("%s is neither a prism.yaml nor a folder; name a prism.yaml, or its folder, or the folder of the .proto files", arg)
		}
		file, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		dir := file
		if !info.IsDir() {
			dir = filepath.Dir(file)
		}
		root, err := moduleRoot(dir)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		d := deployment{root, path.Dir(filepath.ToSlash(rel)), filepath.ToSlash(rel)}
		if info.IsDir() {
			d = inFolder(root, filepath.ToSlash(rel))
		}
		found = append(found, d)
	}
	return found, nil
}

// inFolder returns the deployment of a folder, with or without prism.yaml. The
// module's root stands for its schemas, where it has no prism.yaml.
func inFolder(root, dir string) deployment {
	file := path.Join(dir, "prism.yaml")
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); !errors.Is(err, fs.ErrNotExist) {
		return deployment{root, dir, file}
	}
	if dir == "." && hasSchemas(root) {
		dir = "schemas"
	}
	return deployment{root, dir, dir}
}

func hasSchemas(root string) bool {
	info, err := os.Stat(filepath.Join(root, "schemas"))
	return err == nil && info.IsDir()
}

// findAll returns the deployments below the schemas folder of the module that
// this folder is in, or, if there is no prism.yaml, what that folder stands for.
func findAll() ([]deployment, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot(dir)
	if err != nil {
		return nil, err
	}
	var found []deployment
	err = fs.WalkDir(os.DirFS(root), "schemas", func(p string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "prism.yaml" {
			found = append(found, deployment{root, path.Dir(p), p})
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	switch {
	case len(found) > 0:
		return found, nil
	case hasSchemas(root):
		return []deployment{inFolder(root, "schemas")}, nil
	}
	return nil, noDeployment{fmt.Errorf("no prism.yaml here, and no folder %s; name a prism.yaml, or the folder of the .proto files", filepath.Join(root, "schemas"))}
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

// sources returns the folder in which imports of .proto files begin.
func (d deployment) sources() string {
	for dir := d.dir; dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "schemas" {
			return dir
		}
	}
	return d.dir
}

// header returns the deployment's name, and where it listens.
func (d deployment) header() (name, listen string, err error) {
	if d.assumed() {
		mod, err := os.ReadFile(filepath.Join(d.root, "go.mod"))
		return generator.AssumedName(generator.ModulePath(mod), d.dir), schema.DefaultListen, err
	}
	text, err := os.ReadFile(filepath.Join(d.root, filepath.FromSlash(d.place)))
	return schema.Name(text), schema.Listen(text), err
}

// compile runs the compiler. Places in the diagnostics are relative to the
// folder of the caller, so that an editor finds them.
func (d deployment) compile(ctx context.Context) (*generator.Output, []schema.Diagnostic, error) {
	root := os.DirFS(d.root)
	sources, err := fs.Sub(root, d.sources())
	if err != nil {
		return nil, nil, err
	}
	own, err := fs.Sub(root, d.dir)
	if err != nil {
		return nil, nil, err
	}
	out, faults := generator.Compile(root, d.place, func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
		if packages == nil {
			if packages, err = source.Annotated(own); err != nil {
				return nil, []schema.Diagnostic{{File: d.dir, What: "schema files cannot be read: " + err.Error()}}
			}
		}
		return source.Compile(ctx, sources, packages)
	}, backends.All(), backends.TestKit())
	for i, f := range faults {
		if strings.HasSuffix(f.File, ".proto") {
			faults[i].File = path.Join(d.sources(), f.File)
		}
	}
	return out, d.fromHere(faults), nil
}

// fromHere makes places that are relative to the module's root relative to the
// working folder.
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
