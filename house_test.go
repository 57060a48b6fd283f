// Package prism_test holds the rules of the house that a machine can check:
// here which package may import what, in house_files_test.go what a file may
// hold.
package prism_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"
)

const module = "github.com/prism-proxy/prism"

// imports is the table of docs/design.md §2. The first row that matches a
// package holds for it. A path ends with /... where everything below it is
// meant too; <x> is any one name, and the same one on both sides of a row.
var imports = []struct {
	from string
	may  []string
}{
	{"number", nil},
	{"reason", []string{"schemas/prism/v1"}},
	{"sqltext", nil},
	{"runtime/...", []string{"runtime/...", "number", "sqltext"}},
	{"schemas/...", nil},
	{"generator/...", []string{"generator/...", "number", "sqltext", "schemas/prism/v1"}},
	{"backends", []string{"backends/<b>/gen", "generator/..."}}, // generator for the type of the list
	{"backends/backendtest", []string{"runtime/...", "generator/...", "reason", "out/contract/conformance/...", "schemas", "schemas/prism/v1"}},
	{"backends/chaintest", []string{"generator/..."}},
	{"backends/<b>/address", nil},
	{"backends/<b>/gen/...", []string{"backends/<b>/gen/...", "backends/<b>/address", "generator/..."}},
	{"backends/<b>", []string{"backends/<b>/address", "runtime/..."}},
	{"backends/<b>/<b2>test", []string{"backends/<b>", "runtime/..."}},
	{"out/contract/...", []string{"out/contract/...", "schemas/prism/v1"}},
	{"out/<d>/proxy/...", []string{"out/<d>/proxy/...", "runtime/...", "backends/<b>", "schemas/.../migrations/..."}},
	{"out/<d>/<d2>test/...", []string{"out/<d>/<d2>test/...", "out/contract/...", "runtime/...", "backends/memory"}},
	{"examples/...", []string{"examples/...", "out/contract/...", "reason", "schemas/prism/v1"}},
	{"bench/...", []string{"bench/...", "backends/...", "examples/...", "generator/...", "out/...", "runtime/...", "schemas/..."}},
	{"protoc-gen-prism", []string{"generator/...", "backends"}},
	{"cmd/prism/...", []string{"", "cmd/prism/...", "generator/...", "backends", "runtime/...", "bench/...", "schemas/prism/v1"}},
	{"", nil}, // this package
}

// externalTests is what an external test may import beside the row of its
// package and the package itself.
var externalTests = []string{"number", "reason", "sqltext", "schemas/prism/v1", "backends", "backends/<b>/gen", "backends/backendtest", "backends/chaintest", "backends/<b>/<b2>test", "generator/emit", "generator/schema", "generator/storage", "runtime/...", "out/..."}

func TestImports(t *testing.T) {
	for _, p := range load(t) {
		if !p.ours() {
			continue
		}
		may, ok := allowed(p.rel())
		if !ok {
			t.Errorf("%s has no row in the import table of docs/design.md §2", p.rel())
			continue
		}
		for kind, list := range map[string][]string{"": p.Imports, "in a test ": p.TestImports, "in an external test ": p.XTestImports} {
			for _, path := range list {
				rel, ours := strings.CutPrefix(path, module)
				rel = strings.TrimPrefix(rel, "/")
				external := kind == "in an external test " && (path == p.ImportPath || matchesAny(externalTests, rel))
				if ours && !external && !matchesAny(may, rel) {
					t.Errorf("%s must not %simport %s; it may import %q of ours: docs/design.md §2", p.rel(), kind, rel, may)
				}
			}
		}
	}
}

// allowed returns what the package at rel may import, with the names of its
// row filled in.
func allowed(rel string) (may []string, ok bool) {
	for _, row := range imports {
		re := compile(row.from)
		found := re.FindStringSubmatch(rel)
		if found == nil {
			continue
		}
		for _, m := range row.may {
			for i, name := range re.SubexpNames() {
				if name != "" {
					m = strings.ReplaceAll(m, "<"+name+">", found[i])
				}
			}
			may = append(may, m)
		}
		return may, true
	}
	return nil, false
}

func matchesAny(patterns []string, rel string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return compile(p).MatchString(rel) })
}

func compile(pattern string) *regexp.Regexp {
	s := strings.ReplaceAll(pattern, "/...", "(?:/.*)?")
	s = regexp.MustCompile(`<(\w+)>`).ReplaceAllString(s, `(?P<$1>[^/]+)`)
	return regexp.MustCompile("^" + s + "$")
}

