package compat_test

import (
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

const config = `deployment: shop
import_path: example.com/shop
packages: [shop.v1]
namespaces:
  - {name: orders, backend: sqlite}
`

var stores = []schema.Store{{
	Name: "sqlite", Columns: true, KeyValue: &schema.Offer{Can: ^schema.Ability(0)},
	Durability: func(map[string]string) schema.Durability { return schema.PowerSafe },
}}

// headed gives a file the package of its folder, in its first line, and proto3 if it
// has no syntax.
func headed(name, text string) string {
	if !strings.HasPrefix(text, "syntax") && !strings.HasPrefix(text, "edition") {
		text = "syntax = \"proto3\"; " + text
	}
	return strings.Replace(text, ";", "; package "+strings.ReplaceAll(path.Dir(name), "/", ".")+`; import "prism/v1/options.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; `, 1)
}

// read compiles the files of a schema.
func read(t *testing.T, files map[string]string) *schema.Deployment {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(headed(name, text))}
	}
	descriptors, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, schema.Packages([]byte(config)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d, faults := schema.Read(schema.Input{Config: []byte(config), ConfigPath: "schemas/shop/prism.yaml", Files: descriptors, Stores: stores})
	if d == nil {
		t.Fatal(faults)
	}
	return d
}

// only are the files of a schema that has one.
func only(text string) map[string]string { return map[string]string{"shop/v1/order.proto": text} }

// judge judges the last of some schemas against the others, the releases before it.
func judge(t *testing.T, texts ...string) []compat.Finding {
	t.Helper()
	var all []*schema.Deployment
	for _, text := range texts {
		all = append(all, read(t, only(text)))
	}
	return judgeModels(t, all[len(all)-1], all[:len(all)-1]...)
}

