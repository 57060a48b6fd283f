package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// firstConfig is the prism.yaml that generate writes for order.
const firstConfig = `# Written by prism generate, because there was no prism.yaml: the package's
# entities are one deployment on SQLite. Edit this file and commit it; prism
# generate does not write it again. prism backends lists the stores.
deployment: "shop"
import_path: "example.com/shop"
packages: ["shop.v1"]
listen: 127.0.0.1:8980
namespaces:
  - name: "orders"
    backend: sqlite
`

// Only generate writes the first prism.yaml of a module, wherever in the module
// it runs, and only once. All other commands need one.
func TestBegin(t *testing.T) {
	const (
		missing = "schemas/prism.yaml: PRISM5040 [yaml.needed] the file does not exist; a deployment has a prism.yaml; "
		wrote   = "wrote schemas/prism.yaml: deployment shop serves package shop.v1 on sqlite\n"
	)
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "third_party/x/x.proto": order})
	script(t, []step{
		{"check", 1, "", missing},
		{"check schemas", 1, "", missing},
		{"check -o json", 1, `"file": "schemas/prism.yaml",`, ""},
		{"plan", 1, "", missing},
		{"build", 1, "", missing},
		{"generate --check", 1, "", missing},
		{"call --config schemas", 1, "", "prism: there is no schemas/prism.yaml; correct the path, or run prism generate\n"},
		{"__complete check schemas/", 0, ":0\n", "ShellCompDirectiveDefault"},
		{"generate .", 1, "", "prism.yaml: PRISM5040 [yaml.needed] the folder has no prism.yaml, and the imports of its .proto files begin in schemas; a deployment has a prism.yaml; run prism generate schemas\n"},
	})
	t.Chdir("third_party")
	script(t, []step{{"generate", 0, wrote, ""}})
	t.Chdir("..")
	if got, err := os.ReadFile("schemas/prism.yaml"); string(got) != firstConfig {
		t.Errorf("prism.yaml is\n%s%v\nwant\n%s", got, err, firstConfig)
	}
	script(t, []step{
		{"check", 0, "shop: no fault (entities: 1, namespaces: 1)\n", ""},
		{"generate", 0, "shop is up to date\n", ""},
		{"generate --check", 0, "", ""},
		{"call", 0, "shop.v1.OrderService\n", ""},
		{"generate third_party", 1, "", "third_party/prism.yaml: PRISM5040 [yaml.needed] the folder has no prism.yaml, and schemas/prism.yaml is there; "},
	})
	write(t, "schemas/prism.yaml", strings.Replace(firstConfig, "sqlite", "memory", 1))
	script(t, []step{{"generate --abandon orders", 0, "wrote out/shop/plan.md\n", ""}})
	if got, _ := os.ReadFile("schemas/prism.yaml"); !strings.Contains(string(got), "memory") {
		t.Errorf("a prism.yaml that is there is written again:\n%s", got)
	}
}

// No prism.yaml is written if one may have been forgotten, misnamed or lost, if
// it is not clear what it should say, or if the schema has faults.
func TestBeginRefusals(t *testing.T) {
	other := strings.NewReplacer("shop.v1", "other.v1", "contract/shop", "contract/other", "shopv1", "otherv1").Replace(order)
	tests := []struct {
		name, file, text string // what else the module has
		want             string // "": one is written
	}{
		{"nothing else", "README.md", "", ""},
		{"an entity of the same package", "schemas/shop/v1/other.proto", strings.ReplaceAll(order, "Order", "Other"), ""},
		{"a file of another package without entities", "schemas/other.proto", "syntax = \"proto3\"; package other;", ""},
		{"a deployment of somebody else's module", "vendor/x/prism.yaml", "", ""},
		{"a deployment in test data", "x/testdata/prism.yaml", "", ""},
		{"a deployment in a hidden folder", ".cache/prism.yaml", "", ""},
		{"a deployment among node's modules", "node_modules/x/prism.yaml", "", ""},
		{"an out of something else", "out/a.out", "", ""},
		{"a deployment above", "prism.yaml", "", "the folder has no prism.yaml, and prism.yaml is there; "},
		{"a deployment elsewhere", "other/prism.yaml", "", "the folder has no prism.yaml, and other/prism.yaml is there; "},
		{"another extension", "schemas/prism.yml", "", "the folder has no prism.yaml, and schemas/prism.yml is there; "},
		{"its own history", "schemas/prism.lock.json", "{}", "the file does not exist, and schemas/prism.lock.json is there; "},
		{"a history elsewhere", "db/prism.lock.json", "{}", "the folder has no prism.yaml, and db/prism.lock.json is there; "},
		{"output", "out/contract/shop/v1/order.pb.go", "", "the folder has no prism.yaml, and out/contract is there; "},
		{"two packages", "schemas/other/v1/other.proto", other, "packages other.v1 and shop.v1 have entities; "},
		{"no entity", "schemas/shop/v1/order.proto", "syntax = \"proto3\"; package shop.v1; message Cart {}", "no message of a .proto file in the folder is an entity; "},
		{"no namespace", "schemas/shop/v1/order.proto", strings.Replace(order, "option (prism.v1.entity).namespace", "//", 1), "entity shop.v1.Order has no namespace; "},
		{"no package", "schemas/shop/v1/order.proto", strings.Replace(order, "package", "// package", 1), "the entities are in no package; "},
		{"no module", "go.mod", "", "go.mod names no module\n"},
		{"no import of the options", "schemas/shop/v1/order.proto", strings.Replace(order, "import", "// import", 1), "schemas/shop/v1/order.proto:10:10: PRISM3001 [option.unknown] "},
		{"no .proto text", "schemas/shop/v1/order.proto", "message {", "schemas/shop/v1/order.proto:1:9: PRISM5008 [proto.language] syntax error"},
		{"a broken file of the package", "schemas/shop/v1/order.proto", "syntax = \"proto3\";\npackage shop.v1;\nimport options;\n", "schemas/shop/v1/order.proto:3:8: PRISM5008 [proto.language] syntax error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			module(t, map[string]string{"schemas/shop/v1/order.proto": order})
			if err := os.MkdirAll(filepath.Dir(tt.file), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, tt.file, tt.text)
			code, stdout, stderr := prism(t, "generate schemas")
			_, err := os.Stat("schemas/prism.yaml")
			if written := err == nil; written != (tt.want == "") || (code == exitOK) != written || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, prism.yaml written: %t\n%s%s\nwant %q", code, written, stdout, stderr, tt.want)
			}
		})
	}
}

