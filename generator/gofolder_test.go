package generator_test

import (
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/generator/schema"
)

// Go has one package in a folder: two deployments whose files stand in one folder
// are refused, whether they are compiled together or one was written before.
func TestTwoGoPackagesInOneFolder(t *testing.T) {
	entity := func(pkg, option string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("syntax = \"proto3\";\n\npackage " + pkg + ";\n\nimport \"prism/v1/options.proto\";\n" + option + `
message Item {
  option (prism.v1.entity).namespace = "items";
  option (prism.v1.entity).key_value = {};
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
}
`)}
	}
	config := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("deployment: " + name + "\nimport_path: example.com/shop\npackages: [" + name + ".v1]\nnamespaces: [{name: items, backend: memory}]\n")}
	}
	const rule = "; the files of a folder have the go_package <import_path>/out/contract/<folder> if Prism generates their messages, and one outside out/contract if you do; " +
		"move the file to a folder that no other proto package has, such as cart/v1; if the other package had that name before, delete out/contract and generate all deployments"
	const other = "PRISM5003 [go.package] cart.proto generates Go package cartv1 into out/contract, where another deployment has package stockv1" + rule
	for _, tt := range []struct{ name, path, option, want string }{
		{"in the root", "cart.proto", "", "cart.proto:3:1: " + other},
		{"in the root, with an option", "cart.proto", `option go_package = "example.com/shop/out/contract;cartv1";`, "cart.proto:6:1: " + other},
		{"in a folder", "cart/cart.proto", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"go.mod":               {Data: []byte("module example.com/shop\n")},
				"schemas/stock.proto":  entity("stock.v1", ""),
				"schemas/" + tt.path:   entity("cart.v1", tt.option),
				"deploy/a/prism.yaml":  config("cart"),
				"deploy/b/prism.yaml":  config("stock"),
				"out/contract/go.json": {Data: []byte("package x")},
			}
			cart, faults := compile(t, fsys, "deploy/a/prism.yaml")
			if cart == nil {
				t.Fatal(told(faults))
			}
			stock, faults := compile(t, fsys, "deploy/b/prism.yaml")
			if stock == nil {
				t.Fatal(told(faults))
			}
			if got := told(cart.Beside(stock)); got != tt.want {
				t.Errorf("together: got %s, want %s", got, tt.want)
			}
			for _, f := range stock.Files {
				fsys[f.Path] = &fstest.MapFile{Data: f.Content}
			}
			again, faults := compile(t, fsys, "deploy/a/prism.yaml")
			if got := told(faults); got != tt.want || (again == nil) != schema.HasError(faults) {
				t.Errorf("behind the other: got %s, want %s", got, tt.want)
			}
			// What it has written itself, and writes anew, is in nobody's way.
			if again, faults = compile(t, fsys, "deploy/b/prism.yaml"); again == nil {
				t.Errorf("again: %s", told(faults))
			}
		})
	}
}
