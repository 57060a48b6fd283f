package migrate_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// A format is frozen: a lock with every member that it has is read, and comes
// back as it was, or, of a former format, as the same lock in the present one.
// These files never change.
func TestFormatIsFrozen(t *testing.T) {
	want, err := os.ReadFile("testdata/format2.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"testdata/format1.json", "testdata/format2.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lock, faults := migrate.ReadLock(text, "prism.lock.json")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got, err := lock.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +written):\n%s", file, diff)
		}
	}
}

func TestReadLock(t *testing.T) {
	const rule = "only the compiler writes prism.lock.json, in a format that this compiler knows; "
	tests := []struct{ name, text, want string }{
		{"empty", "", "lock:1:1: PRISM4010 [lock.format] unexpected end of JSON input; " + rule + "restore the file from version control"},
		{"merge conflict", "{\n<<<<<<< HEAD\n", "lock:2:1: PRISM4010 [lock.format] a merge left the file in conflict; " + rule + "run git checkout --ours lock, then prism generate, which adds what the other branch has from the merged schema"},
		{"no format", "{\n  \"deployment\": \"shop\"}", "lock: PRISM4010 [lock.format] the lock has format 0; " + rule + "use the compiler that wrote it, or a later one"},
		{"later format", "{\n  \"format\": 3}", "lock:2:3: PRISM4010 [lock.format] the lock has format 3; " + rule + "use the compiler that wrote it, or a later one"},
		{"unknown member", `{"format": 1, "fence": 3}`, `lock: PRISM4010 [lock.format] unknown field "fence"; ` + rule + "restore the file from version control"},
		{"wrong type", "{\"format\": 1,\n \"release\": \"one\"}", "lock:2:17: PRISM4010 [lock.format] release is a string; " + rule + "restore the file from version control"},
		{"release without model", `{"format": 1, "release": 1}`, "lock:1:15: PRISM4010 [lock.format] release 1 does not agree with closed; " + rule + "restore the file from version control"},
		{"model without release", `{"format": 1, "release": 0, "closed": {}}`, "lock:1:15: PRISM4010 [lock.format] release 0 does not agree with closed; " + rule + "restore the file from version control"},
		{"two locks", `{"format": 1} {"format": 1}`, "lock:1:15: PRISM4010 [lock.format] invalid character '{' after top-level value; " + rule + "restore the file from version control"},
	}
	for _, tt := range tests {
		lock, faults := migrate.ReadLock([]byte(tt.text), "lock")
		if lock != nil || len(faults) != 1 || faults[0].String() != tt.want {
			t.Errorf("%s: lock %v\ngot  %v\nwant %s", tt.name, lock, faults, tt.want)
		}
	}
}

// backend returns a store with columns and migrations, sql, or one of bytes.
func backend(name string) *emit.Backend {
	b := &emit.Backend{Store: schema.Store{
		Name: name, KeyValue: &schema.Offer{Can: ^schema.Ability(0)}, Columns: name == "sql",
		Durability: func(map[string]string) schema.Durability { return schema.PowerSafe },
	}}
	if name == "bytes" {
		b.Config = []schema.ConfigKey{{Name: "prefix", Default: "prism", Locates: true}}
	}
	if name == "sql" {
		b.Migration = func(_ *schema.Deployment, n *schema.Namespace, name string) string {
			return "CREATE " + n.Name + " " + name + ";\n"
		}
	}
	return b
}

// plan plans the shop with its namespaces on the backends named.
func plan(t *testing.T, userProfiles, others string, lock []byte, abandon ...string) (*migrate.History, []schema.Diagnostic) {
	t.Helper()
	config := []byte(strings.NewReplacer("UP", userProfiles, "OTHER", others).Replace(`deployment: shop
import_path: github.com/prism-proxy/prism
packages: [shop.v1]
namespaces:
  - {name: user-profiles, backend: UP}
  - {name: orders, backend: OTHER}
  - {name: sessions, backend: OTHER}
`))
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: os.DirFS("../../schemas")}}, schema.Packages(config))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	sql, bytes := backend("sql"), backend("bytes")
	d, faults := schema.Read(schema.Input{
		Config: config, ConfigPath: "schemas/shop/prism.yaml", Files: files, Stores: []schema.Store{sql.Store, bytes.Store},
	})
	if d == nil {
		t.Fatal(faults)
	}
	volatile := backend("volatile")
	volatile.Durability = func(map[string]string) schema.Durability { return schema.LostOnRestart }
	h, faults, err := migrate.Plan(d, map[string]*emit.Backend{"sql": sql, "bytes": bytes, "volatile": volatile}, lock, abandon)
	if err != nil {
		t.Fatal(err)
	}
	return h, faults
}