// The folder that is named need not be where imports begin: the packages of its
// files say so. A team names the folder that it works in.
func TestBeginRoot(t *testing.T) {
	user := strings.NewReplacer("shop.v1", "users.v1", "Order", "User", "orders", "users", "shop/v1;shopv1", "users/v1;usersv1").Replace(order)
	user = strings.Replace(user, "import ", "import \"common/v1/name.proto\";\nimport ", 1)
	user = strings.Replace(user, "  string id", "  common.v1.Name name = 2;\n  string id", 1)
	files := map[string]string{
		"proto/users/v1/user.proto":  user,
		"proto/common/v1/name.proto": "syntax = \"proto3\";\npackage common.v1;\noption go_package = \"example.com/shop/gen/common\";\nmessage Name {}\n",
	}
	module(t, files)
	script(t, []step{
		{"generate .", 1, "", "the imports of its .proto files begin in proto; a deployment has a prism.yaml; run prism generate proto\n"},
		{"generate proto/users", 0, "wrote proto/users/prism.yaml: deployment users serves package users.v1 on sqlite\n", ""},
	})
	text, err := os.ReadFile("proto/users/prism.yaml")
	if err != nil || !strings.Contains(string(text), "\nroot: \"proto\"\npackages: [\"users.v1\"]\n") {
		t.Errorf("prism.yaml is\n%s%v", text, err)
	}
	script(t, []step{{"generate --check", 0, "", ""}})
	// A prism.yaml that says nothing of a root, and is taken at its folder.
	write(t, "proto/users/prism.yaml", strings.Replace(string(text), "root: \"proto\"\n", "", 1))
	script(t, []step{{"check", 1, "", " to import_paths in prism.yaml; or write root: proto in proto/users/prism.yaml, where by their packages the imports of its files begin\n"}})

	module(t, files)
	write(t, "proto/common/v1/name.proto", strings.NewReplacer("users", "common", "User", "Visit", "import \"common/v1/name.proto\";", "", "common.v1.Name name = 2;", "", "  string", "string").Replace(user)+"message Name {}\n")
	script(t, []step{{"generate proto", 1, "", `packages common.v1 and users.v1 have entities; a deployment has a prism.yaml; write prism.yaml, or one for each deployment that you want

proto/prism.yaml for all entities there would be:

deployment: "proto"
import_path: "example.com/shop"
packages: ["common.v1", "users.v1"]
listen: 127.0.0.1:8980
namespaces:
  - name: "common"
    backend: sqlite
  - name: "users"
    backend: sqlite
`}})
	_, _, said := prism(t, "generate proto")
	_, text2, _ := strings.Cut(said, "would be:\n\n")
	write(t, "proto/prism.yaml", text2)
	script(t, []step{{"generate", 0, "wrote ", ""}})
	// The module has a deployment: another is the user's to write.
	script(t, []step{{"generate proto/users", 1, "", "; correct the path, restore prism.yaml from version control, or write one for each deployment\n\nproto/users/prism.yaml for all entities there would be:\n\ndeployment: \"users\"\nimport_path: \"example.com/shop\"\nroot: \"proto\"\n"}})
}

// A deployment is named after its folder's import path if that yields a name,
// not after where the module is on a machine.
func TestDeploymentName(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/notes": "notes", "example.com/Big-Shop.2": "bigshop2", "example.com/3d": "d", "example.com/notes/v2": "notes",
		"example.com/123": "app", "example.com/é": "app", "example.com/prism": "app", "main": "app",
		"example.com/notes/schemas/big-shop": "bigshop", "example.com/notes/schemas/shop/v1": "shop", "example.com/notes/db": "db",
	} {
		if got := deploymentName(path); got != want {
			t.Errorf("the deployment of %s is %s, want %s", path, got, want)
		}
	}
}
