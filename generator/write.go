package generator

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
)

// Change is a file that is not on disk as the output has it.
type Change struct {
	Path          string
	Kind          Kind
	before, after []byte // nil: no file
}

// Kind says how a file differs.
type Kind int

// A Missing file is to be made, a Stale one to be replaced, and an Orphan, which
// an earlier run made, to be deleted.
const (
	Missing Kind = iota
	Stale
	Orphan
)

func (k Kind) String() string { return [...]string{"missing", "stale", "orphan"}[k] }

// Diff returns what differs between the output and the disk, by path, or a
// fault for every file that stands in the way: one that no compiler wrote.
// root is the module's.
func Diff(root *os.Root, out *Output) ([]Change, []schema.Diagnostic, error) {
	return diff(root.FS(), out)
}

// Write makes the disk agree with the output and returns what it changed. It
// changes everything or, when it returns faults or an error, nothing.
func Write(root *os.Root, out *Output) ([]Change, []schema.Diagnostic, error) {
	changes, faults, err := Diff(root, out)
	if err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	return changes, nil, apply(root, changes)
}

func diff(fsys fs.FS, out *Output) ([]Change, []schema.Diagnostic, error) {
	found := make([]*Change, len(out.Files)) // nil: the file is as it shall be
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range out.Files {
		group.Go(func() error {
			before, err := fs.ReadFile(fsys, f.Path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				found[i] = &Change{f.Path, Missing, nil, f.Content}
			case err != nil:
				return err
			case !bytes.Equal(before, f.Content):
				found[i] = &Change{f.Path, Stale, before, f.Content}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var changes []Change
	var faults []schema.Diagnostic
	produced := map[string]bool{}
	for i, f := range out.Files {
		produced[f.Path] = true
		switch c := found[i]; {
		case c == nil:
		case c.Kind == Stale && !generated(f.Path, c.before):
			faults = append(faults, schema.NewDiagnostic(schema.RuleOutputForeign, schema.Source{File: f.Path, Line: 1, Column: 1},
				"the file was not generated", "move it elsewhere, or delete it"))
		default:
			changes = append(changes, *c)
		}
	}
	candidates, err := earlier(fsys, out)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range candidates {
		if produced[p] {
			continue
		}
		before, err := fs.ReadFile(fsys, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if generated(p, before) {
			changes = append(changes, Change{p, Orphan, before, nil})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return changes, faults, nil
}

// earlier returns the files where an earlier run may have written.
func earlier(fsys fs.FS, out *Output) ([]string, error) {
	paths := slices.Clone(out.Former)
	for _, tree := range out.Trees {
		err := fs.WalkDir(fsys, tree, func(p string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				paths = append(paths, p)
			}
			return ignoreMissing(err)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, folder := range out.Folders {
		entries, err := fs.ReadDir(fsys, folder)
		if err := ignoreMissing(err); err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				paths = append(paths, path.Join(folder, entry.Name()))
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// generated reports whether the compiler wrote a file: its first line says so.
// Two kinds of file have no room for that. The lock was understood as such
// before a run has any output, and an embedded contract is named as no
// hand-written file is.
func generated(p string, content []byte) bool {
	if path.Base(p) == path.Base(migrate.LockPath(".")) || strings.HasSuffix(p, "/proxy/server/contract.binpb") {
		return true
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	mark := strings.TrimPrefix(golang.Header, "// ")
	return slices.Contains([]string{"// " + mark, "-- " + mark, "<!-- " + mark + " -->"}, string(line))
}

// disk is what apply needs of an os.Root.
type disk interface {
	MkdirAll(name string, perm os.FileMode) error
	WriteFile(name string, data []byte, perm os.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
}

// apply makes all changes, which are in the order of their paths. New contents
// are written beside their targets first, where a full disk or a missing
// permission shows; what follows is renames and removals, which are undone if
// one fails.
func apply(root disk, changes []Change) error {
	staged, done := 0, 0
	made := "" // the folder of the file before
	err := func() error {
		for ; staged < len(changes); staged++ {
			c := changes[staged]
			if c.after == nil {
				continue
			}
			if dir := path.Dir(c.Path); dir != made {
				if err := root.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				made = dir
			}
			if err := root.WriteFile(stage(c.Path), c.after, 0o644); err != nil {
				return err
			}
		}
		for ; done < len(changes); done++ {
			if err := commit(root, changes[done]); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		for _, c := range changes[done:min(staged+1, len(changes))] {
			_ = root.Remove(stage(c.Path)) // not there, or not removable: err says why
		}
		for _, c := range changes[:done] {
			err = errors.Join(err, undo(root, c))
		}
	}
	for _, c := range changes {
		if err != nil || c.after == nil {
			prune(root, c.Path)
		}
	}
	return err
}

func commit(root disk, c Change) error {
	if c.after == nil {
		return root.Remove(c.Path)
	}
	return root.Rename(stage(c.Path), c.Path)
}

// stage is where a file's content waits; no tool reads a name like it.
func stage(p string) string { return path.Join(path.Dir(p), "."+path.Base(p)+".prism-stage") }

func undo(root disk, c Change) error {
	if c.before == nil {
		return root.Remove(c.Path)
	}
	return root.WriteFile(c.Path, c.before, 0o644)
}

// prune removes the folders above p that are empty: removing one that is not
// fails, which ends it.
func prune(root disk, p string) {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if root.Remove(dir) != nil {
			return
		}
	}
}
