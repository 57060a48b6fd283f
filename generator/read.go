package generator

import (
	"errors"
	"io/fs"
	"path"
	"regexp"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
)

// FrontEnd returns at least the files of the named packages, or every fault.
type FrontEnd func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic)

// Compile is Run for the deployment at place, which is the path of a prism.yaml
// or of its folder from the root of fsys, the module's. It reads prism.yaml, the
// history beside it, go.mod, if there is one, whose path import_path must be, and
// what other deployments have in the folders of its contract.
func Compile(fsys fs.FS, place string, files FrontEnd, backends []*emit.Backend, kit *emit.Backend, command Command) (*Output, []schema.Diagnostic) {
	in := Input{ConfigPath: place, Backends: backends, TestKit: kit, Command: command}
	if info, err := fs.Stat(fsys, place); err == nil && info.IsDir() {
		in.ConfigPath = path.Join(place, "prism.yaml")
	}
	var faults []schema.Diagnostic
	if in.Config, faults = ReadConfig(fsys, in.ConfigPath); len(faults) > 0 {
		return nil, faults
	}
	in.History = Folder(fsys, path.Dir(in.ConfigPath))
	if mod, err := fs.ReadFile(fsys, "go.mod"); err == nil {
		in.Module = ModulePath(mod)
	}
	if in.Files, faults = files(schema.Packages(in.Config)); len(faults) > 0 {
		return nil, faults
	}
	out, faults := Run(in)
	if out == nil {
		return nil, faults
	}
	mixed, err := out.besideOthers(fsys)
	if err != nil {
		mixed = append(mixed, schema.Diagnostic{What: "what was generated before cannot be read: " + err.Error()})
	}
	if len(mixed) > 0 {
		faults = append(faults, mixed...)
		schema.SortDiagnostics(faults)
		return nil, faults
	}
	return out, faults
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)

// ModulePath returns the path of the module with this text of go.mod, or "".
func ModulePath(mod []byte) string {
	if m := moduleLine.FindSubmatch(mod); m != nil {
		return string(m[1])
	}
	return ""
}

// ReadConfig reads the prism.yaml at the path config of fsys.
func ReadConfig(fsys fs.FS, config string) ([]byte, []schema.Diagnostic) {
	text, err := fs.ReadFile(fsys, config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		lock := history.LockPath(path.Dir(config))
		if _, err := fs.Stat(fsys, lock); err == nil {
			return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleYAMLNeeded, schema.Source{File: config},
				"the file does not exist, and "+lock+" is there",
				"restore it, or move "+history.LockName+" and what belongs to it to where it is now, or, if nobody wants its records any more, delete them")}
		}
		return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleYAMLNeeded, schema.Source{File: config},
			"the file does not exist", "correct the path, write the file, or run prism generate, which writes the first one of a module")}
	case err != nil:
		return nil, []schema.Diagnostic{{File: config, What: unread(err), Fix: "name a prism.yaml by its path from the module's root"}}
	}
	return text, nil
}

// Folder returns fsys below dir, which is a folder in it, or ".".
func Folder(fsys fs.FS, dir string) fs.FS {
	below, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // dir is of a path that was opened
	}
	return below
}

// unread says why a file, which the diagnostic names, was not read.
func unread(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return "the file cannot be read: " + err.Error()
}
