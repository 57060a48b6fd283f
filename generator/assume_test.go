package generator_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

const cart = `syntax = "proto3";
package shop.v1;
import "prism/v1/options.proto";
option go_package = "example.com/carts/gen";
message Cart {
  option (prism.v1.entity).namespace = "carts";
  option (prism.v1.entity).key_value = {};
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
}
`

// compile compiles the deployment at place, whose imports begin in schemas.
func compile(t *testing.T, fsys fs.FS, place string) (*generator.Output, []schema.Diagnostic) {
	t.Helper()
	return generator.Compile(fsys, place, func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
		own, err := fs.Sub(fsys, "schemas")
		if err != nil {
			t.Fatal(err)
		}
		if packages == nil {
			if packages, err = source.Annotated(own); err != nil {
				t.Fatal(err)
			}
		}
		return source.Compile(t.Context(), own, packages)
	}, backends.All(), backends.TestKit())
}

// told returns the errors among faults, one a line.
func told(faults []schema.Diagnostic) string {
	var errors []string
	for _, f := range faults {
		if f.Severity == schema.Error {
			errors = append(errors, f.String())
		}
	}
	return strings.Join(errors, "\n")
}

// A folder without prism.yaml is refused where one may have been forgotten,
// mistyped or lost, and where it is not clear what it should say.
func TestAssumedRefusals(t *testing.T) {
	generated, _ := compile(t, fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/shop\n")}, "schemas/cart.proto": {Data: []byte(cart)},
	}, "schemas")
	lock := ""
	for _, f := range generated.Files {
		if f.Path == "schemas/prism.lock.json" {
			lock = string(f.Content)
		}
	}
	tests := []struct {
		name, file, text string // what the module has besides
		want             string // "": it is accepted
	}{
		{"nothing else", "README.md", "", ""},
		{"its own lock", "schemas/prism.lock.json", lock, ""},
		{"an entity of the same package", "schemas/other.proto", strings.NewReplacer("Cart", "Other").Replace(cart), ""},
		{"a file of another package without options", "schemas/other.proto", "syntax = \"proto3\"; package other; import \"nowhere.proto\";", ""},
		{"a deployment of somebody else's module", "vendor/x/prism.yaml", "", ""},
		{"a deployment in test data", "x/testdata/prism.yaml", "", ""},
		{"a deployment in a hidden folder", ".cache/prism.yaml", "", ""},
		{"a deployment among node's modules", "node_modules/x/prism.yaml", "", ""},
		{"a deployment of a module inside", "inner/go.mod", "module x", ""},
		{"a deployment beside", "schemas/shop/prism.yaml", "", "the folder has no prism.yaml, and schemas/shop/prism.yaml is there"},
		{"a deployment above", "prism.yaml", "", "the folder has no prism.yaml, and prism.yaml is there"},
		{"a deployment elsewhere", "other/prism.yaml", "", "the folder has no prism.yaml, and other/prism.yaml is there"},
		{"a history beside", "schemas/shop/prism.lock.json", "", "the folder has no prism.yaml, and schemas/shop/prism.lock.json is there"},
		{"another extension", "schemas/prism.yml", "", "the folder has a prism.yml"},
		{"a lock of another name", "schemas/prism.lock.json", strings.ReplaceAll(lock, `"shop"`, `"store"`), "the prism.yaml that schemas/prism.lock.json was made with is gone"},
		{"a lock on another store", "schemas/prism.lock.json", strings.ReplaceAll(lock, `"sqlite"`, `"postgres"`), "the prism.yaml that schemas/prism.lock.json was made with is gone"},
		{"a lock that is none", "schemas/prism.lock.json", "{", "PRISM4010 [lock.format] "},
		{"migrations without lock", "schemas/migrations/carts/0001_init_expand.up.sql", "", "PRISM4010 [lock.format] the file is gone"},
		{"two packages", "schemas/other.proto", strings.NewReplacer("shop.v1", "other.v1", "Cart", "Other").Replace(cart), "packages other.v1 and shop.v1 have entities"},
		{"no entity", "schemas/cart.proto", "syntax = \"proto3\"; package shop.v1; message Cart {}", "no message of a .proto file in the folder is an entity"},
		{"options without their import", "schemas/cart.proto", strings.Replace(cart, "import", "// import", 1), `cart.proto:6:10: PRISM3001 [option.unknown] message shop.v1.Cart: unknown extension prism.v1.entity; every option is one that this compiler knows; write import "prism/v1/options.proto";`},
		{"no package", "schemas/cart.proto", strings.Replace(cart, "package", "// package", 1), "the entities are in no package"},
		{"no module", "go.mod", "", "go.mod: it names no module"},
		{"a faulty schema", "schemas/cart.proto", strings.Replace(cart, `"carts"`, `"Carts"`, 1), `cart.proto:6:3: PRISM2015 [namespace.name] namespace is "Carts"`},
		{"what prism.yaml would be told", "go.mod", "module example.com/../shop\n", "schemas: PRISM5036"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"go.mod": {Data: []byte("module example.com/shop\n")}, "schemas/cart.proto": {Data: []byte(cart)}, "inner/prism.yaml": {},
			}
			if tt.file != "inner/go.mod" {
				delete(fsys, "inner/prism.yaml")
			}
			fsys[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			out, faults := compile(t, fsys, "schemas")
			switch told := told(faults); {
			case tt.want == "" && (out == nil || len(faults) != 1 || faults[0].Number != 5039):
				t.Errorf("faults %v, want a warning that prism.yaml is assumed", faults)
			case tt.want != "" && (out != nil || strings.Contains(told, "\n") || !strings.Contains(told, tt.want)):
				t.Errorf("faults %s, want one of %q", told, tt.want)
			}
		})
	}
}

