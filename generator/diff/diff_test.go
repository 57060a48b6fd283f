package diff_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/diff"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

const (
	config  = "prism.yaml"
	profile = "v1/user_profile.proto"
	order   = "v1/order.proto"
	session = "v1/session.proto"
)

// shop is a copy of the shop, as a team changes it from release to release.
type shop struct {
	*testing.T
	files fstest.MapFS
}

// edit is what stands once in a file of the shop, and what shall stand there.
type edit struct{ file, before, after string }

func newShop(t *testing.T, backend string) *shop {
	s := &shop{t, fstest.MapFS{}}
	for _, name := range []string{config, profile, order, session} {
		text, err := os.ReadFile(filepath.Join("../../schemas/shop", name))
		if err != nil {
			t.Fatal(err)
		}
		if backend == "postgres" {
			text = []byte(strings.ReplaceAll(string(text), "    backend: sqlite\n", "    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}\n"))
		}
		s.files["schemas/shop/"+name] = &fstest.MapFile{Data: text}
	}
	return s
}

func (s *shop) edit(edits ...edit) {
	s.Helper()
	for _, e := range edits {
		file := s.files["schemas/shop/"+e.file]
		if n := strings.Count(string(file.Data), e.before); n != 1 {
			s.Fatalf("%s has %q %d times", e.file, e.before, n)
		}
		s.files["schemas/shop/"+e.file] = &fstest.MapFile{Data: []byte(strings.Replace(string(file.Data), e.before, e.after, 1))}
	}
}

func (s *shop) compile(release bool) *generator.Output {
	s.Helper()
	const place = "schemas/shop/" + config
	text, faults := generator.ReadConfig(s.files, place)
	if len(faults) > 0 {
		s.Fatal(faults)
	}
	schemas, err := s.files.Sub("schemas")
	if err != nil {
		s.Fatal(err)
	}
	files, faults := source.Compile(s.Context(), []source.Folder{{Name: "schemas", FS: schemas}}, schema.Packages(text))
	if len(faults) > 0 {
		s.Fatal(faults)
	}
	out, faults := generator.Run(generator.Input{
		Config: text, ConfigPath: place, History: generator.Folder(s.files, path.Dir(place)), Files: files,
		Backends: backends.All(), TestKit: backends.TestKit(), Command: generator.Command{Release: release, Unjudged: true},
	})
	if out == nil {
		s.Fatal(faults)
	}
	return out
}

// release closes what has changed.
func (s *shop) release() {
	s.Helper()
	for _, f := range s.compile(true).Files {
		if strings.HasPrefix(f.Path, "schemas/shop/") {
			s.files[f.Path] = &fstest.MapFile{Data: f.Content}
		}
	}
}

func (s *shop) diff() *diff.Diff {
	s.Helper()
	out := s.compile(false)
	d, err := diff.Since(out.Deployment, backends.All(), out.Plan, out.Findings)
	if err != nil {
		s.Fatal(err)
	}
	return d
}

// lines shows changes: what, class, the files of the steps, and what is not as usual.
func lines(d *diff.Diff) (all []string) {
	for _, c := range d.Changes {
		text := c.What + " · " + c.Class
		var files []string
		for _, s := range c.Steps {
			if name := diff.FileName(s.File); !slices.Contains(files, name) {
				files = append(files, name)
			}
		}
		if len(files) > 0 {
			text += " · " + strings.Join(files, " ")
		}
		if len(c.Refuses) > 0 {
			text += " · refuses " + strings.Join(c.Refuses, ", ")
		}
		if c.Contract != "as before" {
			text += " · " + c.Contract
		}
		all = append(all, text)
	}
	return all
}

const (
	cart = `message Cart {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = {};
  string cart_id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
}

`
	indexed   = "string sms = 7 [(prism.v1.field).pii.category = PHONE, (prism.v1.field).max_length = 32, (prism.v1.field).index = %s];"
	plainSMS  = "string sms = 7 [(prism.v1.field).pii.category = PHONE];"
	capacity  = "    records: 1000000\n"
	composite = "  option (prism.v1.entity).index = {\n    name: \"status\"\n    equality: [\"status\"]\n    ordered: \"created_at\"\n  };\n"
)

