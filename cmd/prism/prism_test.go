package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

const order = `syntax = "proto3";

package shop.v1;

import "prism/v1/options.proto";

option go_package = "example.com/shop/out/contract/shop/v1;shopv1";

message Order {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = {};
  string id = 1 [
    (prism.v1.field).partition_key = 1,
    (prism.v1.field).max_length = 36
  ];
}
`

const config = `deployment: shop
import_path: example.com/shop
packages: [shop.v1]
namespaces:
  - {name: orders, backend: sqlite}
`

// module makes a Go module with the files besides go.mod, and changes to its
// folder.
func module(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/shop\n"
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// prism runs a command line of words separated by spaces, and further words,
// which may contain spaces.
func prism(t *testing.T, line string, further ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = execute(t.Context(), append(strings.Fields(line), further...), &out, &err)
	return code, out.String(), err.String()
}

// step is a command and what it must do.
type step struct {
	line           string
	code           int
	stdout, stderr string // a part of the output; "": nothing is printed
}

func script(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		code, stdout, stderr := prism(t, s.line)
		if code != s.code {
			t.Errorf("prism %s: exit code %d, want %d", s.line, code, s.code)
		}
		for name, pair := range map[string][2]string{"stdout": {stdout, s.stdout}, "stderr": {stderr, s.stderr}} {
			if got, want := pair[0], pair[1]; !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("prism %s: %s\n%s\nwant %q", s.line, name, got, want)
			}
		}
	}
}

func TestGenerate(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	script(t, []step{
		{"check", 0, "shop: no fault (entities: 1, namespaces: 1)\n", ""},
		{"generate --check", 1, "", "out/shop/proxy/main.go: missing\n"},
		{"generate --check", 1, "", "prism: generated files are out of date; run prism generate\n"},
		{"generate", 0, "wrote out/shop/proxy/main.go\n", ""},
		{"generate schemas/shop", 0, "shop is up to date\n", ""},
		{"generate --check", 0, "", ""},
	})
	write(t, "out/shop/proxy/main.go", "package main\n")
	script(t, []step{
		{"generate --check", 1, "", "out/shop/proxy/main.go:1:1: PRISM5023 [output.foreign] "},
		{"generate", 1, "", "out/shop/proxy/main.go:1:1: PRISM5023 [output.foreign] "},
	})
	remove(t, "out")
	lock, err := os.ReadFile("schemas/shop/prism.lock.json")
	if err != nil {
		t.Fatal(err)
	}
	remove(t, "schemas/shop/prism.lock.json")
	script(t, []step{{"generate", 1, "", "schemas/shop/prism.lock.json: PRISM4010 [lock.format] the file is gone"}})
	write(t, "schemas/shop/prism.lock.json", string(lock))
	write(t, "schemas/shop/v1/order.proto", strings.ReplaceAll(order, "Order", "Cart"))
	script(t, []step{{"generate --abandon shop.v1.Order", 0, "wrote out/shop/proxy/shop/v1/cart/store.go\n", ""}})
	write(t, "schemas/shop/v1/order.proto", order)
	code, stdout, stderr := prism(t, "generate --abandon shop.v1.Cart")
	for _, want := range []string{"out/contract/shop/v1/cart_prism.proto", "out/shop/proxy/shop/v1/cart/store.go"} {
		if code != exitOK || !strings.Contains(stdout, "deleted "+want+"\n") {
			t.Errorf("%s is not deleted: exit code %d\n%s%s", want, code, stdout, stderr)
		}
	}
	if _, err := os.Stat("out/shop/proxy/shop/v1/cart"); !os.IsNotExist(err) {
		t.Errorf("an empty folder is left: %v", err)
	}
	write(t, "schemas/shop/v1/order.proto", strings.ReplaceAll(order, "orders", "purchases"))
	write(t, "schemas/shop/prism.yaml", strings.ReplaceAll(config, "orders", "purchases"))
	script(t, []step{
		{"generate --abandon orders", 0, "deleted schemas/shop/migrations/orders/0001_init_expand.up.sql\n", ""},
		{"generate --check", 0, "", ""},
	})
}

