package generator

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/schema"
)

// Beside returns the faults of out if other is written to the same module: folders
// of the contract in which they have two Go packages.
func (out *Output) Beside(other *Output) []schema.Diagnostic {
	return out.mixed(other.goFolders())
}

// besideOthers is Beside for what other deployments have written.
func (out *Output) besideOthers(fsys fs.FS) ([]schema.Diagnostic, error) {
	own, err := earlier(fsys, out)
	if err != nil {
		return nil, err
	}
	for _, f := range out.Files {
		own = append(own, f.Path)
	}
	others := map[string]string{}
	for folder := range out.goFolders() {
		entries, err := fs.ReadDir(fsys, folder)
		if err := ignoreMissing(err); err != nil {
			return nil, err
		}
		for _, entry := range entries {
			p := path.Join(folder, entry.Name())
			if entry.IsDir() || path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") || slices.Contains(own, p) {
				continue
			}
			text, err := fs.ReadFile(fsys, p)
			if err != nil {
				return nil, err
			}
			if m := packageClause.FindSubmatch(text); m != nil {
				others[folder] = string(m[1])
			}
		}
	}
	return out.mixed(others), nil
}

// goFolders returns the Go package of each folder of the contract, by folder.
func (out *Output) goFolders() map[string]string {
	folders := map[string]string{}
	for _, f := range out.Files {
		if m := packageClause.FindSubmatch(f.Content); m != nil && path.Ext(f.Path) == ".go" && strings.HasPrefix(f.Path, contract.Dir+"/") {
			folders[path.Dir(f.Path)] = string(m[1])
		}
	}
	return folders
}

var packageClause = regexp.MustCompile(`(?m)^package (\w+)`)

// mixed returns a fault for each folder of the contract in which others have another
// Go package.
func (out *Output) mixed(others map[string]string) []schema.Diagnostic {
	d := out.Deployment
	var faults []schema.Diagnostic
	told := map[string]bool{}
	own := out.goFolders()
	for _, e := range d.Entities() {
		f := e.Desc.ParentFile()
		folder := path.Join(contract.Dir, e.Contract.Dir)
		if other := others[folder]; other != "" && other != own[folder] && !told[folder] {
			told[folder] = true
			faults = append(faults, schema.NewDiagnostic(schema.RuleGoPackage, schema.GoPackageSource(f),
				fmt.Sprintf("%s generates Go package %s into %s, where another deployment has package %s", f.Path(), own[folder], folder, other),
				fmt.Sprintf("move the file to a folder that no other proto package has, such as %s; if the other package had that name before, delete %s and generate all deployments", strings.ReplaceAll(string(f.Package()), ".", "/"), folder)))
		}
	}
	return faults
}