func sms(kind string) string { return fmt.Sprintf(indexed, kind) }

// Each kind of change is named at its place, with the statements that are its own.
func TestChanges(t *testing.T) {
	const fenced = "0002_user_profiles_fence 0003_user_profiles_fill"
	filled := "0002_user_profiles_expand 0003_user_profiles_fence 0004_user_profiles_fill"
	for _, tt := range []struct {
		name     string
		releases [][]edit // the last one is open
		want     []string
		says     []string // somewhere in the changes
	}{
		{"a plain field", [][]edit{{}, {{session, "  // SKUs put", "  string device = 9;\n  // SKUs put"}}},
			[]string{"Session, field 9 device: new, string · safe · one field more"}, []string{"release 1 serves beside release 2", "deploy release 1 again", "compatible (FULL_TRANSITIVE, against release 1)"}},
		{"a field of a message below", [][]edit{{}, {{order, "  int64 quantity = 2;", "  int64 quantity = 2;\n  bool gift = 4;"}}},
			[]string{"Order, field [6, 4] lines.gift: new, bool · safe · one field more"}, nil},
		{"an enum", [][]edit{{}, {{order, "ORDER_STATUS_CANCELLED = 5;", "ORDER_STATUS_STOPPED = 5;\n  ORDER_STATUS_LOST = 6;"}}},
			[]string{"Order, field 4 status: value 5 renamed ORDER_STATUS_STOPPED, ORDER_STATUS_CANCELLED before, new value ORDER_STATUS_LOST = 6 · safe"}, nil},
		{"a renamed field with a column", [][]edit{{}, {{profile, "created_at = 6", "made_at = 6"}}},
			[]string{"UserProfile, field 6 made_at: renamed, created_at before · safe · the field's name in code and in JSON"}, nil},
		{"a removed field", [][]edit{{}, {{profile, "  repeated string interests = 4;", "  reserved 4;"}}},
			[]string{"UserProfile, field 4 interests: removed, repeated string before · safe · one field less"}, []string{"nothing: records of before keep its bytes"}},
		{"an equality index", [][]edit{{}, {{profile, plainSMS, sms("EQUALITY")}}},
			[]string{"UserProfile, field 7 sms: now indexed, at most 32 bytes · data-dependent · " + filled + " 0005_user_profiles_sms_index · refuses longer · one method more: FindUserProfilesBySms; other bounds of what is written"},
			[]string{"RELEASE_FENCED", "FindUserProfilesBySms answers INDEX_BUILDING until 0005_user_profiles_sms_index", "migrate down --to 1, nothing is lost", `"declared":1000000`}},
		{"equality becomes unique", [][]edit{{{profile, plainSMS, sms("EQUALITY")}}, {{profile, sms("EQUALITY"), sms("UNIQUE")}}},
			[]string{"UserProfile, field 7 sms: now unique, indexed before · data-dependent · 0002_user_profiles_sms_r2_index · refuses double · method FindUserProfileBySms in the place of FindUserProfilesBySms"}, nil},
		{"a field that no index needs any more, and two releases later", [][]edit{{{profile, plainSMS, sms("UNIQUE")}}, {{profile, sms("UNIQUE"), plainSMS}}},
			[]string{"UserProfile, field 7 sms: no longer unique, no longer at most 32 bytes · safe · one method less: FindUserProfileBySms; other bounds of what is written"},
			[]string{"the index goes on refusing, as UNIQUE, until a later release drops it"}},
		{"an index that goes", [][]edit{{{profile, plainSMS, sms("UNIQUE")}}, {{profile, sms("UNIQUE"), plainSMS}}, {{session, "  // SKUs put", "  string device = 9;\n  // SKUs put"}}},
			[]string{"Session, field 9 device: new, string · safe · one field more",
				"UserProfile, field 7 sms: index user_profiles_sms goes, which release 1 served last, column sms goes, which release 1 served last · contract · 0002_user_profiles_sms_contract 0003_user_profiles_contract"},
			[]string{"deploy release 2 again; not behind migrate complete --contract", "compatible (FULL_TRANSITIVE, against releases 1 to 2)"}},
		{"a column", [][]edit{{}, {{profile, "bool email_notice = 8;", "bool email_notice = 8 [(prism.v1.field).column = {}];"}}},
			[]string{"UserProfile, field 8 email_notice: now a column · data-dependent · " + filled}, nil},
		{"a column that goes", [][]edit{{}, {{profile, "created_at = 6 [(prism.v1.field).column = {}]", "created_at = 6"}}},
			[]string{"UserProfile, field 6 created_at: no longer a column · safe"}, []string{"its column is written for one release more"}},
		{"a wider number", [][]edit{{{profile, "bool email_notice = 8;", "bool email_notice = 8;\n  }\n  oneof rank {\n    sint32 points = 9 [(prism.v1.field).column = {}];"}}, {{profile, "sint32 points", "sint64 points"}}},
			[]string{"UserProfile, field 9 points: now sint64 in oneof rank, sint32 in oneof rank before · data-dependent · " + fenced + " · the field's type"},
			[]string{"a value beyond 32 bits that is written through release 1 is found after the fill", "not compatible, evolve.type"}},
		{"presence", [][]edit{{}, {{order, "optional bool adult_only", "bool adult_only"}}},
			[]string{"Order, field 9 adult_only: no longer optional · data-dependent · 0002_orders_expand 0003_orders_fence 0004_orders_fill"}, nil},
		{"presence in an index", [][]edit{{{profile, "bool email_notice = 8;\n  }", "bool email_notice = 8;\n  }\n  int32 score = 9 [(prism.v1.field).index = ORDERED];"}}, {{profile, "int32 score", "optional int32 score"}}},
			[]string{"UserProfile, field 9 score: now optional · data-dependent · " + filled + " 0005_user_profiles_score_r2_index"}, []string{"FindUserProfilesByScore answers INDEX_BUILDING until 0005_user_profiles_score_r2_index"}},
		{"presence in an index of several fields", [][]edit{{}, {{order, "OrderStatus status = 4;", "optional OrderStatus status = 4;"}}},
			[]string{"Order, field 4 status: now optional · data-dependent · 0002_orders_expand 0003_orders_fence 0004_orders_fill 0005_orders_status_r2_index"}, nil},
		{"a oneof", [][]edit{{}, {{profile, "    bool email_notice = 8;", "    bool email_notice = 8;\n    string fax = 9;"}}},
			[]string{"UserProfile, field 9 fax: new, string in oneof notify_by · safe · one field more"}, nil},
		{"a new index of several fields, and its column", [][]edit{{}, {{session, "  // Random", "  option (prism.v1.entity).index = {name: \"place\" equality: [\"user_id\", \"client_ip\"]};\n  // Random"},
			{session, "client_ip = 3 [", "client_ip = 3 [(prism.v1.field).max_length = 40, "}}},
			[]string{"Session, index place: new, of fields 2, 3 · data-dependent · 0002_sessions_expand 0003_sessions_fence 0004_sessions_fill 0005_sessions_place_index · refuses longer · one method more: FindSessionsByPlace",
				"Session, field 3 client_ip: at most 40 bytes · safe · other bounds of what is written"}, nil},
		{"another index of several fields", [][]edit{{}, {{order, `equality: ["status"]`, `equality: ["status", "order_id"]`}}},
			[]string{"Order, index status: now of fields 4, 3, ordered by 2; of fields 4, ordered by 2 before · safe · 0002_orders_status_r2_index · method FindOrdersByStatus takes other values"}, nil},
		{"a renamed index", [][]edit{{}, {{order, `name: "status"`, `name: "state"`}}},
			[]string{"Order, index state: renamed, status before · safe · method FindOrdersByState in the place of FindOrdersByStatus"}, nil},
		{"an index of several fields that is gone, and then goes", [][]edit{{}, {{order, composite, ""}}, {{order, "  // What the customer pays", "  bool gift = 20;\n  // What the customer pays"}}},
			[]string{"Order, index status: index orders_status goes, which release 1 served last · contract · 0005_orders_status_contract",
				"Order, field 20 gift: new, bool, a column · data-dependent · 0002_orders_expand 0003_orders_fence 0004_orders_fill · one field more"}, nil},
		{"bounds", [][]edit{{}, {{order, "min: -1000000", "min: -2000000"}, {session, "(prism.v1.field).min_length = 16,", "(prism.v1.field).min_length = 8,"}, {profile, "(prism.v1.field).required = true,", ""}}},
			[]string{"Order, field 10 loyalty_points: from -2000000 to 1000000 (from -1000000 to 1000000 before) · safe · other bounds of what is written",
				"Session, field 1 session_id: at least 8 bytes (at least 16 bytes before) · safe · other bounds of what is written",
				"UserProfile, field 3 display_name: no longer required · safe · other bounds of what is written"}, nil},
		{"personal data", [][]edit{{}, {{profile, plainSMS, "string sms = 7;"}, {profile, "  string city = 3;", "  string city = 3 [(prism.v1.field).pii.category = ADDRESS];"}}},
			[]string{"UserProfile, field 7 sms: no longer personal data (PHONE) · safe", "UserProfile, field [5, 3] address.city: personal data (ADDRESS) · safe"}, []string{"not compatible, evolve.pii"}},
		{"acknowledged", [][]edit{{}, {{profile, plainSMS, "string sms = 7;"}, {profile, "  option (prism.v1.entity).durability", "  option (prism.v1.entity).acknowledge = {rule: \"evolve.pii\", field: 7, reason: \"no one's\"};\n  option (prism.v1.entity).durability"}}},
			[]string{"UserProfile, field 7 sms: no longer personal data (PHONE) · safe"}, []string{"evolve.pii, acknowledged: no one's"}},
		{"what no word is of", [][]edit{{}, {{profile, "  repeated string interests = 4;", "  repeated string interests = 4 [deprecated = true];"}}},
			[]string{"UserProfile, field 4 interests: declared otherwise · safe"}, nil},
		{"beside an option of others", [][]edit{
			{{profile, "import \"prism", "import \"google/protobuf/descriptor.proto\";\nimport \"prism"}, {profile, "// Address is", "extend google.protobuf.FieldOptions { string tag = 50001; }\n\n// Address is"},
				{profile, "  repeated string interests = 4;", "  repeated string interests = 4 [(tag) = \"a\"];"}, {profile, "  string city = 3;", "  string city = 3 [(tag) = \"a\"];"}},
			{{profile, "  string city = 3 [(tag) = \"a\"];", "  string city = 3 [(tag) = \"b\"];"}}},
			[]string{"UserProfile, field [5, 3] address.city: declared otherwise · safe"}, nil},
		{"what no entity has", [][]edit{{}, {{session, "// Session is", "message Loose { string text = 1; }\n\n// Session is"}}}, nil, nil},
		{"an entity", [][]edit{{}, {{order, "// Order is", cart + "// Order is"}}},
			[]string{"Cart: new, table carts in namespace orders · safe · 0002_carts_expand · one service more: shop.v1.CartService"}, []string{"migrate down --to 1; records of the new table go with it"}},
		{"an entity that goes", [][]edit{{{order, "// Order is", cart + "// Order is"}}, {{order, cart, ""}, {config, "listen:", "drop_tables: [shop.v1.Cart]\nlisten:"}}},
			[]string{"Cart: removed, its table carts goes · destructive · 0002_carts_contract · one service less: shop.v1.CartService"}, []string{"all records of shop.v1.Cart"}},
		{"a renamed entity", [][]edit{{}, {{session, "message Session {", "message Visit {\n  option (prism.v1.entity).table = \"sessions\";"}}},
			[]string{"Visit: renamed, shop.v1.Session before · safe · service shop.v1.VisitService in the place of shop.v1.SessionService"}, []string{"not compatible, evolve.contract"}},
		{"capacity and durability", [][]edit{{}, {{profile, capacity, "    records: 2000000\n"}, {session, "durability = CRASH_SAFE", "durability = POWER_SAFE"}}},
			[]string{"Session: durability POWER_SAFE, CRASH_SAFE before · safe", "UserProfile: capacity of 2000000 records, 1000000 before · safe"}, nil},
		{"other methods", [][]edit{{}, {{session, "key_value = {}", "key_value = {without: SCAN}"}}},
			[]string{"Session: other methods · safe · one method less: ScanSessions"}, nil},
		{"a ttl that begins", [][]edit{{}, {{profile, "  option (prism.v1.entity).durability", "  option (prism.v1.entity).ttl = {seconds: 3600};\n  option (prism.v1.entity).durability"}}},
			[]string{"UserProfile: ttl 1h, none before · destructive · " + filled + " 0005_user_profiles_expires_index"}, []string{"no record expires before the fill", "records whose last write is 1h ago", "migrate down --to 1; records that have expired are gone"}},
		{"a ttl that ends", [][]edit{{}, {{session, "  option (prism.v1.entity).ttl = {seconds: 1800};\n", ""}}},
			[]string{"Session: no ttl any more, 30m before · data-dependent · 0002_sessions_fence 0003_sessions_fill"}, nil},
		{"a shorter ttl", [][]edit{{}, {{session, "seconds: 1800", "seconds: 60"}}},
			[]string{"Session: ttl 1m, 30m before · destructive"}, []string{"records whose last write is 1m ago"}},
		{"another backend", [][]edit{{}, {{config, "  - name: orders\n    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}\n", "  - name: orders\n    backend: sqlite\n    moved_from: postgres\n"}}},
			[]string{"namespace orders: on sqlite, and on postgres before · safe · 0001_init_expand"}, []string{"its records stay on postgres, and no proxy answers with them", "one proxy serves the store"}},
		{"another backend, of records that expire", [][]edit{{}, {{config, "  - name: sessions\n    backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}\n", "  - name: sessions\n    backend: sqlite\n    moved_from: postgres\n"}}},
			[]string{"namespace sessions: on sqlite, and on postgres before · safe · 0001_init_expand"}, nil},
		{"a namespace", [][]edit{{}, {{config, "  - name: sessions", "  - name: carts\n    backend: memory\n  - name: sessions"}, {order, "// Order is", strings.Replace(cart, `"orders"`, `"carts"`, 1) + "// Order is"}}},
			[]string{"namespace carts: new, on memory · safe", "Cart: new, table carts in namespace carts · safe · one service more: shop.v1.CartService"}, []string{"every proxy has records of its own"}},
		{"an entity of a store that outlives nothing", [][]edit{
			{{config, "  - name: sessions", "  - name: carts\n    backend: memory\n  - name: sessions"}, {order, "// Order is", strings.Replace(cart, `"orders"`, `"carts"`, 1) + "// Order is"}},
			{{config, "  - name: carts\n    backend: memory\n", ""}, {order, strings.Replace(cart, `"orders"`, `"carts"`, 1), ""}}},
			[]string{"Cart: removed · safe · one service less: shop.v1.CartService", "namespace carts: removed · safe"}, []string{"its records, which are in the proxy's memory"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, "postgres")
			for _, edits := range tt.releases[:len(tt.releases)-1] {
				s.edit(edits...)
				s.release()
			}
			s.edit(tt.releases[len(tt.releases)-1]...)
			d := s.diff()
			if diff := cmp.Diff(tt.want, lines(d)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			text, err := json.Marshal(d.Changes)
			if err != nil {
				t.Fatal(err)
			}
			for _, says := range tt.says {
				if !strings.Contains(string(text), says) {
					t.Errorf("no change says %q:\n%s", says, text)
				}
			}
			whole(t, s, d)
		})
	}
}