// If there are more files than a person reads about, they are counted, each
// exactly once.
func TestGenerateCounts(t *testing.T) {
	files := map[string]string{"schemas/shop/prism.yaml": config}
	for _, name := range []string{"Cart", "Order", "Parcel", "Refund"} {
		files["schemas/shop/v1/"+name+".proto"] = strings.ReplaceAll(order, "Order", name)
	}
	module(t, files)
	want := func(line, stdout, stderr string) {
		t.Helper()
		if _, out, err := prism(t, line); out != stdout || err != stderr {
			t.Errorf("prism %s:\n%s%swant\n%s%s", line, out, err, stdout, stderr)
		}
	}
	want("generate --check", "", `out/contract/shop: missing (17 files)
out/shop/plan.md: missing
out/shop/plan/orders.md: missing
out/shop/proxy: missing (23 files)
out/shop/shoptest: missing (21 files)
schemas/shop/migrations: missing (2 files)
schemas/shop/prism.lock.json: missing
prism: generated files are out of date; run prism generate
`)
	want("generate", `wrote 17 files in out/contract/shop
wrote out/shop/plan.md
wrote out/shop/plan/orders.md
wrote 23 files in out/shop/proxy
wrote 21 files in out/shop/shoptest
wrote 2 files in schemas/shop/migrations
wrote schemas/shop/prism.lock.json
`, "")
	remove(t, "schemas/shop/v1/Cart.proto")
	remove(t, "schemas/shop/v1/Refund.proto")
	remove(t, "schemas/shop/v1/Parcel.proto")
	want("generate --abandon shop.v1.Cart,shop.v1.Refund --abandon shop.v1.Parcel", `deleted 12 files in out/contract/shop
wrote out/shop/plan.md
wrote out/shop/plan/orders.md
wrote 2 files in out/shop/proxy
deleted 15 files in out/shop/proxy
deleted 15 files in out/shop/shoptest
wrote out/shop/shoptest/shoptest.go
wrote schemas/shop/migrations/orders/0001_init_expand.up.sql
wrote schemas/shop/prism.lock.json
`, "")
	want("generate", "shop is up to date\n", "")
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// If one deployment has a fault, no files of any are written.
func TestFaultWritesNothing(t *testing.T) {
	module(t, map[string]string{
		"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config,
		"schemas/store/prism.yaml": strings.Replace(config, "deployment: shop", "deployment: Store", 1),
	})
	script(t, []step{
		{"generate", 1, "", "schemas/store/prism.yaml:1:13: PRISM5035 [deployment.name] "},
		{"build", 1, "", "schemas/store/prism.yaml:1:13: PRISM5035 [deployment.name] "},
	})
	if _, err := os.Stat("out"); !os.IsNotExist(err) {
		t.Errorf("out was written: %v", err)
	}
}

// Two deployments of the same name would delete each other's files.
func TestSameName(t *testing.T) {
	module(t, map[string]string{
		"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config, "schemas/store/prism.yaml": config,
	})
	script(t, []step{
		{"generate", 1, "", "prism: schemas/shop/prism.yaml and schemas/store/prism.yaml are both deployment shop; rename one\n"},
		{"generate schemas/shop schemas/shop/prism.yaml", 0, "wrote ", ""},
	})
}

// Without arguments a command takes every deployment of the module, wherever it
// runs: a CI that looks at some is green while another is stale. A folder stands
// for those in it. What is not the module's own is passed over.
func TestDiscovery(t *testing.T) {
	named := func(name string) string { return strings.Replace(config, "deployment: shop", "deployment: "+name, 1) }
	files := map[string]string{
		"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config,
		// Imports begin in the folder of prism.yaml if no folder is named schemas.
		"other/shop/v1/order.proto": order, "other/prism.yaml": named("other"),
		"nested/go.mod": "module example.com/nested\n", "nested/prism.yaml": "no",
	}
	for _, dir := range []string{"testdata", "x/testdata/y", "vendor/x", "node_modules", ".cache", "_old", "out/x"} {
		files[dir+"/prism.yaml"] = "no"
	}
	module(t, files)
	const both = "other: no fault (entities: 1, namespaces: 1)\nshop: no fault"
	script(t, []step{
		{"check", 0, both, ""},
		{"check .", 0, both, ""},
		{"generate", 0, "wrote ", ""},
		{"check schemas", 0, "shop: no fault", ""},
		{"check other/prism.yaml", 0, "other: no fault", ""},
		{"check other schemas/shop schemas other", 0, both, ""},
		{"check testdata", 1, "", "testdata/prism.yaml:1:1: "},
		{"check nowhere", 1, "", "prism: stat nowhere: no such file or directory\n"},
		{"check schemas/shop/v1/order.proto", 1, "", "prism: schemas/shop/v1/order.proto is neither a prism.yaml nor a folder; name a prism.yaml, or a folder with some, or the folder of the .proto files\n"},
		{"generate --check", 0, "", ""},
		{"run", 1, "", "prism: the module has 2 deployments; name the prism.yaml of one\n"},
		{"call", 1, "", "prism: the module has 2 deployments; name the prism.yaml of one with --config, or the proxy with --address\n"},
	})
	if _, stdout, _ := prism(t, "check schemas"); strings.Contains(stdout, "other") {
		t.Errorf("check schemas takes what is elsewhere:\n%s", stdout)
	}
	write(t, "other/prism.yaml", named("other")+"memory: 512MiB\n")
	script(t, []step{
		{"generate --check", 1, "", "out/other/plan.md: stale\n"},
		{"generate --check schemas", 0, "", ""},
	})
	t.Chdir("other/shop")
	script(t, []step{{"check", 0, both, ""}})
	t.Chdir("..")
	script(t, []step{
		{"check", 0, both, ""},
		{"call", 0, "shop.v1.OrderService\n", ""}, // that of this folder
	})
	remove(t, "../schemas")
	remove(t, "prism.yaml")
	script(t, []step{{"check", 1, "", "prism.yaml: PRISM5040 [yaml.needed] the file does not exist, and other/prism.lock.json is there; "}})
	script(t, []step{{"generate", 1, "", "; restore it, or move prism.lock.json and what belongs to it to where it is now, or, "}})
	remove(t, "prism.lock.json")
	script(t, []step{{"check", 1, "", "prism: no prism.yaml in "}})
	remove(t, "../go.mod")
	outside, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	script(t, []step{{"check", 1, "", "prism: " + outside + " is in no Go module: neither it nor a folder above has a go.mod; cd into the module, or run go mod init <import path> where out/ shall stand\n"}})
}

// What was generated for a deployment that is gone belongs to nobody: left in
// place it would be compiled, linted and shown to clients for ever. What Prism did
// not write stays, and so does what it wrote for others, and every migration.
func TestDeploymentThatIsGone(t *testing.T) {
	const gone = "deployment: gone\nimport_path: example.com/shop\npackages: [gone.v1]\nnamespaces:\n  - {name: carts, backend: sqlite}\n"
	module(t, map[string]string{
		"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config,
		"schemas/gone/v1/cart.proto": strings.NewReplacer("Order", "Cart", "orders", "carts", "shop.v1", "gone.v1", "shop/v1", "gone/v1", "shopv1", "gonev1").Replace(order),
		"deploy/gone/prism.yaml":     gone + "root: schemas\n",
	})
	script(t, []step{{"generate", 0, "wrote ", ""}, {"generate --check", 0, "", ""}})
	own := []string{"out/gone/proxy/mine.go", "out/gone/README.md", "out/contract/gone/v1/mine.proto", "out/mine/main.go"}
	for _, name := range own {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, "package mine\n")
	}
	script(t, []step{{"generate --check", 0, "", ""}})
	remove(t, "deploy/gone/prism.yaml")
	// Its history is there: whether its records are wanted is not for generate to say.
	script(t, []step{{"generate", 1, "", "deploy/gone/prism.yaml: PRISM5040 [yaml.needed] the file does not exist, and deploy/gone/prism.lock.json is there; "}})
	remove(t, "deploy")
	script(t, []step{
		{"generate --check schemas/shop/prism.yaml", 1, "", "out/gone/plan.md: orphan\n"},
		{"generate --check", 1, "", "out/contract/gone/v1/cart_prism.proto: orphan\n"},
		{"generate --check", 1, "", "prism: generated files are out of date; run prism generate\n"},
		{"build", 1, "up to date", "go build of bin/shop-proxy failed"},
	})
	if _, err := os.Stat("out/gone/plan.md"); err != nil {
		t.Errorf("build deletes it: %v", err)
	}
	script(t, []step{
		{"generate", 0, "deleted out/gone/plan.md\n", ""},
		{"generate", 0, "shop is up to date\n", ""},
		{"generate --check", 0, "", ""},
	})
	var left []string
	err := filepath.WalkDir(".", func(p string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (strings.Contains(p, "gone") || strings.Contains(p, "mine")) && strings.HasPrefix(p, "out") {
			left = append(left, p)
		}
		return err
	})
	slices.Sort(own)
	if err != nil || !slices.Equal(left, own) {
		t.Errorf("of what is gone there is %q, %v; want %q", left, err, own)
	}
	if _, err := os.Stat("out/contract/shop/v1/order_prism.proto"); err != nil {
		t.Error(err)
	}

	// Of a module with several, one alone says nothing of the rest.
	if err := os.MkdirAll("deploy/gone", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "deploy/gone/prism.yaml", gone+"root: schemas\n")
	script(t, []step{
		{"generate deploy/gone", 0, "wrote out/gone/plan.md\n", ""},
		{"generate schemas/shop", 0, "shop is up to date\n", ""},
		{"generate --check", 0, "", ""},
	})
}

