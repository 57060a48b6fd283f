package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// numbers returns the rules that faults are of.
func numbers(faults []schema.Diagnostic) []int {
	all := []int{}
	for _, f := range faults {
		all = append(all, f.Number)
	}
	return all
}

// What stands in go_package becomes an import path and a package's name in Go.
func TestGoPackages(t *testing.T) {
	const own = "example.com/shop/out/contract/shop/v1"
	tests := []struct {
		option, imported string // go_package of the schema's file and of one that it imports
		want             []int
	}{
		{own + ";shopv1", "example.com/other", []int{}},
		{own + ";main", "example.com/other/main;other", []int{}},
		{own + ";internals", "example.com/internals", []int{}},
		{own + ";func", "example.com/other", []int{1007}},
		{own + ";shopv1", "example.com/other;select", []int{1007}},
		{own + ";shopv1", "example.com/other/internal", []int{1007}},
		{own + ";shopv1", "example.com/shop/internal/gen/other", []int{}},
		{own + ";shopv1", "example.com/shop/out/internal", []int{}},
		{own + ";shopv1", "example.com/shop/gen/internal/other", []int{1007}},
		{own + ";shopv1", "internal/other", []int{1007}},
		{own + ";shopv1", "example.com/testdata/other", []int{}},
		{own + ";shopv1", "vendor/other", []int{1007}},
		{own + ";_", "example.com/other", []int{5002}},
		{own + ";1st", "example.com/other", []int{5002}},
		{own + ";", "example.com/other", []int{5002}},
		{own + ";shop-v1", "example.com/other", []int{5002}},
		{own + ";shopv1", "other", []int{5002}},
		{own + ";shopv1", "", []int{5002}},
		{own + ";shopv1", "/other", []int{5002}},
		{own + ";shopv1", "example.com/o ther", []int{5002}},
		{own + ";shopv1", "example.com/other;o;p", []int{5002}},
		{own + ";shopv1", "example.com/../other", []int{5001}},
	}
	for _, tt := range tests {
		with := func(option, text string) string { return fmt.Sprintf("option go_package = %q;\n%s", option, text) }
		_, faults := readFiles(t, config, map[string]string{
			"order.proto":              file(with(tt.option, `import "shop/v1/other/other.proto";`+"\n"+order)),
			"other/other.proto":        `syntax = "proto3"; package other; ` + with(tt.imported, "message Other {}"),
			"other/unused/other.proto": `syntax = "proto3"; package other; option go_package = "x";`,
		})
		if got := numbers(faults); !slices.Equal(got, tt.want) {
			t.Errorf("%q and imported %q: rules %v, want %v\n%s", tt.option, tt.imported, got, tt.want, lines(faults))
		}
	}
}

// The Go package of a file that is not the user's to edit is in prism.yaml; what
// no generated Go imports needs none.
func TestImportedGoPackages(t *testing.T) {
	const uses, plain = "  other.Other other = 2;\n", ""
	for _, tt := range []struct {
		name, field, more string
		want              []int
	}{
		{"none", uses, "", []int{5002}},
		{"none, of a message that is not used: Go imports it nevertheless", plain, "", []int{5002}},
		{"mapped", uses, "go_packages: {shop/v1/other/other.proto: example.com/other}\n", []int{}},
		{"mapped with a name", uses, "go_packages: {shop/v1/other/other.proto: 'example.com/other;o'}\n", []int{}},
		{"mapped to a relative one", uses, "go_packages: {shop/v1/other/other.proto: ./other}\n", []int{5002}},
		{"mapped to one that leaves its folder", uses, "go_packages: {shop/v1/other/other.proto: example.com/../other}\n", []int{5001}},
		{"mapped to a keyword", uses, "go_packages: {shop/v1/other/other.proto: 'example.com/other;func'}\n", []int{1007}},
		{"generated with the schema", uses, "packages: [shop.v1, other]\n", []int{}},
		{"without Go", uses, "contract: {go: false}\n", []int{}},
	} {
		config := config
		if strings.HasPrefix(tt.more, "packages") {
			config = strings.Replace(config, "packages: [shop.v1]\n", tt.more, 1)
		} else {
			config += tt.more
		}
		_, faults := readFiles(t, config, map[string]string{
			"order.proto":       file(`import "shop/v1/other/other.proto";` + "\n" + strings.Replace(order, "}\n", tt.field+"}\n", 1)),
			"other/other.proto": `syntax = "proto3"; package other; import "shop/v1/far/far.proto"; message Other { far.Far far = 1; }`,
			"far/far.proto":     `syntax = "proto3"; package far; option go_package = "example.com/far"; message Far {}`,
		})
		if got := numbers(faults); !slices.Equal(got, tt.want) {
			t.Errorf("%s: rules %v, want %v\n%s", tt.name, got, tt.want, lines(faults))
		}
	}
}