func judgeModels(t *testing.T, now *schema.Deployment, before ...*schema.Deployment) []compat.Finding {
	t.Helper()
	var released [][]byte
	for _, d := range before {
		set, err := history.Schema(d.Files)
		if err != nil {
			t.Fatal(err)
		}
		released = append(released, set)
	}
	findings, err := compat.Judge(now, released)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// order is an entity with options and fields besides its key.
func order(options, fields string) string {
	return "\nmessage Order {\n  option (prism.v1.entity) = {namespace: \"orders\", key_value: {} " + options + "};\n" +
		"  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];\n  " + fields + "\n}\n"
}

// The bad example of each rule breaks it, and no other, and the good one none that is
// not acknowledged.
func TestExamples(t *testing.T) {
	tested := 0
	for _, rule := range schema.Rules() {
		bad, good := rule.Examples()
		if !strings.HasPrefix(bad, "// release 1\n") { // which package compat does not judge
			continue
		}
		tested++
		t.Run(rule.Slug, func(t *testing.T) {
			got := ""
			for _, f := range example(t, bad) {
				got += f.String() + "\n"
				if !f.Blocks() {
					t.Errorf("does not block: %s", f)
				}
			}
			if diff := cmp.Diff(examples[rule.Number]+"\n", got); diff != "" {
				t.Errorf("bad example (-want +got):\n%s", diff)
			}
			for _, f := range example(t, good) {
				if f.Blocks() {
					t.Errorf("good example: %s", f)
				}
			}
		})
	}
	if tested != len(examples) {
		t.Errorf("%d rules have a release in their examples, and %d expectations", tested, len(examples))
	}
}

// example judges an example, which has the schema of release 1 and that of now.
func example(t *testing.T, text string) []compat.Finding {
	t.Helper()
	before, now, ok := strings.Cut(strings.TrimPrefix(text, "// release 1\n"), "// now\n")
	if !ok {
		t.Fatalf("no two releases in %q", text)
	}
	return judge(t, "\n"+before, "\n"+now)
}

// examples are the findings of the bad examples.
var examples = map[int]string{
	4001: `shop/v1/order.proto:2:1: PRISM4001 [evolve.key] the key of Order was (string id = 1), and is (string id = 1; string shop = 2) (compared with release 1); an entity keeps its key, because its records are found by it; keep the key; for another one add an entity, and copy the records by Scan and BatchPut`,
	4002: `shop/v1/order.proto:6:3: PRISM4002 [evolve.reuse] number 2 of shop.v1.Order was string coupon, and is int64 discount (compared with release 1); a number keeps its meaning for ever, because old records have it; give it a number that no release had, and write reserved 2; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.reuse", field: 2, reason: "…"}`,
	4003: `shop/v1/order.proto:2:1: PRISM4003 [evolve.reserve] coupon of shop.v1.Order, number 2, is gone, and the number is free for another field (compared with release 1); the number of a field that is removed is reserved; write reserved 2 in Order; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.reserve", field: 2, reason: "…"}`,
	4004: `shop/v1/order.proto:6:3: PRISM4004 [evolve.required] shop of shop.v1.Order is required now, and records and clients of before may be without it (compared with release 1); what has to be there was there before; demand it in the code that writes, and leave required out; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.required", field: 2, reason: "…"}`,
	4005: `shop/v1/order.proto:8:1: PRISM4005 [evolve.enum] value SENT = 2 of shop.v1.State is gone, and the number is free for another (compared with release 1); an enum keeps the numbers of its values, and a closed one its values; write reserved 2 in State; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.enum", field: 2, reason: "…"}`,
	4006: `shop/v1/order.proto:6:3: PRISM4006 [evolve.type] priority of shop.v1.Order was int32, and is int64: whoever was compiled before reads some new values as others (compared with release 1); the values of a field are read as they were written, by all whom the compatibility of its entity names; write option (prism.v1.entity).compatibility = BACKWARD_TRANSITIVE, if nothing that was compiled before reads new values; or keep the type; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.type", field: 2, reason: "…"}`,
	4007: `shop/v1/order.proto:6:3: PRISM4007 [evolve.pii] email of shop.v1.Order was personal data (EMAIL), and is not marked any more: records of before hold it (compared with release 1); personal data stays marked, because old records hold it; write pii.category = EMAIL; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.pii", field: 2, reason: "…"}`,
	4008: `shop/v1/order.proto:6:3: PRISM4008 [evolve.bounds] note of shop.v1.Order has max_length 100 (200 before): records and clients of before may have other values (compared with release 1); bounds grow no narrower, because old records keep to those of their time; keep the bounds, or check the records first; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.bounds", field: 2, reason: "…"}`,
	4009: `shop/v1/order.proto:2:1: PRISM4009 [evolve.durability] the durability of Order was POWER_SAFE, and is LOST_ON_RESTART (compared with release 1); an entity keeps the durability that it promised; write durability = POWER_SAFE; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.durability", reason: "…"}`,
	4030: `shop/v1/order.proto:6:3: PRISM4030 [evolve.contract] method FindOrdersByShop is gone, and who calls it gets UNIMPLEMENTED (compared with release 1); the contract keeps what clients call, and how they write it; keep it until nobody calls it; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.contract", field: 2, reason: "…"}`,
	4031: `shop/v1/order.proto:2:1: PRISM4031 [evolve.lifetime] records of Order lived for ever, and live 24h now: the store removes those that are older (compared with release 1); a record lives as long as it was promised; keep ttl as it was; if it is meant, write option (prism.v1.entity).acknowledge = {rule: "evolve.lifetime", reason: "…"}`,
	4032: `shop/v1/order.proto:5:3: PRISM4032 [evolve.stale] Order acknowledges evolve.type of field 2, which nothing breaks; an acknowledgement is of a change that this release makes; remove it`,
}

// Records live for ever: what passes every pairwise check may break them still. The
// last release alone counts where the compatibility says so, but a number keeps its
// meaning in all.
func TestReleases(t *testing.T) {
	for _, tt := range []struct {
		name   string
		texts  []string
		blocks string
	}{
		{"removed and added with another type", []string{order("", "string n = 2;"), order("", "reserved 2;"), order("", "int32 n = 2;")}, "reuse:2"},
		{"so in any compatibility", []string{order("", "string n = 2;"), order("", "reserved 2;"), order("compatibility: BACKWARD", "int32 n = 2;")}, "reuse:2"},
		{"but not where nothing is promised", []string{order("", "string n = 2;"), order("", "reserved 2;"), order("compatibility: NONE", "int32 n = 2;")}, ""},
		{"removed and added as it was", []string{order("", "string n = 2;"), order("", "reserved 2;"), order("", "string n = 2;")}, ""},
		{"the type of two releases ago", []string{order("compatibility: NONE", "int64 n = 2;"), order("compatibility: NONE", "int32 n = 2;"), order("compatibility: FULL", "int32 n = 2; int32 m = 3;")}, ""},
		{"the type of two releases ago, for ever", []string{order("compatibility: NONE", "int64 n = 2;"), order("compatibility: NONE", "int32 n = 2;"), order("", "int32 n = 2; int32 m = 3;")}, "type:2"},
		{"reserved no longer", []string{order("", "string n = 2;"), order("", "reserved 2;"), order("", "")}, "reserve:2"},
		{"renamed, and it keeps the table", []string{order("", "int32 n = 2;"), strings.Replace(order(`table: "orders"`, "sint32 n = 2;"), "message Order", "message Purchase", 1)}, "contract: type:2"},
		{"another entity", []string{order("", "int32 n = 2;"), strings.Replace(order("", "sint32 n = 2;"), "message Order", "message Purchase", 1)}, ""},
		{"nothing", []string{order("acknowledge: {rule: \"evolve.type\", field: 2, reason: \"…\"}", "int32 n = 2;"), order("acknowledge: {rule: \"evolve.type\", field: 2, reason: \"…\"}", "int32 n = 2;")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			findings := judge(t, tt.texts...)
			if got := blocking(findings); got != tt.blocks {
				t.Errorf("got %q, want %q: %v", got, tt.blocks, findings)
			}
		})
	}
}

// An acknowledgement covers one rule at one field, until the release that it is of is
// closed; what that release acknowledged is not judged again in later ones.
func TestAcknowledgements(t *testing.T) {
	ack := func(rule, field string) string {
		if field != "" {
			field = ", field: " + field
		}
		return ` acknowledge: {rule: "evolve.` + rule + `"` + field + `, reason: "it is meant"}`
	}
	const (
		was  = "int32 n = 2; int32 m = 3; Line line = 4; --- message Line { int32 n = 2; }"
		now  = "sint32 n = 2; int32 m = 3; Line line = 4; --- message Line { int32 n = 2; }"
		next = "sint32 n = 2; int32 m = 3; Line line = 4; string more = 5; --- message Line { int32 n = 2; }"
		deep = "int32 n = 2; int32 m = 3; Line line = 4; --- message Line { sint32 n = 2; }"
	)
	for _, tt := range []struct {
		name   string
		texts  []string
		blocks string
		covers int
	}{
		{"covered", []string{whole(was, ""), whole(now, ack("type", "2"))}, "", 1},
		{"another rule", []string{whole(was, ""), whole(now, ack("reserve", "2"))}, "type:2 stale:2", 0},
		{"another field", []string{whole(was, ""), whole(now, ack("type", "3"))}, "type:2 stale:3", 0},
		{"the entity", []string{whole(was, ""), whole(now, ack("type", ""))}, "type:2 stale:", 0},
		{"the field of that number elsewhere", []string{whole(was, ""), whole(deep, ack("type", "2"))}, "type:[4,2] stale:2", 0},
		{"within a message", []string{whole(was, ""), whole(deep, ack("type", "[4, 2]"))}, "", 1},
		{"both", []string{whole(was, ""), whole("sint32 n = 2; sint32 m = 3; Line line = 4; --- message Line { int32 n = 2; }", ack("type", "2")+ack("type", "3"))}, "", 2},
		{"right after the release", []string{whole(was, ""), whole(now, ack("type", "2")), whole(now, ack("type", "2"))}, "", 0},
		{"before the first release", []string{whole(was, ack("type", "2"))}, "stale:2", 0},
		{"in the release after", []string{whole(was, ""), whole(now, ack("type", "2")), whole(next, ack("type", "2"))}, "stale:2", 0},
		{"settled", []string{whole(was, ""), whole(now, ack("type", "2")), whole(next, "")}, "", 0},
		{"settled, and changed once more", []string{whole(was, ""), whole(now, ack("type", "2")), whole(strings.Replace(next, "sint32 n", "fixed32 n", 1), "")}, "type:2", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			findings := judge(t, tt.texts...)
			if got := blocking(findings); sorted(got) != sorted(tt.blocks) {
				t.Errorf("got %q, want %q: %v", got, tt.blocks, findings)
			}
			covers := 0
			for _, f := range findings {
				if f.Acknowledged != "" {
					covers++
				}
			}
			if covers != tt.covers {
				t.Errorf("%d findings are acknowledged, want %d", covers, tt.covers)
			}
		})
	}
}

