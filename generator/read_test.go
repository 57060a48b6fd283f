package generator_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

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
		return source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: own}}, packages)
	}, backends.All(), backends.TestKit(), generator.Command{})
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

// With another import path every go_package would count as the user's own, and
// the files would be those of a module that is not there.
func TestImportPath(t *testing.T) {
	fsys := fstest.MapFS{"schemas/cart.proto": {Data: []byte(cart)}, "schemas/prism.yaml": {Data: []byte(`deployment: shop
import_path: example.com/store
packages: [shop.v1]
namespaces: [{name: carts, backend: sqlite}]
`)}}
	const want = `schemas/prism.yaml:2:14: PRISM5036 [deployment.import_path] import_path is "example.com/store", but go.mod says "example.com/shop"; ` +
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

// A deployment is compiled from its prism.yaml, however it is named; none is made
// up where it is missing.
func TestNoConfig(t *testing.T) {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/shop\n")}, "schemas/cart.proto": {Data: []byte(cart)}}
	const want = "schemas/prism.yaml: PRISM5040 [yaml.needed] the file does not exist; a deployment has a prism.yaml; " +
		"correct the path, write the file, or run prism generate, which writes the first one of a module"
	for _, place := range []string{"schemas", "schemas/prism.yaml"} {
		if out, faults := compile(t, fsys, place); out != nil || told(faults) != want {
			t.Errorf("%s: got %s, want %s", place, told(faults), want)
		}
	}
	fsys["schemas/prism.yaml"] = &fstest.MapFile{Data: []byte(`deployment: shop
import_path: example.com/shop
packages: [shop.v1]
namespaces: [{name: carts, backend: sqlite}]
`)}
	for _, place := range []string{"schemas", "schemas/prism.yaml"} {
		if out, faults := compile(t, fsys, place); out == nil || len(faults) > 0 {
			t.Errorf("%s: faults %v", place, faults)
		}
	}
}