// A contract has a package of its own where nothing of the schema stands.
func TestContractPackages(t *testing.T) {
	option := func(pkg string) string { return fmt.Sprintf("option (prism.v1.file).contract_package = %q;\n", pkg) }
	for _, tt := range []struct {
		name, one, two string // of two files
		want           string
	}{
		{"one for both", option("shop.data.v1"), option("shop.data.v1"), ""},
		{"below the package", option("shop.v1.data"), option("shop.v1.data"), ""},
		{"in one file", option("shop.data.v1"), "", `contract_package of shop/v1/order.proto is "", but that of shop/v1/line.proto is "shop.data.v1"; `},
		{"two", option("shop.data.v1"), option("shop.data.v2"), `contract_package of shop/v1/order.proto is "shop.data.v2", but that of shop/v1/line.proto is "shop.data.v1"; `},
		{"in capitals", option("shop.Data"), option("shop.Data"), `is "shop.Data", which is no package for one; `},
		{"none", option("shop..v1"), option("shop..v1"), `is "shop..v1", which is no package for one; `},
		{"where Go does not look", option("shop.internal.v1"), option("shop.internal.v1"), `the contract of shop.v1.Order is in example.com/shop/out/contract/shop/internal/v1, and the test kit is in example.com/shop/out/shop/shoptest; `},
		{"of an import", option("google.protobuf"), option("google.protobuf"), `is "google.protobuf", which is the package of google/protobuf/`},
		{"in the folder of another package", option("shop.v1.carts"), option("shop.v1.carts"), `is "shop.v1.carts", which stands in the folder of shop/v1/carts/cart.proto; `},
		{"a message's name", option("cart.line"), option("cart.line"), `is "cart.line", which meets cart.line of shop/v1/carts/cart.proto; `},
	} {
		d, faults := readFiles(t, config, map[string]string{
			"line.proto":       file(tt.one + `import "shop/v1/carts/cart.proto"; message Line { cart.line l = 1; }`),
			"order.proto":      file(tt.two + order),
			"carts/cart.proto": `syntax = "proto3"; package cart; option go_package = "example.com/cart"; message line {}`,
		})
		if got := lines(faults); (d == nil) != (tt.want != "") || len(faults) > 1 || !strings.Contains(got, tt.want) {
			t.Errorf("%s:\ngot  %swant %s", tt.name, got, tt.want)
		}
	}
}

// What a table brings along never meets an index: that ends in _, as no name of a
// schema does.
func TestIndexesBesideOurNames(t *testing.T) {
	d, faults := read(t, config, strings.Replace(order, "  string id", `  option (prism.v1.entity).ttl = {seconds: 60};
  string version = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 20];
  int64 expires = 3 [(prism.v1.field).index = ORDERED];
  int64 pkey = 4 [(prism.v1.field).index = EQUALITY];
  int64 lastSeen = 5 [(prism.v1.field).index = EQUALITY];
  string id`, 1))
	if d == nil {
		t.Fatal(lines(faults))
	}
	var got []string
	for _, x := range d.Entities()[0].Indexes {
		got = append(got, x.Name+" "+x.SQLName+" "+x.Fields()[0].Column)
	}
	want := []string{"version orders_version_ version", "expires orders_expires_ expires", "pkey orders_pkey_ pkey", "lastSeen orders_last_seen last_seen"}
	if !slices.Equal(got, want) {
		t.Errorf("indexes %v, want %v", got, want)
	}
}

// A proto package becomes a folder of Go, of another name where that would mean
// something to Go.
func TestPackageFolders(t *testing.T) {
	for pkg, want := range map[string][]int{
		"shop.v1": {}, "shop.main": {}, "internals": {},
		"shop.internal": {}, "internal.v1": {}, "shop.vendor.v1": {}, "testdata": {},
	} {
		_, faults := readFiles(t, strings.Replace(config, "[shop.v1]", "["+pkg+"]", 1),
			map[string]string{"order.proto": strings.Replace(file(order), "package shop.v1", "package "+pkg, 1)})
		if got := numbers(faults); !slices.Equal(got, want) {
			t.Errorf("package %s: rules %v, want %v\n%s", pkg, got, want, lines(faults))
		}
	}
}

// Some file systems take names for one that differ in case only.
func TestFileCase(t *testing.T) {
	for _, tt := range []struct {
		files string
		want  []int
	}{
		{"order.proto line.proto", []int{}},
		{"order.proto Order.proto", []int{1005}},
		{"order.proto ORDER.proto oRder.proto", []int{1005, 1005}},
		{"order.proto Order_prism.proto", []int{1005}}, // the contract of Order
		{"order.proto order_prism.proto", []int{1001}},
	} {
		files := map[string]string{}
		for i, name := range strings.Fields(tt.files) {
			files[name] = file([]string{order, "message Line {}\n", "message Part {}\n"}[i])
		}
		_, faults := readFiles(t, config, files)
		if got := numbers(faults); !slices.Equal(got, tt.want) {
			t.Errorf("%s: rules %v, want %v\n%s", tt.files, got, tt.want, lines(faults))
		}
	}
}

