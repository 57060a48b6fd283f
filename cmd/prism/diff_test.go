package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shopOnPostgres is a module with a copy of the shop, whose orders also have an indexed
// priority.
func shopOnPostgres(t *testing.T) {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"prism.yaml", "v1/user_profile.proto", "v1/order.proto", "v1/session.proto"} {
		text, err := os.ReadFile(filepath.Join("../../schemas/shop", name))
		if err != nil {
			t.Fatal(err)
		}
		files["schemas/shop/"+name] = strings.NewReplacer(
			"github.com/prism-proxy/prism", "example.com/shop",
			"    backend: sqlite\n", "    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}\n",
		).Replace(string(text))
	}
	module(t, files)
	edit(t, "v1/order.proto", "  OrderStatus status = 4;", "  OrderStatus status = 4;\n\n  int32 priority = 11 [(prism.v1.field).index = ORDERED];")
}

// edit replaces what stands once in a file of the shop.
func edit(t *testing.T, name, before, after string) {
	t.Helper()
	name = "schemas/shop/" + name
	text, err := os.ReadFile(name)
	if err != nil || strings.Count(string(text), before) != 1 {
		t.Fatalf("%s has %q %d times, want once (%v)", name, before, strings.Count(string(text), before), err)
	}
	write(t, name, strings.Replace(string(text), before, after, 1))
}

func firstRelease(t *testing.T) {
	t.Helper()
	script(t, []step{{"generate", 0, "wrote ", ""}, {"release", 0, "shop: release ", ""}})
}

// sevenChanges are what a team changes of the shop in a release.
func sevenChanges(t *testing.T) {
	t.Helper()
	const profile = "v1/user_profile.proto"
	edit(t, profile, "string display_name = 3", "string name = 3")
	edit(t, profile, "  // Where parcels go.\n", "  string locale = 9;\n\n  // Where parcels go.\n")
	edit(t, profile, "string sms = 7 [(prism.v1.field).pii.category = PHONE];", "string sms = 7 [(prism.v1.field).pii.category = PHONE, (prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32];")
	edit(t, "v1/order.proto", "int32 priority", "int64 priority")
	edit(t, profile, "bool email_notice = 8;", "bool email_notice = 8 [(prism.v1.field).column = {}];")
	edit(t, profile, "  // What the customer has asked to hear about.\n  repeated string interests = 4;\n", "  reserved 4;\n")
	edit(t, "v1/session.proto", "// Session is", `message Cart {
  option (prism.v1.entity).namespace = "sessions";
  option (prism.v1.entity).key_value = {};
  string cart_id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
}

// Session is`)
}

// What a team sees of a release in which seven things have changed, in each format. That
// widened numbers are not what clients of before read is found, with the way out.
func TestDiff(t *testing.T) {
	golden, err := filepath.Abs("testdata/diff")
	if err != nil {
		t.Fatal(err)
	}
	shopOnPostgres(t)
	firstRelease(t)
	sevenChanges(t)
	script(t, []step{{"diff", 1, "PRISM4006 [evolve.type] priority of shop.v1.Order was int32, and is int64: ", ""}})
	edit(t, "v1/order.proto", "option (prism.v1.entity).columns = ALL;", "option (prism.v1.entity).columns = ALL;\n  option (prism.v1.entity).compatibility = BACKWARD_TRANSITIVE;")
	before := tree(t)
	for _, format := range []string{"text", "markdown", "json"} {
		code, got, stderr := prism(t, "diff -o "+format+" schemas/shop")
		if code != 0 || stderr != "" {
			t.Errorf("-o %s: exit code %d\n%s", format, code, stderr)
		}
		file := filepath.Join(golden, map[string]string{"text": "shop.txt", "markdown": "shop.md", "json": "shop.json"}[format])
		if *update {
			write(t, file, got)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("-o %s (-want +got):\n%s", format, diff)
		}
	}
	if diff := cmp.Diff(before, tree(t)); diff != "" {
		t.Errorf("diff writes (-before +after):\n%s", diff)
	}
	var d struct {
		Release                  int
		Changes, Files, Findings []map[string]any
	}
	_, text, _ := prism(t, "diff -o json")
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	members(t, all, "changes", "files", "findings", "release")
	if err := json.Unmarshal(all["changes"], &d.Changes); err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Changes {
		members(t, c, "class", "contract", "entity", "field", "lost", "place", "records", "rows", "side_by_side", "steps", "undo", "what")
		for _, s := range c["steps"].([]any) {
			members(t, s.(map[string]any), "file", "lock", "rewrite", "scan", "statement")
		}
	}
}