// TestImportTable proves the matching, without which TestImports could pass on
// anything.
func TestImportTable(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"runtime", "runtime/wire", true},
		{"runtime/wire", "generator", false},
		{"generator/schema", "schemas/prism/v1", true},
		{"generator/schema", "number", true},
		{"number", "runtime/wire", false},
		{"generator", "runtime/wire", false},
		{"generator", "backends", false},
		{"generator", "out/contract/shop/v1", false},
		{"backends", "backends/sqlite/gen", true},
		{"backends", "backends/sqlite", false},
		{"backends/sqlite", "backends/sqlite/gen", false},
		{"backends/sqlite/gen", "backends/sqlite", false},
		{"backends/sqlite/gen", "backends/postgres/gen", false},
		{"backends/backendtest", "backends/sqlite", false},
		{"out/shop/proxy/server", "out/shop/proxy/shop/v1/order", true},
		{"out/shop/proxy/server", "out/contract/shop/v1", false},
		{"out/shop/proxy", "out/other/proxy/server", false},
		{"out/shop/proxy/server", "schemas/shop/migrations/orders", true},
		{"out/shop/proxy/server", "schemas/prism/v1", false},
		{"examples/demo", "out/shop/proxy/server", false},
		{"bench", "cmd/prism", false},
	}
	for _, tt := range tests {
		may, ok := allowed(tt.from)
		if got := ok && matchesAny(may, tt.to); got != tt.want {
			t.Errorf("%s may import %s = %t, want %t", tt.from, tt.to, got, tt.want)
		}
	}
}

// The first table of docs/dependencies.md is go.mod's direct requirements, and
// a module is imported where its line says and nowhere else.
func TestDependencies(t *testing.T) {
	documented := dependencies(t)
	direct, _ := requirements(t, "go.mod")
	for _, path := range direct {
		if _, ok := documented[path]; !ok {
			t.Errorf("go.mod requires %s; docs/dependencies.md has no line for it", path)
		}
	}
	for path := range documented {
		if !slices.Contains(direct, path) {
			t.Errorf("docs/dependencies.md has a line for %s; go.mod does not require it directly", path)
		}
	}

	packages := load(t)
	for _, p := range packages {
		if !p.ours() {
			continue
		}
		for _, imported := range p.Imports {
			target := packages[imported]
			if target.Standard || target.ours() {
				continue
			}
			by := documented[target.Module.Path].importedBy
			if !slices.Contains(by, "anything") && !slices.ContainsFunc(by, func(folder string) bool {
				return compile(strings.ReplaceAll(folder, "*", "<x>") + "/...").MatchString(p.rel())
			}) {
				t.Errorf("%s must not import %s; docs/dependencies.md: imported by %q", p.rel(), imported, by)
			}
		}
	}
}

func TestTools(t *testing.T) {
	documented, tools := documentedTools(t), []string{}
	required, programs := requirements(t, "tools.mod")
	for _, program := range programs {
		i := slices.IndexFunc(required, func(m string) bool { return strings.HasPrefix(program, m+"/") })
		tools = append(tools, required[i])
	}
	slices.Sort(tools)
	if !slices.Equal(documented, tools) {
		t.Errorf("docs/dependencies.md has the tools %q, tools.mod %q", documented, tools)
	}
}