// A deployment in the module's root does not take its own contract for a
// schema.
func TestRootDeployment(t *testing.T) {
	root := strings.ReplaceAll(order, "contract/shop/v1", "contract")
	module(t, map[string]string{"order.proto": root, "prism.yaml": config})
	script(t, []step{
		{"generate", 0, "wrote out/contract/order_prism.proto\n", ""},
		{"generate", 0, "shop is up to date\n", ""},
	})
}

// Positions are relative to where the command runs.
func TestPlaces(t *testing.T) {
	broken := strings.Replace(order, "    (prism.v1.field).partition_key = 1,\n", "", 1)
	module(t, map[string]string{"schemas/shop/v1/order.proto": broken, "schemas/shop/prism.yaml": config})
	script(t, []step{{"check", 1, "", "schemas/shop/v1/order.proto:9:1: PRISM2010 [key.missing] "}})
	t.Chdir("schemas/shop")
	script(t, []step{{"check", 1, "", "v1/order.proto:9:1: PRISM2010 [key.missing] "}})
	t.Chdir("v1")
	script(t, []step{{"check ..", 1, "", "order.proto:9:1: PRISM2010 [key.missing] "}})
	write(t, "order.proto", "syntax = \"proto3\";\nmessage {}\n")
	script(t, []step{{"check ..", 1, "", "order.proto:2:9: PRISM5008 [proto.language] syntax error"}})
}

