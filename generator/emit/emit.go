// Package emit is what all emitters share: a file, and tasks that make files at
// the same time. An emitter is a pure function from the model to files, in a
// package of its own below this one.
package emit

import (
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// File is one file to write. Path has slashes and is relative to the module's
// root.
type File struct {
	Path    string
	Content []byte
}

// Task makes some of the files of a run.
type Task func() ([]File, error)

// All returns the files of all tasks, in the order of the tasks, or the first
// error. Tasks run at the same time, but no more of them than there are CPUs:
// what each has in the making is held in memory.
func All(tasks []Task) ([]File, error) {
	results := make([][]File, len(tasks))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, task := range tasks {
		group.Go(func() (err error) {
			results[i], err = task()
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(results...), err
}