func sorted(words string) string {
	all := strings.Fields(words)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// A message of another package is the record's as any other is, and a finding in it
// stands in its file.
func TestImported(t *testing.T) {
	with := func(units string) map[string]string {
		return map[string]string{
			"shop/v1/order.proto":   "import \"common/v1/money.proto\";" + order("", "common.v1.Money price = 2;"),
			"common/v1/money.proto": "option go_package = \"example.com/common\";\nmessage Money {\n  " + units + " units = 1;\n}\n",
		}
	}
	findings := judgeModels(t, read(t, with("sint32")), read(t, with("int32")))
	if len(findings) != 1 || blocking(findings) != "type:[2,1]" || findings[0].File != "common/v1/money.proto" || findings[0].Line != 3 || findings[0].Entity != "shop.v1.Order" {
		t.Errorf("got %v", findings)
	}
}

// What a warning says blocks nothing.
func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ name, was, now, want string }{
		{"a bound that an index needs", "string n = 2;", "string n = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 9];", "evolve.bounds"},
		{"a name in JSON", "string n = 2;", "string m = 2;", "evolve.contract"},
		{"a category", "string n = 2 [(prism.v1.field).pii.category = NAME];", "string n = 2 [(prism.v1.field).pii.category = EMAIL];", "evolve.pii"},
	} {
		findings := judge(t, order("", tt.was), order("", tt.now))
		if len(findings) != 1 || findings[0].Slug != tt.want || findings[0].Blocks() {
			t.Errorf("%s: got %v, want a warning of %s", tt.name, findings, tt.want)
		}
	}
}

