package generator_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the releases in testdata anew")

// change replaces what stands once in a file of the shop.
type change struct{ file, old, new string }

// story is what a team does to the shop, release by release. The first changes are
// those before the first release.
type story struct {
	name, about string
	namespace   string // whose migrations are read
	releases    [][]change
}

const (
	profile = "user_profile.proto"
	order   = "order.proto"
	session = "session.proto"
)

// What stories have in common, as it stands in the shop.
const (
	sms       = "string sms = 7 [(prism.v1.field).pii.category = PHONE];"
	uniqueSMS = "string sms = 7 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 32, (prism.v1.field).pii.category = PHONE];"
	notice    = "bool email_notice = 8;"
	name      = "string display_name = 3 ["
	address   = "string client_ip = 3 ["
	interests = "  repeated string interests = 4;"
	adult     = "  optional bool adult_only = 9;"
	points    = "  int64 loyalty_points = 10 [(prism.v1.field).range = {"
	capacity  = "  option (prism.v1.entity).capacity = {"
	priority  = "\n\n  // Larger is sooner.\n  int32 priority = 11 [(prism.v1.field).index = ORDERED];"
	referrer  = "\n\n  string referrer = 9 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 64];"
	byPoints  = "  option (prism.v1.entity).index = {\n    name: \"points\"\n    equality: [\"status\"]\n    ordered: \"loyalty_points\"\n  };\n"
)

func wide(field string) string { return strings.Replace(field, "int32", "int64", 1) }

// entity adds an option to the entity that has a capacity: what a reviewer must read of
// a change, or compatibility.
func entity(file, option string) change {
	return change{file, capacity, "  option (prism.v1.entity)." + option + ";\n" + capacity}
}

// back takes a change back: an acknowledgement stands until the release after.
func back(c change) change { return change{c.file, c.new, c.old} }

var (
	renamed = change{profile, name, "string full_name = 3 [json_name = \"displayName\", "}
	forward = entity(order, "compatibility = BACKWARD_TRANSITIVE")
	noFind  = entity(session, `acknowledge = {rule: "evolve.contract", field: 2, reason: "nobody calls the Find"}`)
	noRefer = entity(profile, `acknowledge = {rule: "evolve.contract", field: 9, reason: "nobody calls the Find"}`)
	agent   = change{session, address, "string user_agent = 5;\n\n  " + address}
	noticed = change{profile, notice, "bool email_notice = 8 [(prism.v1.field).column = {}];"}
	onlyOne = change{profile, sms, uniqueSMS}
	carts   = change{order, "\n\nenum OrderStatus {", cartMessage + "\nenum OrderStatus {"}
)

var stories = []story{
	{"rename", "A field has another name, and so has one that is indexed.", "sessions",
		[][]change{{}, {{session, "string user_id = 2 [", "string owner_id = 2 [json_name = \"userId\", "}, noFind, {session, address, "string address = 3 [json_name = \"clientIp\", "}}}},
	{"plain_field", "A field is added that no column holds.", "user-profiles",
		[][]change{{}, {{profile, interests, interests + "\n\n  string nickname = 9;"}}}},
	{"index_on_old_field", "Sessions are to be found by the address that signed in, which they have had all the time.", "sessions",
		[][]change{{}, {{session, address, address + "(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 45, "}}}},
	{"unique", "No two profiles may share a telephone number any more.", "user-profiles", [][]change{{}, {onlyOne}}},
	{"widen", "An indexed int32 becomes an int64. The column holds both.", "orders",
		[][]change{{{order, adult, adult + priority}}, {{order, priority, wide(priority)}, forward}}},
	{"column", "A field is given a column, for people who query the store.", "user-profiles", [][]change{{}, {noticed}}},
	{"column_out", "Sessions are no longer found by their user: release 2 still writes the column for release 1, and release 3 drops it and its index.", "sessions",
		[][]change{{}, {{session, "    (prism.v1.field).index = EQUALITY,\n", ""}, noFind}, {agent, back(noFind)}}},
	{"composite", "Orders of one status are to be found by their points. The columns are there.", "orders",
		[][]change{{}, {{order, capacity, byPoints + capacity}}}},
	{"entity_added", "A namespace has one entity more.", "orders", [][]change{{}, {carts}}},
	{"entity_removed", "A namespace has one entity less, and its records are to go.", "orders", [][]change{{carts},
		{{order, carts.new, carts.old}, {"../prism.yaml", "deployment: shop\n", "deployment: shop\ndrop_tables: [shop.v1.Cart]\n"}}}},
	{"ttl_begun", "Profiles that exist are to expire two years after they were last written.", "user-profiles",
		[][]change{{}, {{profile, capacity, "  option (prism.v1.entity).ttl = {seconds: 63072000};\n" + capacity},
			entity(profile, `acknowledge = {rule: "evolve.lifetime", reason: "who has not come back for two years is forgotten"}`)}}},
	{"ttl_ended", "Sessions are no longer to expire.", "sessions",
		[][]change{{}, {{session, "  option (prism.v1.entity).ttl = {seconds: 1800};\n", ""}}}},
	{"name_reused", "An indexed field goes, over two releases, and later another field has its name.", "user-profiles", [][]change{
		{{profile, interests, interests + referrer}},
		{{profile, referrer, "\n\n  string referrer = 9;"}, noRefer},
		{{profile, "\n\n  string referrer = 9;", "\n\n  reserved 9;"}, back(noRefer)},
		{{profile, "\n\n  reserved 9;", "\n\n  reserved 9;" + strings.Replace(referrer, "= 9", "= 10", 1)}}}},
	{"presence", "Points that were not given are no longer 0. The column of before goes a release later, whatever that is about.", "orders",
		[][]change{{}, {{order, points, "  optional" + points[1:]}}, {agent}}},
	{"seven_changes", "What one release may bring together: another name, a plain field, a unique one, a wider one, a column, a field less, an entity more.", "user-profiles orders",
		[][]change{{{order, adult, adult + priority}}, {
			renamed, agent, onlyOne, {order, priority, wide(priority)}, forward, noticed,
			{profile, interests, "  reserved 4;"}, carts,
		}}},
}

