package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
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

// sameText reports whether two texts are the same but for the ends of lines.
func sameText(a, b []byte) bool {
	lf := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
	return bytes.Equal(lf(a), lf(b))
}

// copies returns a warning for every copy of options.proto, where imports of the
// deployment begin and where init writes it, that is not the compiler's. The
// compiler reads none, but editors, buf and clients do.
func (d deployment) copies() []schema.Diagnostic {
	var faults []schema.Diagnostic
	folders := append(d.sources(), "schemas")
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		name := path.Join(folder, prismv1.Path)
		text, err := fs.ReadFile(os.DirFS(d.root), name)
		if err == nil && !sameText(text, []byte(prismv1.Source)) {
			faults = append(faults, schema.NewDiagnostic(schema.RuleOptionsCopy, schema.Source{File: name, Line: 1, Column: 1},
				"the file is not that of this compiler, version "+generator.Version, "run prism init, which renews it"))
		}
	}
	return faults
}