func members[V any](t *testing.T, object map[string]V, want ...string) {
	t.Helper()
	var got []string
	for name := range object {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// tree returns the files of the working folder.
func tree(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What there is to say before the first release, right after one, of what no entity has,
// of faults, and of several deployments.
func TestDiffReleases(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	const first = "shop: nothing is released yet; release 1 will have 1 entity, 1 namespace and 1 migration\n"
	script(t, []step{
		{"diff", 0, first + "schemas/shop/prism.yaml:", ""},
		{"diff -o markdown", 0, "### " + first + "\n- namespace orders: new, on sqlite, `schemas/shop/prism.yaml:", ""},
		{"diff -o json", 0, "{\n  \"release\": 0,\n", ""},
		{"generate", 0, "wrote ", ""},
		{"release", 0, "shop: release 1 closed ", ""},
		{"diff", 0, "shop: no change since release 1\n", ""},
		{"diff -o markdown", 0, "### shop: no change since release 1\n", ""},
		{"diff -o json", 0, "{\n  \"release\": 1,\n  \"changes\": [],\n  \"files\": [],\n  \"findings\": []\n}\n", ""},
		{"diff -o yaml", 2, "", `--output is "yaml"; write text, markdown or json`},
	})
	write(t, "schemas/shop/v1/order.proto", order+"\nmessage Loose {\n  string id = 1;\n}\n")
	script(t, []step{{"diff", 0, "shop: changes since release 1, of nothing that a store, a record or a client has; generate writes no migration\n", ""}})

	// Numbers stay reserved: that one is not stops the release, in each format, unless it
	// is meant. A reason is shown as it is, and breaks no table.
	const note = "\n  string note = 2;\n  string id"
	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "\n  string id", note, 1))
	script(t, []step{
		{"diff", 0, "shop: 1 change since release 1; generate writes 0 migrations\nschemas/shop/v1/order.proto:", ""},
		{"generate", 0, "wrote ", ""}, {"release", 0, "shop: release 2 closed ", ""},
	})
	write(t, "schemas/shop/v1/order.proto", order)
	script(t, []step{
		{"diff", 1, "PRISM4003 [evolve.reserve] ", ""},
		{"diff -o markdown", 1, "not compatible, evolve.reserve", ""},
		{"diff -o json", 1, `"blocks": true`, ""},
	})
	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "\n  string id",
		"\n  option (prism.v1.entity).acknowledge = {rule: \"evolve.reserve\" field: 2 reason: \"old | <new>\"};\n  string id", 1))
	script(t, []step{
		{"diff", 0, "(acknowledged: old | <new>)\n", ""},
		{"diff -o markdown", 0, `evolve.reserve, acknowledged: old \| &lt;new>;`, ""},
		{"diff -o json", 0, `"blocks": false`, ""},
	})

	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "partition_key = 1", "partition_key = 2", 1))
	script(t, []step{{"diff", 1, "", "PRISM2011 "}})
	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "\n  string id", note, 1))
	if err := os.Mkdir("schemas/store", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "schemas/store/prism.yaml", strings.Replace(config, "deployment: shop", "deployment: store", 1))
	script(t, []step{{"diff", 0, "shop: no change since release 2\n\nstore: nothing is released yet; ", ""}})
}
