package generator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/ncruces/go-sqlite3"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// verifier checks what the compiler writes without writing it to disk.
type verifier struct {
	// exported imports the compiled packages that generated code may import:
	// what the shop's proxy and contract import.
	exported types.Importer
	db       *sqlite3.Conn
}

func newVerifier(t testing.TB) *verifier {
	t.Helper()
	const module = "github.com/prism-proxy/prism"
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export",
		module+"/out/shop/proxy", module+"/out/contract/shop/v1", module+"/backends/memory", module+"/backends/postgres",
		module+"/out/shop/shoptest", "google.golang.org/genproto/googleapis/type/date")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.ImportPath, module+"/out/") {
			files[p.ImportPath] = p.Export
		}
	}
	db, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &verifier{importer.ForCompiler(token.NewFileSet(), "gc", func(importPath string) (io.ReadCloser, error) {
		file, ok := files[importPath]
		if !ok {
			return nil, fmt.Errorf("generated code may not import %s", importPath)
		}
		return os.Open(file)
	}), db}
}

// verify compiles h and reports whether it was accepted. What is accepted must
// be sound; what is refused must say where.
func (v *verifier) verify(t *testing.T, h hostile, imports []*descriptorpb.FileDescriptorProto) bool {
	t.Helper()
	out, faults := h.compile(imports)
	for _, f := range faults {
		line := f.String()
		if f.File == "" || f.What == "" || f.Number == 0 || f.Fix == "" || strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("a diagnostic without place, or not in one line: %q", line)
		}
	}
	if out == nil {
		if !schema.HasError(faults) {
			t.Error("refused without an error")
		}
		return false
	}
	for _, f := range out.Files {
		if err := place(f.Path); err != nil {
			t.Error(err)
		}
	}
	if err := v.goFiles(out.Files); err != nil {
		t.Error(err)
	}
	if err := v.sqlFiles(out.Files); err != nil {
		t.Error(err)
	}
	return true
}

// place says whether a file stands where the compiler may write.
func place(name string) error {
	if !filepath.IsLocal(name) || path.Clean(name) != name {
		return fmt.Errorf("path %q", name)
	}
	for _, prefix := range []string{"out/app/", "out/contract/", "schemas/migrations/", "schemas/prism.lock.json"} {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	return fmt.Errorf("path %q is nowhere that the compiler may write", name)
}

// goFiles parses and type-checks every Go package.
func (v *verifier) goFiles(files []emit.File) error {
	fset := token.NewFileSet()
	packages := map[string][]*ast.File{}
	for _, f := range files {
		if path.Ext(f.Path) != ".go" {
			continue
		}
		parsed, err := parser.ParseFile(fset, f.Path, f.Content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if err := directives(parsed); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		folder := path.Join("example.com/app", path.Dir(f.Path))
		packages[folder] = append(packages[folder], parsed)
	}
	checked := map[string]*types.Package{}
	reflected, err := v.exported.Import("google.golang.org/protobuf/reflect/protoreflect")
	if err != nil {
		return err
	}
	for _, pkg := range foreign(reflected) {
		checked[pkg.Path()] = pkg
	}
	var check func(importPath string) (*types.Package, error)
	check = func(importPath string) (*types.Package, error) {
		if checked[importPath] != nil {
			return checked[importPath], nil
		}
		if packages[importPath] == nil {
			return v.exported.Import(importPath)
		}
		config := types.Config{Importer: importFunc(check)}
		pkg, err := config.Check(importPath, fset, packages[importPath], nil)
		checked[importPath] = pkg
		return pkg, err
	}
	for folder := range packages {
		if _, err := check(folder); err != nil {
			return err
		}
	}
	return nil
}

type importFunc func(string) (*types.Package, error)

func (f importFunc) Import(importPath string) (*types.Package, error) { return f(importPath) }

// foreign are the Go packages of files of which the compiler makes none, as their
// owners would have them.
func foreign(reflected *types.Package) []*types.Package {
	var all []*types.Package
	for _, p := range []struct{ path, name, messages string }{
		{"example.com/app/other", "other", "Other"},
		{"example.com/app/gen/geo", "geo", "Point"},
		{"example.com/app/gen/fleet/v1", "fleetv1", "PodSpec Version"},
		{"example.com/app/internal/gen/billing/v1", "billingv1", "Invoice"},
	} {
		pkg := types.NewPackage(p.path, p.name)
		for _, m := range strings.Fields(p.messages) {
			name := types.NewTypeName(token.NoPos, pkg, m, nil)
			named := types.NewNamed(name, types.NewStruct(nil, nil), nil)
			message := types.NewVar(token.NoPos, pkg, "", reflected.Scope().Lookup("Message").Type())
			named.AddMethod(types.NewFunc(token.NoPos, pkg, "ProtoReflect", types.NewSignatureType(
				types.NewVar(token.NoPos, pkg, "x", types.NewPointer(named)), nil, nil, nil, types.NewTuple(message), false)))
			pkg.Scope().Insert(name)
		}
		if p.name == "billingv1" {
			name := types.NewTypeName(token.NoPos, pkg, "Invoice_State", nil)
			types.NewNamed(name, types.Typ[types.Int32], nil)
			pkg.Scope().Insert(name)
		}
		pkg.MarkComplete()
		all = append(all, pkg)
	}
	return all
}

// acted matches the comments that a tool acts upon.
var acted = regexp.MustCompile(`^(//(go:|line |export |extern )|/\*line |// ?\+build|//\s*#cgo|//nolint|//lint:)`)

// own matches the compiler's own directives.
var own = regexp.MustCompile(strings.ReplaceAll(`^//go:embed (contract\.txt|migration( migration)*)$`, "migration", `(acme|billing|boxes|fleet|notes)/[0-9]{4}_\w+\.up\.sql`))

// directives refuses every directive but the compiler's own.
func directives(f *ast.File) error {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if acted.MatchString(c.Text) && !own.MatchString(c.Text) {
				return fmt.Errorf("directive %s", c.Text)
			}
			if strings.ContainsFunc(c.Text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf) }) {
				return fmt.Errorf("comment %q", c.Text)
			}
		}
	}
	return nil
}

// sqlFiles runs the migrations for SQLite as one database has them.
func (v *verifier) sqlFiles(files []emit.File) (err error) {
	if err := v.db.Exec("BEGIN"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.db.Exec("ROLLBACK")) }()
	for _, f := range files {
		if path.Ext(f.Path) != ".sql" || !bytes.Contains(f.Content[:200], []byte(", on sqlite.")) {
			continue
		}
		if err := v.db.Exec(string(f.Content)); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}