// whole checks what holds of every diff: each statement of an open migration is of a
// change, each place and text is there, and a second run gives the same.
func whole(t *testing.T, s *shop, d *diff.Diff) {
	t.Helper()
	found := map[string]bool{}
	for _, c := range d.Changes {
		if c.Source.File == "" || c.Source.Line == 0 || strings.HasSuffix(c.What, ": ") || c.SideBySide == "" || c.Undo == "" || c.Lost == "" || c.Records == "" || c.Contract == "" {
			t.Errorf("change %+v", c)
		}
		for _, step := range c.Steps {
			found[step.File] = true
			found[step.Statement] = true
			if step.Statement == "" || step.Lock == "" {
				t.Errorf("%s: step %+v", c.What, step)
			}
		}
	}
	for _, f := range s.compile(false).Files {
		if !slices.Contains(d.Files, f.Path) {
			continue
		}
		if !found[f.Path] {
			t.Errorf("no change needs %s", f.Path)
		}
		_, statements := emit.Take(string(f.Content))
		for _, statement := range statements {
			catalog := strings.HasPrefix(statement, "ALTER ") || strings.HasPrefix(statement, "CREATE ") || strings.HasPrefix(statement, "DROP ")
			if catalog && !strings.Contains(statement, "IF NOT EXISTS") && !found[statement] {
				t.Errorf("no change needs %s of %s", statement, f.Path)
			}
		}
	}
	if diff := cmp.Diff(d, s.diff()); diff != "" {
		t.Errorf("a second run (-first +second):\n%s", diff)
	}
}