// Values of any type are not personal data, wherever they stand. A message that
// holds one is, as a whole.
func TestPersonalContent(t *testing.T) {
	const pii = " [(prism.v1.field).pii.category = CUSTOM]"
	for _, typ := range []string{"Any", "Struct", "Value", "ListValue"} {
		full := "google.protobuf." + typ
		for name, tt := range map[string]struct {
			fields string // of Order
			other  string // another message
			want   []int
		}{
			"itself":                 {full + " x = 2" + pii + ";", "", []int{2025}},
			"repeated":               {"repeated " + full + " x = 2" + pii + ";", "", []int{2025}},
			"in a oneof":             {"oneof o { " + full + " x = 2" + pii + "; }", "", []int{2025}},
			"value of a map":         {"map<string, " + full + "> x = 2" + pii + ";", "", []int{2022}},
			"in a message":           {"Other x = 2;", "message Other { " + full + " y = 1" + pii + "; }", []int{2025}},
			"in a map's message":     {"map<string, Other> x = 2;", "message Other { repeated " + full + " y = 1" + pii + "; }", []int{2025}},
			"in a message unused":    {"", "message Other { " + full + " y = 1" + pii + "; }", []int{2025}},
			"below a personal field": {"Other x = 2" + pii + ";", "message Other { " + full + " y = 1; }", []int{}},
			"not personal":           {full + " x = 2;", "", []int{}},
		} {
			imports := `import "google/protobuf/any.proto"; import "google/protobuf/struct.proto";` + "\n"
			_, faults := read(t, config, imports+strings.Replace(order, "  string id", tt.fields+"\n  string id", 1)+tt.other)
			errors := slices.DeleteFunc(faults, func(f schema.Diagnostic) bool { return f.Number == schema.RuleTypeRecursive }) // Struct holds Values
			if got := numbers(errors); !slices.Equal(got, tt.want) {
				t.Errorf("%s %s: rules %v, want %v\n%s", typ, name, got, tt.want, lines(faults))
			}
		}
	}
}

// A comment is told of wherever it stands.
func TestCommentWarnings(t *testing.T) {
	places := map[string]string{
		"leading":  "//%s\n  int64 a = 2;\n",
		"trailing": "int64 a = 2; //%s\n",
		"detached": "//%s\n\n  // A.\n  int64 a = 2;\n",
		"block":    "/* A.\n%s */\n  int64 a = 2;\n",
	}
	tests := []struct {
		text string
		want []int
	}{
		{"plain", []int{}},
		{" a\ttab", []int{}},
		{" to go: on foot", []int{}},
		{" the line x: 1", []int{}},
		{` import "C"`, []int{}}, // needs an import declaration to be read
		{" #include <stdio.h>", []int{}},
		{"go:generate rm -rf x", []int{5010}},
		{"go:linkname a b", []int{5010}},
		{" go:embed x", []int{5010}},
		{"line x.go:1", []int{5010}},
		{"export f", []int{5010}},
		{"extern f", []int{5010}},
		{"cgo noescape f", []int{5010}},
		{"#cgo LDFLAGS: -lx", []int{5010}},
		{" +build ignore", []int{5010}},
		{"nolint", []int{5010}},
		{"lint:ignore U1000 x", []int{5010}},
		{" Code generated by hand. DO NOT EDIT.", []int{5010}},
		{" a\u202eb", []int{5011}}, // right to left from here
		{" a\u2066b", []int{5011}},
		{" a\u2028b", []int{5011}},
		{" a\u2029b", []int{5011}},
		{" a\u200bb", []int{5011}},
		{" a\ufeffb", []int{5011}},
		{" a\ue000b", []int{5011}},
		{" a\x07b", []int{5011}},
		{" a\u0085b", []int{5011}},
		{"go\u200b:generate rm", []int{5010, 5011}},
	}
	for place, form := range places {
		for _, tt := range tests {
			d, faults := read(t, config, strings.Replace(order, "  string id", fmt.Sprintf(form, tt.text)+"  string id", 1))
			if got := numbers(faults); !slices.Equal(got, tt.want) {
				t.Errorf("%s %q: rules %v, want %v\n%s", place, tt.text, got, tt.want, lines(faults))
			}
			if d == nil || schema.HasError(faults) {
				t.Errorf("%s %q: a comment is an error", place, tt.text)
			}
		}
	}
	// In a line comment the end of a block is text.
	for _, place := range []string{"leading", "trailing", "detached"} {
		_, faults := read(t, config, strings.Replace(order, "  string id", fmt.Sprintf(places[place], " a */ b")+"  string id", 1))
		if got := numbers(faults); !slices.Equal(got, []int{5010}) {
			t.Errorf("%s with the end of a block: rules %v", place, got)
		}
	}
}
