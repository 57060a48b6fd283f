package generator

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/schema"
)

// leftovers returns the staged files of runs that were killed.
func leftovers(fsys fs.FS, out *Output) ([]string, error) {
	all, err := earlier(fsys, out)
	if err != nil {
		return nil, err
	}
	staged := slices.DeleteFunc(all, func(p string) bool { return !isStage(p) })
	// The lock stands in a folder of the user's.
	for _, f := range out.Files {
		if !isLock(f.Path) {
			continue
		}
		entries, err := fs.ReadDir(fsys, path.Dir(f.Path))
		if err := ignoreMissing(err); err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if isStage(entry.Name()) {
				staged = append(staged, path.Join(path.Dir(f.Path), entry.Name()))
			}
		}
	}
	return staged, nil
}

// earlier returns the files where an earlier run may have written.
func earlier(fsys fs.FS, out *Output) ([]string, error) {
	paths := slices.Clone(out.rest)
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
	shared, err := inContracts(fsys, out)
	if err != nil {
		return nil, err
	}
	paths = append(paths, shared...)
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// Rest returns an output that has none of what the compiler wrote for
// deployments that are gone, or nil if nothing of them is left. The outputs are
// those of all the deployments of the module, which is fsys.
func Rest(fsys fs.FS, outputs []*Output) (*Output, error) {
	owned := map[string]bool{}
	for _, out := range outputs {
		for _, f := range out.Files {
			owned[f.Path] = true
		}
		for _, tree := range out.Trees {
			owned[tree] = true
		}
	}
	rest := &Output{Deployment: &schema.Deployment{Name: "what no deployment has"}}
	left := false
	err := fs.WalkDir(fsys, "out", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ignoreMissing(err)
		case owned[p] && entry.IsDir():
			return fs.SkipDir
		case owned[p] || entry.IsDir():
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if err == nil && generated(p, text) {
			left = left || !isStage(p)
			rest.rest = append(rest.rest, p)
		}
		return ignoreMissing(err)
	})
	if err != nil || !left {
		return nil, err
	}
	return rest, nil
}

// inContracts is earlier for the folders below out/contract, which deployments share:
// the present ones, and those of the contract that the last run embedded. What the
// contracts of other deployments list is theirs.
func inContracts(fsys fs.FS, out *Output) ([]string, error) {
	embedded, err := fs.Glob(fsys, "out/*/proxy/server/contract.txt")
	if err != nil {
		return nil, err
	}
	folders, theirs := slices.Clone(out.Folders), map[string]bool{}
	for _, p := range embedded {
		text, err := fs.ReadFile(fsys, p)
		if err := ignoreMissing(err); err != nil {
			return nil, err
		}
		own := slices.ContainsFunc(out.Trees, func(tree string) bool { return strings.HasPrefix(p, tree+"/") })
		for _, m := range listedFile.FindAllSubmatch(text, -1) {
			stem := path.Join(contract.Dir, string(m[1]))
			if own && strings.HasSuffix(stem, "_prism") {
				folders = append(folders, path.Dir(stem))
			}
			for _, end := range []string{".proto", ".pb.go", "_client.go"} {
				theirs[stem+end] = theirs[stem+end] || !own
			}
			shared := path.Join(path.Dir(stem), "prism_client.go")
			theirs[shared] = theirs[shared] || !own
		}
	}
	slices.Sort(folders)
	var paths []string
	for _, folder := range slices.Compact(folders) {
		entries, err := fs.ReadDir(fsys, folder)
		if err := ignoreMissing(err); err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if p := path.Join(folder, entry.Name()); !entry.IsDir() && !theirs[p] {
				paths = append(paths, p)
			}
		}
	}
	return paths, nil
}

// listedFile matches the lines by which contract.txt lists a .proto file.
var listedFile = regexp.MustCompile(`(?m)^file (\S+)\.proto\r?$`)