// One proxy serves an embedded store, whose tables are written anew without a column.
func TestEmbeddedStore(t *testing.T) {
	s := newShop(t, "sqlite")
	s.edit(edit{profile, plainSMS, sms("UNIQUE")})
	s.release()
	s.edit(edit{profile, sms("UNIQUE"), plainSMS})
	s.release()
	s.edit(edit{profile, "bool email_notice = 8;", "bool email_notice = 8 [(prism.v1.field).column = {}];"})
	d := s.diff()
	whole(t, s, d)
	rewritten := 0
	for _, c := range d.Changes {
		if !strings.HasPrefix(c.SideBySide, "one proxy serves the store: release 2 stops before release 3 starts") {
			t.Errorf("%s: %s", c.What, c.SideBySide)
		}
		for _, step := range c.Steps {
			rewrites := step.Rewrite == "the table"
			if rewrites != strings.Contains(step.Statement, "DROP COLUMN") || rewrites && c.Rows == nil {
				t.Errorf("%s: step %+v of %v rows", c.What, step, c.Rows)
			}
			if rewrites {
				rewritten++
			}
		}
	}
	if rewritten != 1 {
		t.Errorf("%d steps rewrite a table, want 1", rewritten)
	}
}

// Of an entity that declares no capacity nobody knows how many rows are read.
func TestRowsUndeclared(t *testing.T) {
	s := newShop(t, "postgres")
	s.edit(edit{order, "// Order is", cart + "// Order is"})
	s.release()
	s.edit(edit{order, "  string cart_id = 1", "  int32 items = 2 [(prism.v1.field).index = EQUALITY];\n  string cart_id = 1"})
	d := s.diff()
	if len(d.Changes) != 1 || d.Changes[0].Rows == nil || d.Changes[0].Rows.Declared != nil {
		t.Errorf("changes %+v", d.Changes)
	}
}

// Before the first release everything is new; right after one nothing is.
func TestFirst(t *testing.T) {
	s := newShop(t, "postgres")
	d := s.diff()
	want := []string{
		"namespace user-profiles: new, on postgres · safe", "namespace orders: new, on postgres · safe", "namespace sessions: new, on postgres · safe",
		"Order: new, table orders in namespace orders · safe · 0001_init_expand · one service more: shop.v1.OrderService",
		"Session: new, table sessions in namespace sessions · safe · 0001_init_expand · one service more: shop.v1.SessionService",
		"UserProfile: new, table user_profiles in namespace user-profiles · safe · 0001_init_expand · one service more: shop.v1.UserProfileService",
	}
	if diff := cmp.Diff(want, lines(d)); diff != "" || d.Release != 0 || d.Closed {
		t.Errorf("release %d, closed %t (-want +got):\n%s", d.Release, d.Closed, diff)
	}
	whole(t, s, d)
	s.release()
	s.edit(edit{order, "// Order is", "// An Order is"})
	if d := s.diff(); !d.Closed || d.Release != 1 || len(d.Changes)+len(d.Files)+len(d.Findings) > 0 {
		t.Errorf("a comment changes %+v", d)
	}
}
