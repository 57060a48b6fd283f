package generator

import (
	"errors"
	"io/fs"
	"path"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
)

// FrontEnd returns at least the files of the named packages, or every fault.
// Nil stands for the packages whose files import the options.
type FrontEnd func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic)

// Compile is Run for the deployment at place, which is the path of a prism.yaml
// or of its folder from the root of fsys, the module's. It reads go.mod,
// prism.yaml, whose import_path is the module's, and the lock beside it; for a
// folder without prism.yaml, go.mod, the lock and the names of the module's
// files. What has a prism.yaml needs no go.mod.
func Compile(fsys fs.FS, place string, files FrontEnd, backends []*emit.Backend, kit *emit.Backend) (*Output, []schema.Diagnostic) {
	in := Input{ConfigPath: place, Backends: backends, TestKit: kit}
	if info, err := fs.Stat(fsys, place); err == nil && info.IsDir() {
		in.ConfigPath = path.Join(place, "prism.yaml")
		if _, err := fs.Stat(fsys, in.ConfigPath); errors.Is(err, fs.ErrNotExist) {
			return compileAssumed(fsys, place, files, in)
		}
	}
	var faults []schema.Diagnostic
	if in.Config, in.Lock, faults = ReadConfig(fsys, in.ConfigPath); len(faults) > 0 {
		return nil, faults
	}
	if mod, err := fs.ReadFile(fsys, "go.mod"); err == nil {
		in.Module = ModulePath(mod)
	}
	if in.Files, faults = files(append([]string{}, schema.Packages(in.Config)...)); len(faults) > 0 {
		return nil, faults
	}
	return Run(in)
}

// compileAssumed is Compile for the folder dir, which has no prism.yaml.
func compileAssumed(fsys fs.FS, dir string, files FrontEnd, in Input) (*Output, []schema.Diagnostic) {
	var faults []schema.Diagnostic
	if in.Lock, faults = readLock(fsys, dir); len(faults) > 0 {
		return nil, faults
	}
	a, faults := assume(fsys, dir, in.Lock)
	if len(faults) > 0 {
		return nil, faults
	}
	if in.Files, faults = files(nil); len(faults) > 0 {
		return nil, faults
	}
	if in.Config, faults = a.config(in.Files); in.Config == nil {
		return nil, faults
	}
	out, found := Run(in)
	faults = append(faults, a.atFolder(found)...)
	schema.SortDiagnostics(faults)
	return out, faults
}

// ReadConfig reads the prism.yaml at the path config of fsys, and the lock
// beside it, which is nil before the first run.
func ReadConfig(fsys fs.FS, config string) (text, lock []byte, faults []schema.Diagnostic) {
	text, err := fs.ReadFile(fsys, config)
	if err != nil {
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
	if migrations, _ := fs.Glob(fsys, path.Join(dir, "migrations/*/*.sql")); len(migrations) > 0 {
		return nil, []schema.Diagnostic{schema.NewDiagnostic(4010, schema.Source{File: file},
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