// TestStories compares testdata/releases with what the stories give: what a reviewer
// reads of a release. backends/postgres and backends/sqlite run each of its files.
func TestStories(t *testing.T) {
	const dir = "testdata/releases"
	written := map[string][]byte{}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) { maps.Copy(written, s.tell(t)) })
	}
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for name, content := range written {
			name = filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if _, ok := written[name]; err == nil && !d.IsDir() && !ok {
			t.Errorf("%s: of no story; run go test ./generator -run TestStories -update", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	if shown := written["index_on_old_field/postgres/sessions/0002_sessions_expand.up.sql"]; !bytes.Contains(page, shown) {
		t.Errorf("docs/migrations.md has another file than\n%s", shown)
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if want, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(written[name], want) {
			t.Errorf("%s: not what the compiler writes (%v); read the difference after go test ./generator -run TestStories -update", name, err)
		}
	}
}

// tell returns the files of the story, by their paths: what the schema becomes, and
// the migrations on both stores.
func (s story) tell(t *testing.T) map[string][]byte {
	t.Helper()
	written := map[string][]byte{}
	var b strings.Builder
	b.WriteString(s.about + "\n")
	files := map[string][][]string{} // new ones by backend, and release
	for _, backend := range []string{"postgres", "sqlite"} {
		tm := newTeam(t, backend)
		for _, changes := range s.releases {
			for _, c := range changes {
				tm.edit(c.file, c.old, c.new)
			}
			var sql []string
			for _, name := range tm.write(true) {
				if strings.HasSuffix(name, ".up.sql") {
					sql = append(sql, strings.TrimPrefix(strings.TrimSuffix(name, ".up.sql"), "migrations/"))
				}
			}
			files[backend] = append(files[backend], sql)
		}
		for name, f := range tm.files {
			short, ok := strings.CutPrefix(name, "schemas/shop/migrations/")
			if ok && path.Ext(name) == ".sql" && slices.Contains(strings.Fields(s.namespace), path.Dir(short)) {
				written[path.Join(s.name, backend, short)] = f.Data
			}
		}
	}
	for i, changes := range s.releases {
		if i == 0 && len(changes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nrelease %d\n", i+1)
		for _, c := range changes {
			c.write(&b)
		}
		if i == 0 {
			continue
		}
		for _, backend := range []string{"postgres", "sqlite"} {
			fmt.Fprintf(&b, "  %s: %s\n", backend, cmp.Or(strings.Join(files[backend][i], "\n    "), "no file"))
		}
	}
	written[path.Join(s.name, "story.txt")] = []byte(b.String())
	return written
}

// write writes the lines that go, and those that come.
func (c change) write(b *strings.Builder) {
	old, now := strings.Split(c.old, "\n"), strings.Split(c.new, "\n")
	fmt.Fprintf(b, "  %s\n", path.Base(c.file))
	for _, side := range []struct {
		sign         string
		lines, other []string
	}{{"-", old, now}, {"+", now, old}} {
		for _, line := range side.lines {
			if line != "" && !slices.Contains(side.other, line) {
				fmt.Fprintf(b, "    %s %s\n", side.sign, strings.TrimRight(line, " "))
			}
		}
	}
}
