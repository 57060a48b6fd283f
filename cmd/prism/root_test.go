package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// Schemas are in proto, as for other tools, their imports in a separate folder,
// and two deployments over one root wherever their owners keep them.
func TestRoot(t *testing.T) {
	binary, dir := compiler(t), t.TempDir()
	file := func(name, text string) { write(t, filepath.Join(dir, filepath.FromSlash(name)), text) }
	entity := func(pkg, name, more string) string {
		return `syntax = "proto3";

package ` + pkg + `;

import "google/type/money.proto";
import "prism/v1/options.proto";
import "vendor_api/geo.proto";

message ` + name + ` {
  option (prism.v1.entity).namespace = "` + strings.ToLower(name) + `s";
  option (prism.v1.entity).key_value = {};
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
  google.type.Money price = 2;
  vendor_api.Point place = 3;
` + more + `}
`
	}
	config := func(name, pkg, namespace, more string) string {
		return "deployment: " + name + "\nimport_path: example.com/app\nroot: proto\nimport_paths: [third_party]\n" +
			"go_packages: {vendor_api/geo.proto: example.com/app/gen/geo}\npackages: [" + pkg + "]\n" + more +
			"namespaces:\n  - {name: " + namespace + ", backend: sqlite}\n"
	}
	file("go.mod", "module example.com/app\n")
	file("proto/cart/v1/cart.proto", entity("cart.v1", "Cart", ""))
	file("proto/stock/v1/item.proto", entity("stock.v1", "Item", ""))
	file("third_party/vendor_api/geo.proto", "syntax = \"proto3\";\npackage vendor_api;\nmessage Point {}\n")
	file("deploy/cart/prism.yaml", config("cart", "cart.v1", "carts", ""))
	file("deploy/stock/prism.yaml", config("stock", "stock.v1", "items", ""))

	contains(t, "generate", command(t, dir, binary, "generate"), "wrote ", "out/cart", "out/stock", "out/contract")
	command(t, dir, binary, "generate", "--check")
	contains(t, "the Go of a message", read(t, filepath.Join(dir, "out/contract/cart/v1/cart.pb.go")),
		`"example.com/app/gen/geo"`, `"google.golang.org/genproto/googleapis/type/money"`)
	contains(t, "the lock", read(t, filepath.Join(dir, "deploy/cart/prism.lock.json")), `"name": "cart.v1.Cart"`)

	file("proto/flat_cart.proto", "syntax = \"proto3\";\npackage flat.cart;\n"+strings.SplitN(entity("cart.v1", "Cart", ""), "\n", 4)[3])
	file("proto/flat_item.proto", "syntax = \"proto3\";\npackage flat.item;\n"+strings.SplitN(entity("stock.v1", "Item", ""), "\n", 4)[3])
	file("deploy/cart/prism.yaml", config("cart", "flat.cart", "carts", ""))
	file("deploy/stock/prism.yaml", config("stock", "flat.item", "items", ""))
	contains(t, "two Go packages in a folder", fails(t, dir, binary, "check"),
		"proto/flat_item.proto:2:1: PRISM5003 [go.package] flat_item.proto generates Go package flatitem into out/contract, where another deployment has package flatcart; ")
	file("deploy/cart/prism.yaml", config("cart", "cart.v1", "carts", ""))
	file("deploy/stock/prism.yaml", config("stock", "stock.v1", "items", ""))

	for _, tt := range []struct{ name, path, text, want string }{
		{"a fault in the schema", "proto/cart/v1/cart.proto", entity("cart.v1", "Cart", "  Missing m = 4;\n"), "proto/cart/v1/cart.proto:15:3: PRISM5008 [proto.language] field cart.v1.Cart.m: unknown type Missing"},
		{"a root that is not there", "deploy/cart/prism.yaml", strings.Replace(config("cart", "cart.v1", "carts", ""), "root: proto", "root: protos", 1), "deploy/cart/prism.yaml:3:7: PRISM5033 [yaml.type] protos is not a folder of the module; "},
		{"a fault in an import", "third_party/vendor_api/geo.proto", "syntax = \"proto3\";\npackage vendor_api;\nmessage Point { Nothing n = 1; }\n", "third_party/vendor_api/geo.proto:3:17: "},
		{"an import that is nowhere", "proto/cart/v1/cart.proto", strings.Replace(entity("cart.v1", "Cart", ""), "vendor_api/geo", "buf/validate/validate", 1),
			"proto/cart/v1/cart.proto:7:8: PRISM5006 [import.missing] buf/validate/validate.proto is not in proto, third_party, and does not come with the compiler; "},
		{"a folder that is not there", "deploy/cart/prism.yaml", strings.Replace(config("cart", "cart.v1", "carts", ""), "third_party", "vendored", 1), "deploy/cart/prism.yaml:4:16: PRISM5033 [yaml.type] vendored is not a folder of the module; "},
		{"a folder outside", "deploy/cart/prism.yaml", strings.Replace(config("cart", "cart.v1", "carts", ""), "third_party", "../x", 1), "deploy/cart/prism.yaml:4:16: PRISM5033 [yaml.type] ../x is not a folder of the module; "},
	} {
		before := read(t, filepath.Join(dir, filepath.FromSlash(tt.path)))
		file(tt.path, tt.text)
		contains(t, tt.name, fails(t, dir, binary, "check"), tt.want)
		file(tt.path, before)
	}
}
