package generator

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
	"slices"
	"strings"
)

// disk is what apply needs of an os.Root.
type disk interface {
	MkdirAll(name string, perm os.FileMode) error
	WriteFile(name string, data []byte, perm os.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
}

// apply makes all changes. New contents are written beside their targets first,
// where a full disk or a missing permission shows; what follows is renames and
// removals, which are undone if one fails. Of a process that is killed some
// stages are left, and some changes are made.
//
// The lock comes first: it then knows of all that the files of any moment may
// have made in a store, and the migrations never stand there without it.
func apply(root disk, changes []Change) error {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int {
		switch {
		case isLock(a.Path) == isLock(b.Path):
			return 0
		case isLock(a.Path):
			return -1
		}
		return 1
	})
	run := rand.Text()[:8]
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
			if err := root.WriteFile(stage(c.Path, run), c.after, 0o644); err != nil {
				return err
			}
		}
		for ; done < len(changes); done++ {
			if err := commit(root, changes[done], run); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		for _, c := range changes[done:min(staged+1, len(changes))] {
			_ = root.Remove(stage(c.Path, run)) // not there, or not removable: err says why
		}
		for _, c := range slices.Backward(changes[:done]) {
			err = errors.Join(err, undo(root, c, run))
		}
	}
	for _, c := range changes {
		if err != nil || c.after == nil {
			prune(root, c.Path)
		}
	}
	return err
}

func commit(root disk, c Change, run string) error {
	if c.after == nil {
		return root.Remove(c.Path)
	}
	return root.Rename(stage(c.Path, run), c.Path)
}

const stageSuffix = ".prism-stage"

// stage is where a file's content waits: no tool reads a name like it, and no
// other run writes to it.
func stage(p, run string) string {
	return path.Join(path.Dir(p), "."+path.Base(p)+"."+run+stageSuffix)
}

func isStage(p string) bool {
	return strings.HasPrefix(path.Base(p), ".") && strings.HasSuffix(p, stageSuffix)
}

func undo(root disk, c Change, run string) error {
	if c.before == nil {
		return root.Remove(c.Path)
	}
	if err := root.WriteFile(stage(c.Path, run), c.before, 0o644); err != nil {
		return err
	}
	return root.Rename(stage(c.Path, run), c.Path)
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
