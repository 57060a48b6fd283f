package generator_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
)

// team is a repository with the shop on a backend, as a team changes it from release
// to release.
type team struct {
	*testing.T
	files fstest.MapFS
}

func newTeam(t *testing.T, backend string) *team {
	return &team{t, edited(t, func(name, text string) string {
		if path.Ext(name) == ".yaml" {
			config := map[string]string{"postgres": "{url: \"${env:DATABASE_URL}\"}", "nats": "{url: \"${env:NATS_URL}\", prefix: shop}"}[backend]
			if config != "" {
				config = "\n    config: " + config
			}
			times := -1
			if backend == "nats" {
				times = 1 // user-profiles
			}
			text = strings.Replace(text, "    backend: sqlite", "    backend: "+backend+config, times)
		}
		return text
	})}
}

// edit replaces what stands once in the shop's file.
func (tm *team) edit(file, old, new string) {
	tm.Helper()
	name := path.Join("schemas/shop/v1", file)
	text := string(tm.files[name].Data)
	if strings.Count(text, old) != 1 {
		tm.Fatalf("%s has %q %d times", file, old, strings.Count(text, old))
	}
	tm.files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
}

// compile returns the output, or every fault.
func (tm *team) compile(release bool) (*generator.Output, []schema.Diagnostic) {
	tm.Helper()
	in := input(tm.T, tm.files, shopConfig)
	in.Release = release
	return generator.Run(in)
}

