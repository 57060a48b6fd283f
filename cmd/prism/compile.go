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

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// deployment is a prism.yaml in a Go module.
type deployment struct {
	root   string // the module's folder
	config string // prism.yaml from there, with slashes
}

// file is prism.yaml as the operating system names it.
func (d deployment) file() string { return filepath.Join(d.root, filepath.FromSlash(d.config)) }

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
		if info, err := os.Stat(arg); err != nil {
			return nil, err
		} else if info.IsDir() {
			arg = filepath.Join(arg, "prism.yaml")
		}
		file, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		root, err := moduleRoot(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		found = append(found, deployment{root, filepath.ToSlash(rel)})
	}
	return found, nil
}

// findAll returns the deployments below the schemas folder of the module that
// this folder is in.
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
			found = append(found, deployment{root, p})
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noDeployment{fmt.Errorf("no prism.yaml here or below %s; write one, or name it", filepath.Join(root, "schemas"))}
	}
	return found, nil
}

// moduleRoot returns the nearest folder with a go.mod, dir or above it.
func moduleRoot(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", noDeployment{fmt.Errorf("%s is in no Go module; run go mod init <import path> where out/ shall stand", dir)}
		}
	}
}

// sources returns the folder in which imports of .proto files begin.
func (d deployment) sources() string {
	for dir := path.Dir(d.config); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "schemas" {
			return dir
		}
	}
	return path.Dir(d.config)
}

// compile runs the compiler. Places in the diagnostics are relative to the
// folder of the caller, so that an editor finds them.
func (d deployment) compile(ctx context.Context) (*generator.Output, []schema.Diagnostic, error) {
	root := os.DirFS(d.root)
	config, lock, faults := generator.ReadConfig(root, d.config)
	if len(faults) > 0 {
		return nil, d.fromHere(faults), nil
	}
	sources, err := fs.Sub(root, d.sources())
	if err != nil {
		return nil, nil, err
	}
	var out *generator.Output
	files, faults := source.Compile(ctx, sources, schema.Packages(config))
	if len(faults) == 0 {
		out, faults = generator.Run(generator.Input{
			Config: config, ConfigPath: d.config, Lock: lock, Files: files, Backends: backends.All(), TestKit: backends.TestKit(),
		})
	}
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