// A deployment is named after its folder, as the module has it: not after where
// the module stands on a machine.
func TestAssumedName(t *testing.T) {
	for _, tt := range []struct{ module, dir, want string }{
		{"example.com/notes", "schemas", "notes"},
		{"example.com/notes", ".", "notes"},
		{"example.com/notes/v2", "schemas", "notes"},
		{"example.com/notes", "schemas/big-shop", "bigshop"},
		{"example.com/notes", "schemas/shop/v1", "shop"},
		{"example.com/notes", "db/schemas", "db"},
		{"example.com/notes", "schemas/contract", "app"},
		{"example.com/notes", "3", "app"},
		{"schemas", ".", "schemas"},
	} {
		if got := generator.AssumedName(tt.module, tt.dir); got != tt.want {
			t.Errorf("folder %s of module %s is deployment %s, want %s", tt.dir, tt.module, got, tt.want)
		}
	}
}

// With another import path every go_package would count as the user's own, and
// the files would be those of a module that is not there.
func TestImportPath(t *testing.T) {
	fsys := fstest.MapFS{"schemas/cart.proto": {Data: []byte(cart)}, "schemas/prism.yaml": {Data: []byte(`deployment: shop
import_path: example.com/store
packages: [shop.v1]
namespaces: [{name: carts, backend: sqlite}]
`)}}
	const want = `schemas/prism.yaml:2:14: PRISM5036 [deployment.import_path] import_path is "example.com/store", and go.mod says "example.com/shop"; ` +
		"import_path is the Go import path of the module's root; write example.com/shop"
	for _, tt := range []struct{ name, mod, want string }{
		{"of another module", "module example.com/shop\n", want},
		{"of this module", "module example.com/store\n", ""},
		{"of no module", "", ""},
	} {
		delete(fsys, "go.mod")
		if tt.mod != "" {
			fsys["go.mod"] = &fstest.MapFile{Data: []byte(tt.mod)}
		}
		out, faults := compile(t, fsys, "schemas/prism.yaml")
		if got := told(faults); (out == nil) != (tt.want != "") || got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A folder without prism.yaml gives the files that it gives with the one that
// was assumed.
func TestAssumedFiles(t *testing.T) {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/shop\n")}, "schemas/cart.proto": {Data: []byte(cart)}}
	assumed, _ := compile(t, fsys, "schemas")
	fsys["schemas/prism.yaml"] = &fstest.MapFile{Data: []byte(`deployment: shop
import_path: example.com/shop
packages: [shop.v1]
namespaces: [{name: carts, backend: sqlite}]
`)}
	for _, place := range []string{"schemas", "schemas/prism.yaml"} {
		written, faults := compile(t, fsys, place)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if diff := cmp.Diff(written.Files, assumed.Files); diff != "" {
			t.Errorf("(-%s +assumed):\n%s", place, diff)
		}
	}
}