// write compiles and writes, and returns what is new or other in the deployment's
// folder, with "-" before what is gone.
func (tm *team) write(release bool) []string {
	tm.Helper()
	out, faults := tm.compile(release)
	if out == nil {
		tm.Fatal(faults)
	}
	var changed []string
	written := contents(out.Files)
	for _, name := range slices.Sorted(maps.Keys(tm.files)) {
		if _, ok := written[name]; !ok && (strings.HasPrefix(name, "out/") || strings.HasPrefix(name, "schemas/shop/migrations/")) {
			if short, ok := strings.CutPrefix(name, "schemas/shop/"); ok {
				changed = append(changed, "-"+short)
			}
			delete(tm.files, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if before := tm.files[name]; before == nil || string(before.Data) != written[name] {
			tm.files[name] = &fstest.MapFile{Data: []byte(written[name])}
			if short, ok := strings.CutPrefix(name, "schemas/shop/"); ok {
				changed = append(changed, short)
			}
		}
	}
	again, faults := tm.compile(false)
	if again == nil {
		tm.Fatal(faults)
	}
	if diff := cmp.Diff(written, contents(again.Files)); diff != "" {
		tm.Errorf("a second run has other files (-first +second):\n%s", diff)
	}
	return changed
}

func (tm *team) want(got []string, want ...string) {
	tm.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tm.Errorf("changed files (-want +got):\n%s", diff)
	}
}

func (tm *team) contains(name, text string) {
	tm.Helper()
	if !strings.Contains(string(tm.files[name].Data), text) {
		tm.Errorf("%s has no %q:\n%s", name, text, tm.files[name].Data)
	}
}

const cartMessage = `

message Cart {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = {};
  string cart_id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
  int32 items = 2 [(prism.v1.field).index = EQUALITY];
}
`

const serverFile = "out/shop/proxy/server/server.go"

// A release closes what is open; the next one adds an entity and plain fields.
func TestRelease(t *testing.T) {
	tm := newTeam(t, "postgres")
	tm.write(false)
	tm.want(tm.write(true), "prism.lock.json", "released/0001.binpb")
	tm.contains(serverFile, "Release:     1,")
	if _, faults := tm.compile(true); len(faults) != 1 || faults[0].Number != schema.RuleReleaseEmpty {
		t.Errorf("a release without a change: %v", faults)
	}

	tm.edit("user_profile.proto", "message UserProfile {", "message UserProfile {\n  string note = 99;")
	tm.want(tm.write(false))
	tm.contains(serverFile, "Release:     2,\n\t\tOpen:        true,")
	tm.contains("out/shop/proxy/shop/v1/order/store.go", "\"prism_release\" = 1")
	tm.edit("order.proto", "message Order {", cartMessage+"\nmessage Order {")
	tm.want(tm.write(false), "migrations/embed.go", "migrations/orders/0002_carts_expand.down.sql", "migrations/orders/0002_carts_expand.up.sql", "prism.lock.json")
	tm.contains("schemas/shop/migrations/embed.go", " orders/0002_carts_expand.up.sql orders/0002_carts_expand.down.sql ")
	tm.contains("out/shop/proxy/shop/v1/cart/store.go", "\"prism_release\" = 2")
	tm.contains(serverFile, "Releases:   []int{1, 2},")
	tm.contains(serverFile, "Releases:   []int{1, 1},")

	// What was changed and is changed back leaves no trace.
	tm.edit("order.proto", cartMessage+"\n", "")
	tm.edit("user_profile.proto", "\n  string note = 99;", "")
	tm.want(tm.write(false), "-migrations/orders/0002_carts_expand.down.sql", "-migrations/orders/0002_carts_expand.up.sql", "migrations/embed.go", "prism.lock.json")
	tm.contains(serverFile, "Release:     1,")
}

func has(faults []schema.Diagnostic, number int) bool {
	return slices.ContainsFunc(faults, func(f schema.Diagnostic) bool { return f.Number == number })
}

// A field goes a release after its column.
func TestFieldGoesAfterItsColumn(t *testing.T) {
	tm := newTeam(t, "postgres")
	tm.edit("user_profile.proto", "string sms = 7 [", "string sms = 7 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32, ")
	tm.write(true)
	tm.edit("user_profile.proto", "string sms = 7 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32, (prism.v1.field).pii.category = PHONE];", "")
	if _, faults := tm.compile(false); !has(faults, schema.RuleEvolveColumn) {
		t.Errorf("faults %v", faults)
	}
}

// A store without migrations keeps its indexes.
func TestIndexesOfAByteStore(t *testing.T) {
	for _, release := range []bool{false, true} {
		tm := newTeam(t, "nats")
		tm.edit("user_profile.proto", "key_value = {}", "key_value = {without: SCAN}")
		tm.edit("user_profile.proto", "durability = POWER_SAFE", "durability = CRASH_SAFE")
		tm.write(release)
		tm.edit("user_profile.proto", "string sms = 7 [", "string sms = 7 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32, ")
		if out, faults := tm.compile(false); out != nil || !has(faults, schema.RuleEvolveIndex) {
			t.Errorf("after a release %t: %v", release, faults)
		}
	}
}

// yaml replaces what stands once in prism.yaml.
func (tm *team) yaml(old, new string) {
	tm.Helper()
	text := string(tm.files[shopConfig].Data)
	if strings.Count(text, old) != 1 {
		tm.Fatalf("prism.yaml has %q %d times", old, strings.Count(text, old))
	}
	tm.files[shopConfig] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
}

// refused checks that the schema has one fault, of a rule.
func (tm *team) refused(number int) {
	tm.Helper()
	if out, faults := tm.compile(false); out != nil || len(faults) != 1 || faults[0].Number != number {
		tm.Errorf("output %t, faults %v, want PRISM%d", out != nil, faults, number)
	}
}

// A table goes, with its records, only by its name in prism.yaml, and stays gone.
func TestDropTables(t *testing.T) {
	tm := newTeam(t, "postgres")
	tm.edit("order.proto", "message Order {", cartMessage+"\nmessage Order {")
	tm.yaml("listen:", "drop_tables: [shop.v1.Cart]\nlisten:")
	tm.refused(schema.RuleEvolveDestroy) // nothing is released yet
	tm.yaml("drop_tables: [shop.v1.Cart]\n", "")
	tm.write(true)
	tm.edit("order.proto", cartMessage+"\n", "")
	tm.refused(schema.RuleLockEntity)
	tm.yaml("listen:", "drop_tables: [shop.v1.Cart]\nlisten:")
	tm.want(tm.write(true), "migrations/embed.go", "migrations/orders/0002_carts_contract.up.sql", "prism.lock.json", "released/0002.binpb")
	tm.contains("schemas/shop/migrations/orders/0002_carts_contract.up.sql", "DROP TABLE \"carts\";\nDROP SEQUENCE \"carts_version\";\n")
	tm.want(tm.write(false)) // what the release let go stands there until the next one
	tm.edit("order.proto", "message Order {", cartMessage+"\nmessage Order {")
	tm.refused(schema.RuleEvolveDestroy)
	tm.yaml("drop_tables: [shop.v1.Cart]\n", "")
	tm.want(tm.write(true), "migrations/embed.go", "migrations/orders/0003_carts_r3_expand.down.sql", "migrations/orders/0003_carts_r3_expand.up.sql", "prism.lock.json", "released/0003.binpb")
}

// A namespace moves to another backend by a word in prism.yaml, and begins there anew.
func TestMovedFrom(t *testing.T) {
	tm := newTeam(t, "sqlite")
	tm.write(true)
	tm.yaml("  - name: orders\n    backend: sqlite", "  - name: orders\n    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}")
	tm.refused(schema.RuleLockBackend)
	tm.yaml("    backend: postgres\n", "    backend: postgres\n    moved_from: memory\n")
	if _, faults := tm.compile(false); len(faults) != 2 {
		t.Errorf("moved from elsewhere: %v", faults)
	}
	tm.yaml("moved_from: memory", "moved_from: sqlite")
	tm.want(tm.write(true), "migrations/embed.go", "migrations/orders.postgres/0001_init_expand.down.sql", "migrations/orders.postgres/0001_init_expand.up.sql", "prism.lock.json", "released/0002.binpb")
	if embed := string(tm.files["schemas/shop/migrations/embed.go"].Data); strings.Contains(embed, " orders/") || !strings.Contains(embed, " orders.postgres/") {
		t.Errorf("the proxy holds other migrations: %s", embed)
	}
	tm.contains(serverFile, "Folder:     \"orders.postgres\",")
	tm.want(tm.write(false))
	tm.edit("user_profile.proto", "message UserProfile {", "message UserProfile {\n  string note = 99;")
	tm.refused(schema.RuleEvolveDestroy)
	tm.yaml("    moved_from: sqlite\n", "")
	tm.write(true)
	// And back: into a folder of its own, since the first one belongs to another store.
	tm.yaml("    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}", "    backend: sqlite\n    moved_from: postgres")
	tm.want(tm.write(false), "migrations/embed.go", "migrations/orders.sqlite/0001_init_expand.down.sql", "migrations/orders.sqlite/0001_init_expand.up.sql", "prism.lock.json")
}