func TestCheckJSON(t *testing.T) {
	broken := strings.Replace(order, "    (prism.v1.field).partition_key = 1,\n", "", 1) + "message { }\n"
	module(t, map[string]string{
		"schemas/shop/v1/order.proto": strings.TrimSuffix(broken, "message { }\n"), "schemas/shop/prism.yaml": config,
	})
	code, stdout, stderr := prism(t, "check -o json")
	if code != exitFailure || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	var got []diagnostic
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	rule, _ := schema.FindRule(schema.RuleKeyMissing)
	want := diagnostic{
		File: "schemas/shop/v1/order.proto", Line: 9, Column: 1, Severity: "error", Code: "PRISM2010", Slug: "key.missing",
		What: "entity shop.v1.Order has no partition key", Rule: rule.Text,
		Fix: "write [(prism.v1.field).partition_key = 1] on the field that identifies it",
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	write(t, "schemas/shop/v1/order.proto", broken)
	if _, stdout, _ = prism(t, "check --output json"); !strings.Contains(stdout, `"code": "PRISM5008"`) || !strings.Contains(stdout, "syntax error") {
		t.Errorf("a fault of the language:\n%s", stdout)
	}
	write(t, "schemas/shop/v1/order.proto", order)
	script(t, []step{{"check -o json", 0, "[]\n", ""}})
}

// A warning is shown and stops nothing.
func TestWarning(t *testing.T) {
	unique := strings.Replace(order, "  ];\n}", "  ];\n  string code = 2 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 9];\n}", 1)
	module(t, map[string]string{"schemas/shop/v1/order.proto": unique, "schemas/shop/prism.yaml": config})
	script(t, []step{
		{"check", 0, "no fault", "PRISM2043 [index.presence] "},
		{"check", 0, "no fault", " (warning)\n"},
		{"generate", 0, "wrote ", "PRISM2043 [index.presence] "},
		{"check -o json", 0, `"severity": "warning"`, ""},
	})
}

func TestExplain(t *testing.T) {
	script(t, []step{
		{"explain PRISM2010", 0, "PRISM2010 [key.missing] (error)\n\nThe rule: an entity has a partition key.\n\nBad:\n\n    message Order {\n", ""},
		{"explain prism2010", 0, "PRISM2010 [key.missing]", ""},
		{"explain 2010", 0, "PRISM2010 [key.missing]", ""},
		{"explain index.presence", 0, "PRISM2043 [index.presence] (warning)", ""},
		{"explain PRISM9999", 2, "", `no diagnostic is named "PRISM9999"; prism explain lists all`},
	})
	_, list, _ := prism(t, "explain")
	for _, r := range schema.Rules() {
		if !strings.Contains(list, code(r.Number)+"  "+r.Slug+" ") {
			t.Errorf("%s is missing in the list", code(r.Number))
		}
		if bad, good := r.Examples(); strings.TrimSpace(bad) == "" || strings.TrimSpace(good) == "" {
			t.Errorf("%s has no examples", code(r.Number))
		}
	}
}

// A team does not have the pages of this repository: what they say of a rule stands
// in its explanation as well, in the same words.
func TestExplainGuides(t *testing.T) {
	page, err := os.ReadFile("../../docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"4013", "4014", "4015"} {
		rule, _ := findRule(number)
		if rule.Guide() == "" || !strings.Contains(string(page), rule.Guide()) {
			t.Errorf("docs/moving.md does not have what PRISM%s says:\n%s", number, rule.Guide())
		}
		script(t, []step{{"explain " + number, 0, "prism generate --abandon orders\n", ""}})
	}
}

// docs/diagnostics.md is what the compiler prints.
func TestDiagnosticsAreDocumented(t *testing.T) {
	want, err := os.ReadFile("../../docs/diagnostics.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, got, _ := prism(t, "explain -o markdown"); got != string(want) {
		t.Error("docs/diagnostics.md is stale: run make generate")
	}
}

func TestUsage(t *testing.T) {
	script(t, []step{
		{"", 0, "Compile annotated protobuf schemas into typed gRPC data proxies\n\nUsage:\n  prism [command]\n\nCommands:\n  backends ", ""},
		{"generate --help", 0, "Generate compiles deployments and writes what has changed", ""},
		{"--help", 0, "Exit codes: 0 done; 1 the schema or a file is at fault; 2 the command line is.", ""},
		{"version", 0, "backends  ", ""},
		{"generat", 2, "", "unknown command \"generat\" for \"prism\"\n\nDid you mean this?\n\tgenerate\n"},
		{"check --outptu json", 2, "", "unknown flag: --outptu\nTo learn more: prism check --help\n"},
		{"check -o xml", 2, "", `--output is "xml"; write text or json`},
		{"version now", 2, "", "prism version --help"},
		{"explain a b", 2, "", "prism explain --help"},
		{"explain -o markdown PRISM2010", 2, "", "prism explain --help"},
		{"explain -o json", 2, "", `--output is "json"; write text or markdown`},
		{"run a b", 2, "", "run takes one prism.yaml, not 2"},
	})
	for _, cmd := range newRoot().Commands() {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s: help without summary or example", cmd.Name())
		}
	}
}