// A proxy contains the backends and drivers of its prism.yaml and no others.
func TestProxyHoldsOnlyItsBackends(t *testing.T) {
	deployments := 0
	walk(t, "schemas", func(file string) {
		if path.Base(file) != "prism.yaml" {
			return
		}
		deployments++
		var d struct {
			Deployment string
			Namespaces []struct{ Backend string }
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		proxy := "./out/" + d.Deployment + "/proxy"
		linked := deps(t, proxy)
		used := map[string]bool{}
		for _, n := range d.Namespaces {
			used["backends/"+n.Backend] = true
		}
		for backend := range used {
			if _, ok := linked[module+"/"+backend]; !ok {
				t.Errorf("%s does not contain %s, which %s names", proxy, backend, file)
			}
		}
		for _, p := range linked {
			if p.ImportPath == "testing" || p.ours() && strings.HasSuffix(p.rel(), "test") {
				t.Errorf("%s contains %s, which is for tests", proxy, p.ImportPath)
			}
			if p.ours() && strings.HasPrefix(p.rel(), "backends/") && !used[p.rel()] {
				t.Errorf("%s contains %s, which %s does not name", proxy, p.rel(), file)
			}
			if backend := driverOf(t, p); backend != "" && !used[backend] {
				t.Errorf("%s contains %s, the driver of %s, which %s does not name", proxy, p.ImportPath, backend, file)
			}
		}
	})
	if deployments == 0 {
		t.Error("no prism.yaml under schemas")
	}
}

func TestPluginHoldsNoDriver(t *testing.T) {
	for _, p := range deps(t, "./protoc-gen-prism") {
		if backend := driverOf(t, p); backend != "" {
			t.Errorf("protoc-gen-prism contains %s, the driver of %s", p.ImportPath, backend)
		}
		if p.ours() && strings.HasPrefix(p.rel(), "runtime") {
			t.Errorf("protoc-gen-prism contains %s", p.rel())
		}
	}
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath                         string
	Standard                           bool
	Module                             struct{ Path string }
	Imports, TestImports, XTestImports []string
}

func (p pkg) ours() bool { return p.Module.Path == module }

// rel is the package's folder, "" for the root.
func (p pkg) rel() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// load returns every package of the module and all that they and their tests
// depend on, by import path.
func load(t *testing.T) map[string]pkg {
	t.Helper()
	packages, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

var loaded = sync.OnceValues(func() (map[string]pkg, error) { return list("-deps", "-test", "./...") })

// deps returns the package at path and all that it depends on.
func deps(t *testing.T, path string) map[string]pkg {
	t.Helper()
	packages, err := list("-deps", path)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func list(args ...string) (map[string]pkg, error) {
	out, err := goCommand(append([]string{"list", "-json=ImportPath,Standard,Module,Imports,TestImports,XTestImports"}, args...)...)
	if err != nil {
		return nil, err
	}
	packages := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := d.Decode(&p); {
		case err == io.EOF:
			return packages, nil
		case err != nil:
			return nil, err
		}
		// A package built for a test is listed as "p [p.test]" beside p.
		if !strings.HasSuffix(p.ImportPath, ".test") && !strings.Contains(p.ImportPath, " ") {
			packages[p.ImportPath] = p
		}
	}
}

// requirements returns the direct requirements and the tools of a go.mod file.
func requirements(t *testing.T, file string) (direct, tools []string) {
	t.Helper()
	// go test's cache sees what this process touches, not what go mod reads.
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	out, err := goCommand("mod", "edit", "-json", file)
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		// Whatever a tools.mod requires is marked indirect.
		if !r.Indirect || len(mod.Tool) > 0 {
			direct = append(direct, r.Path)
		}
	}
	for _, tool := range mod.Tool {
		tools = append(tools, tool.Path)
	}
	return direct, tools
}

func goCommand(args ...string) ([]byte, error) {
	out, err := exec.Command("go", args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, errors.New("go " + strings.Join(args, " ") + ":\n" + string(exit.Stderr))
	}
	return out, err
}

// dependency is a line of docs/dependencies.md.
type dependency struct {
	importedBy []string
	driver     bool
}

func dependencies(t *testing.T) map[string]dependency {
	t.Helper()
	found := map[string]dependency{}
	for _, cells := range tableRows(t, "docs/dependencies.md", 5) {
		by := strings.Fields(strings.ReplaceAll(cells[1], "`", ""))
		found[cells[0]] = dependency{by, strings.HasPrefix(cells[2], "driver: ")}
	}
	return found
}

// driverOf returns the folder of the backend whose driver p belongs to, or "".
func driverOf(t *testing.T, p pkg) string {
	t.Helper()
	if d := dependencies(t)[p.Module.Path]; d.driver {
		return d.importedBy[0]
	}
	return ""
}

func documentedTools(t *testing.T) []string {
	t.Helper()
	var tools []string
	for _, cells := range tableRows(t, "docs/dependencies.md", 4) {
		tools = append(tools, cells[0])
	}
	slices.Sort(tools)
	return tools
}

// tableRows returns the rows of a Markdown file's tables that have n cells and
// begin with code, which stands there without its backticks.
func tableRows(t *testing.T, file string, n int) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if strings.HasPrefix(line, "| `") && len(cells) == n {
			cells[0] = strings.Trim(cells[0], "`")
			rows = append(rows, cells)
		}
	}
	return rows
}

// walk calls visit for every file below root, by its path with slashes, but
// for hidden folders, test data and what is built.
func walk(t *testing.T, root string, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || name == "bin"):
			return fs.SkipDir
		case !d.IsDir():
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