func contents(h *migrate.History) map[string]string {
	all := map[string]string{}
	for _, f := range h.Files {
		all[f.Path] = string(f.Content)
	}
	return all
}

func TestPlan(t *testing.T) {
	h, faults := plan(t, "sql", "bytes", nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	files := contents(h)
	if len(files) != 3 {
		t.Errorf("files %q", files)
	}
	want := `-- Code generated by protoc-gen-prism. DO NOT EDIT.
-- Migration 0001 of namespace user-profiles, deployment shop, on sql.
-- Phase expand: one transaction, which the runner opens.

CREATE user-profiles 0001_init_expand;
`
	if got := files["schemas/shop/migrations/user-profiles/0001_init_expand.up.sql"]; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	want = `// Code generated by protoc-gen-prism. DO NOT EDIT.

// Package migrations holds the migrations of deployment shop.
package migrations

import "embed"

// Files has a folder of migrations for each namespace.
//
//go:embed user-profiles/0001_init_expand.up.sql
var Files embed.FS
`
	if got := files["schemas/shop/migrations/embed.go"]; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	model := h.Lock.Open
	wantEntity := migrate.Entity{
		Name: "shop.v1.UserProfile", Abstraction: "key_value", Namespace: "user-profiles", Table: "user_profiles", Release: 1,
		Columns: []migrate.Column{
			{Field: 1, Name: "user_id", Type: "text", Role: "partition"},
			{Field: 2, Name: "email", Type: "text", Role: "indexed", Presence: true},
			{Field: 6, Name: "created_at", Type: "timestamp", Role: "marked", Presence: true},
		},
		Indexes: []migrate.Index{{Name: "email", SQLName: "user_profiles_email", Fields: []int32{2}, Unique: true}},
	}
	if diff := cmp.Diff(wantEntity, model.Entities[2]); diff != "" {
		t.Errorf("UserProfile (-want +got):\n%s", diff)
	}
	// A key is in every record, even one of a message type.
	if c := model.Entities[0].Columns[1]; c.Name != "created_at" || c.Role != "sort" || c.Presence {
		t.Errorf("key column %+v, want created_at without presence", c)
	}
	// A store of bytes has no columns for marked fields.
	order := model.Entities[0]
	for _, c := range order.Columns {
		if c.Role == "marked" {
			t.Errorf("%s on a store of bytes has column %s", order.Name, c.Name)
		}
	}
	if got := order.Indexes[0].Fields; !cmp.Equal(got, []int32{4, 2}) {
		t.Errorf("index status is over %v, want 4, 2", got)
	}
	if session := model.Entities[1]; !session.Expires {
		t.Errorf("%s has a ttl and does not expire", session.Name)
	}
	if got := model.Namespaces[0].Migrations; got == nil || len(got) > 0 {
		t.Errorf("migrations of a store without schema: %v, want an empty list", got)
	}
}

// A lock is followed by the same lock, and names the open migrations of its
// run, which may be gone now.
func TestPlanFollowsLock(t *testing.T) {
	first, _ := plan(t, "sql", "sql", nil)
	lock := contents(first)["schemas/shop/prism.lock.json"]
	second, faults := plan(t, "sql", "sql", []byte(lock))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff(first.Files, second.Files); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// This compiler plans first migrations only, and says so of any other history.
func TestPlanRefuses(t *testing.T) {
	text, err := os.ReadFile("testdata/format1.json")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(`"deployment": "shop"`), []byte(`"deployment": "store"`), 1)
	h, faults := plan(t, "sql", "sql", text)
	want := []string{
		`schemas/shop/prism.lock.json:3:3: PRISM4012 [lock.deployment] the lock belongs to deployment "store", but prism.yaml is for "shop"; a history belongs to one deployment, and the deployment's name does not change; keep the name, or begin a new deployment in a folder of its own`,
		`schemas/shop/prism.lock.json:4:3: PRISM4011 [lock.release] release 3 is closed; this release of the compiler plans only a deployment's first migration; use the compiler that closed it, or a later one`,
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(want, got); h != nil || diff != "" {
		t.Errorf("history %v (-want +got):\n%s", h, diff)
	}
}

// What the lock holds is not left behind in silence: every way to that is
// refused with what becomes of the records and how to go on, and only --abandon
// goes through.
func TestPlanLeavesNothingBehind(t *testing.T) {
	first, _ := plan(t, "sql", "bytes", nil)
	lock := contents(first)["schemas/shop/prism.lock.json"]
	order := strings.Index(lock, `"name": "shop.v1.Order"`)
	edit := func(from, to string) string {
		if !strings.Contains(lock[order:], from) {
			t.Fatalf("no %s in the lock", from)
		}
		return lock[:order] + strings.Replace(lock[order:], from, to, 1)
	}
	const (
		along   = "; to take the records along, see docs/moving.md; to leave them behind, run prism generate --abandon "
		backend = "PRISM4013 [lock.backend] "
		name    = "PRISM4014 [lock.namespace] "
		entity  = "PRISM4015 [lock.entity] "
	)
	tests := []struct{ what, lock, want, abandon string }{
		{"backend", strings.Replace(lock, `"backend": "bytes"`, `"backend": "sqlite"`, 1), "schemas/shop/prism.lock.json:8:9: " + backend +
			"namespace orders was on sqlite and is on bytes now; its records stay on sqlite, where the proxy does not look; a namespace keeps its backend and the settings that say where its records are, because nothing moves them; write backend: sqlite", "orders"},
		{"where its records are", strings.Replace(lock, `"prefix": "prism"`, `"prefix": "shop"`, 1), backend +
			`namespace orders had prefix "shop" and has "prism" now; its records stay where they are, where the proxy does not look; `, "orders"},
		{"namespace renamed", strings.ReplaceAll(lock, `"orders"`, `"purchases"`), name +
			"namespace purchases is called orders now; its records stay in purchases on bytes, where the proxy does not look; ", "purchases"},
		{"namespace gone", strings.Replace(lock, `"namespaces": [`, `"namespaces": [{"name": "carts", "backend": "bytes", "migrations": []},`, 1), name +
			"namespace carts is gone; its records stay on bytes, and no proxy answers with them; ", "carts"},
		{"entity gone", edit("shop.v1.Order\",", "shop.v1.Cart\", \"abstraction\": \"key_value\", \"namespace\": \"orders\", \"table\": \"carts\"},{\"name\": \"shop.v1.Order\","), entity +
			"entity shop.v1.Cart is gone; its records stay in table carts of namespace orders, and no proxy answers with them; ", "shop.v1.Cart"},
		{"entity in another namespace", edit(`"namespace": "orders"`, `"namespace": "sessions"`), entity +
			"entity shop.v1.Order was in namespace sessions and is in orders now; its records stay in sessions, where the proxy does not look; ", "shop.v1.Order"},
		{"abstraction", edit(`"abstraction": "key_value"`, `"abstraction": "queue"`), entity +
			"entity shop.v1.Order was a queue and is a key_value now; its records stay as they are, and the proxy does not read them so; ", "shop.v1.Order"},
		{"table", edit(`"table": "orders"`, `"table": "purchases"`), entity +
			"entity shop.v1.Order had table purchases and has orders now; its records stay in purchases, where the proxy does not look; ", "shop.v1.Order"},
		{"message renamed", edit("shop.v1.Order\"", "shop.v1.Purchase\""), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			h, faults := plan(t, "sql", "bytes", []byte(tt.lock))
			if tt.want == "" {
				if h == nil {
					t.Error(faults)
				}
				return
			}
			if h != nil || len(faults) != 1 || !strings.Contains(faults[0].String(), tt.want) || !strings.HasSuffix(faults[0].String(), along+tt.abandon) {
				t.Fatalf("got  %v\nwant %s … %s", faults, tt.want, along+tt.abandon)
			}
			if h, _ = plan(t, "sql", "bytes", []byte(tt.lock), "nothing"); h != nil {
				t.Error("another name lets it through")
			}
			h, faults = plan(t, "sql", "bytes", []byte(tt.lock), tt.abandon, "nothing")
			if h == nil || !cmp.Equal(h.Abandoned, []string{tt.abandon}) {
				t.Fatalf("abandoned: %v", faults)
			}
			if got := contents(h)["schemas/shop/prism.lock.json"]; got != lock {
				t.Errorf("the lock still knows what was abandoned:\n%s", got)
			}
		})
	}
	// What nothing outlives may move.
	moved, faults := plan(t, "sql", "bytes", []byte(strings.ReplaceAll(lock, `"backend": "bytes"`, `"backend": "volatile"`)))
	if moved == nil {
		t.Error(faults)
	}
}

// The examples that prism explain shows are true.
func TestExamples(t *testing.T) {
	for _, number := range []int{4010, 4011, 4012, 4013, 4014, 4015} {
		rule, _ := schema.FindRule(number)
		bad, good := rule.Examples()
		bad, good = strings.ReplaceAll(bad, "sqlite", "sql"), strings.ReplaceAll(good, "sqlite", "sql")
		if _, faults := plan(t, "sql", "sql", []byte(bad)); len(faults) != 1 || faults[0].Number != number {
			t.Errorf("bad example of %d: %v", number, faults)
		}
		if _, faults := plan(t, "sql", "sql", []byte(good)); len(faults) > 0 {
			t.Errorf("good example of %d: %v", number, faults)
		}
	}
}
