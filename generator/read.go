package generator

import (
	"errors"
	"io/fs"
	"path"
	"regexp"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
)

// FrontEnd returns at least the files of the named packages, or every fault.
type FrontEnd func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic)

// Compile is Run for the deployment at place, which is the path of a prism.yaml
// or of its folder from the root of fsys, the module's. It reads prism.yaml, the
// lock beside it, and go.mod, if there is one, whose path import_path must be.
// abandon is Input's.
func Compile(fsys fs.FS, place string, files FrontEnd, backends []*emit.Backend, kit *emit.Backend, abandon []string) (*Output, []schema.Diagnostic) {
	in := Input{ConfigPath: place, Backends: backends, TestKit: kit, Abandon: abandon}
	if info, err := fs.Stat(fsys, place); err == nil && info.IsDir() {
		in.ConfigPath = path.Join(place, "prism.yaml")
	}
	var faults []schema.Diagnostic
	if in.Config, in.Lock, faults = ReadConfig(fsys, in.ConfigPath); len(faults) > 0 {
		return nil, faults
	}
	if mod, err := fs.ReadFile(fsys, "go.mod"); err == nil {
		in.Module = ModulePath(mod)
	}
	if in.Files, faults = files(schema.Packages(in.Config)); len(faults) > 0 {
		return nil, faults
	}
	return Run(in)
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)

// ModulePath returns the path of the module with this text of go.mod, or "".
func ModulePath(mod []byte) string {
	if m := moduleLine.FindSubmatch(mod); m != nil {
		return string(m[1])
	}
	return ""
}

// ReadConfig reads the prism.yaml at the path config of fsys, and the lock
// beside it, which is nil before the first run.
func ReadConfig(fsys fs.FS, config string) (text, lock []byte, faults []schema.Diagnostic) {
	text, err := fs.ReadFile(fsys, config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleYAMLNeeded, schema.Source{File: config},
			"the file does not exist", "correct the path, write the file, or run prism generate, which writes the first one of a module")}
	case err != nil:
		return nil, nil, []schema.Diagnostic{{File: config, What: unread(err), Fix: "name a prism.yaml by its path from the module's root"}}
	}
	if lock, faults = readLock(fsys, path.Dir(config)); len(faults) > 0 {
		return nil, nil, faults
	}
	return text, lock, nil
}

// readLock reads the lock of the folder dir, which is nil before the first run.
// One that is gone while the migrations are there is a fault: written anew it
// would forget the releases.
func readLock(fsys fs.FS, dir string) ([]byte, []schema.Diagnostic) {
	file := migrate.LockPath(dir)
	lock, err := fs.ReadFile(fsys, file)
	if err == nil {
		return lock, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, []schema.Diagnostic{{File: file, What: unread(err)}}
	}
	// Glob fails only on a malformed pattern.
	if migrations, _ := fs.Glob(fsys, path.Join(migrate.Dir(dir), "*/*.sql")); len(migrations) > 0 {
		return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleLockFormat, schema.Source{File: file},
			"the file is gone, and "+migrations[0]+" is there", "restore it from version control, or, if there was no release yet, delete the migrations")}
	}
	return nil, nil
}

// unread says why a file, which the diagnostic names, was not read.
func unread(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return "the file cannot be read: " + err.Error()
}