// A change breaks what it breaks in the direction in which it does, and only where
// that counts.
func TestChanges(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			for mode, want := range map[string]string{"FULL_TRANSITIVE": both(tt), "BACKWARD": tt.backward, "FORWARD": tt.forward, "NONE": tt.none} {
				options := " compatibility: " + mode + " " + tt.options
				findings := judge(t, tt.before(options), tt.after(options))
				for _, f := range findings {
					if f.Line == 0 {
						t.Errorf("%s: without a place: %s", mode, f)
					}
				}
				if got := blocking(findings); got != want {
					t.Errorf("%s: got %q, want %q", mode, got, want)
				}
			}
		})
	}
}

// both are the findings of either direction, without those of one that is in the
// other.
func both(c change) string {
	all := strings.Fields(c.backward)
	for _, f := range strings.Fields(c.forward) {
		if !strings.Contains(" "+c.backward+" ", " "+f+" ") {
			all = append(all, f)
		}
	}
	return strings.Join(all, " ")
}

// blocking lists the findings that block as rule and field, each once.
func blocking(findings []compat.Finding) string {
	var all []string
	for _, f := range findings {
		text := strings.TrimPrefix(f.Slug, "evolve.") + ":" + strings.ReplaceAll(schema.Path(f.Field), " ", "")
		if f.Blocks() && !strings.Contains(" "+strings.Join(all, " ")+" ", " "+text+" ") {
			all = append(all, text)
		}
	}
	return strings.Join(all, " ")
}
