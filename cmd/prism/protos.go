package main

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/source"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// protos returns the proto packages of the user's .proto files in a folder of the
// module and below it, by path. Copies of Prism's own files, and what is in a
// third_party, are not the user's.
func protos(root fs.FS, dir string) (map[string]string, error) {
	packages := map[string]string{}
	err := walkModule(root, dir, func(name string) error {
		foreign := strings.HasSuffix("/"+path.Dir(name), "/"+path.Dir(prismv1.Path)) || strings.Contains("/"+name, "/third_party/") && dir != "third_party"
		if path.Ext(name) != ".proto" || foreign {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		packages[name] = source.Package(name, text)
		return err
	})
	return packages, err
}

// importRoots returns where the imports of files begin whose folders are named
// after their packages, as in proto/shop/v1 for shop.v1: most files first.
func importRoots(packages map[string]string) []string {
	files := map[string]int{}
	for name, pkg := range packages {
		above, ok := strings.CutSuffix("/"+path.Dir(name), "/"+strings.ReplaceAll(pkg, ".", "/"))
		if ok && pkg != "" {
			files[path.Clean(strings.TrimPrefix(above, "/"))]++
		}
	}
	return slices.SortedFunc(maps.Keys(files), func(a, b string) int {
		if files[a] != files[b] {
			return files[b] - files[a]
		}
		return strings.Compare(a, b)
	})
}
