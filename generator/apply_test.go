package generator

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faulty is a folder of which the n-th change fails.
type faulty struct {
	*os.Root
	n int
}

var errDisk = errors.New("the disk is full")

func (f *faulty) next() error {
	if f.n--; f.n == 0 {
		return errDisk
	}
	return nil
}

func (f *faulty) MkdirAll(name string, perm os.FileMode) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Root.MkdirAll(name, perm)
}

// WriteFile fails as a full disk does: in the middle.
func (f *faulty) WriteFile(name string, data []byte, perm os.FileMode) error {
	if err := f.next(); err != nil {
		return errors.Join(err, f.Root.WriteFile(name, data[:len(data)/2], perm))
	}
	return f.Root.WriteFile(name, data, perm)
}

func (f *faulty) Rename(from, to string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Root.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Root.Remove(name)
}

// Whichever step fails, the folder is as it was before: files, contents, and
// no folder more.
func TestAllOrNothing(t *testing.T) {
	changes := []Change{
		{"a/b/new", Missing, nil, []byte("new")},
		{"a/old", Stale, []byte("old"), []byte("newer")},
		{"c/gone", Orphan, []byte("gone"), nil},
		{"d/new", Missing, nil, []byte("new")},
		{"d/new2", Missing, nil, []byte("new")},
		{"z", Stale, []byte("z"), []byte("zz")},
	}
	before := map[string]string{"a/old": "old", "c/gone": "gone", "z": "z"}
	after := map[string]string{"a/b/new": "new", "a/old": "newer", "d/new": "new", "d/new2": "new", "z": "zz"}
	// 5 files to stage in 4 folders, 6 changes to commit.
	const steps = 5 + 4 + 6
	for n := range steps + 1 { // 0: none fails
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		for name, text := range before {
			if err := errors.Join(root.MkdirAll(path.Dir(name), 0o755), root.WriteFile(name, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		err = apply(&faulty{root, n}, changes)
		want := before
		if n == 0 {
			want = after
		}
		if (n > 0) != errors.Is(err, errDisk) {
			t.Errorf("step %d: error %v", n, err)
		}
		got := map[string]string{}
		err = fs.WalkDir(root.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				if below, err := fs.ReadDir(root.FS(), p); err != nil || len(below) == 0 {
					got[p+"/"] = ""
				}
				return nil
			}
			text, err := fs.ReadFile(root.FS(), p)
			got[p] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", n, diff)
		}
	}
}
