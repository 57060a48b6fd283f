package schema_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

func readShop(t *testing.T) *schema.Deployment {
	t.Helper()
	text, files := shopFiles(t)
	return readShuffled(t, text, files)
}

func shopFiles(t *testing.T) ([]byte, []protoreflect.FileDescriptor) {
	t.Helper()
	text, err := os.ReadFile("../../schemas/shop/prism.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: os.DirFS("../../schemas")}}, schema.Packages(text))
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	return text, files
}

func readShuffled(t *testing.T, config []byte, files []protoreflect.FileDescriptor) *schema.Deployment {
	t.Helper()
	files = slices.Clone(files)
	rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	d, faults := schema.Read(schema.Input{Config: config, ConfigPath: configPath, Files: files, Stores: backends})
	if d == nil || len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	return d
}

// models compares models by their content; descriptors by name and namespaces,
// which point back, by name.
var models = cmp.Options{
	cmpopts.IgnoreFields(schema.Deployment{}, "Files"), cmpopts.IgnoreUnexported(schema.Deployment{}),
	cmp.Transformer("abstraction", func(a *schema.Abstraction) string { return a.Name }),
	cmp.Transformer("descriptor", func(d protoreflect.MessageDescriptor) string { return string(d.FullName()) }),
	cmp.Transformer("field", func(d protoreflect.FieldDescriptor) string { return string(d.FullName()) }),
	cmp.FilterPath(func(p cmp.Path) bool { return strings.HasSuffix(p.GoString(), ".Namespace") },
		cmp.Transformer("namespace", func(n *schema.Namespace) string { return n.Name })),
}

func TestShop(t *testing.T) {
	d := readShop(t)
	if got, want := d.Name+" "+d.ImportPath+" "+d.Dir, "shop github.com/prism-proxy/prism schemas/shop"; got != want {
		t.Errorf("deployment %s, want %s", got, want)
	}
	var names []string
	for _, e := range d.Entities() {
		names = append(names, e.Namespace.Name+" "+e.Name)
	}
	if diff := cmp.Diff([]string{"orders Order", "sessions Session", "user-profiles UserProfile"}, names); diff != "" {
		t.Fatalf("entities (-want +got):\n%s", diff)
	}
	order, session, profile := d.Entities()[0], d.Entities()[1], d.Entities()[2]

	want := &schema.Entity{
		Name: "UserProfile", Plural: "UserProfiles", Label: "user_profile", Labels: "user_profiles",
		GoPackage: "userprofile", Table: "user_profiles", Release: 1, Dir: "shop/v1/userprofile",
		Contract:   schema.Contract{Package: "shop.v1", Dir: "shop/v1"},
		Comment:    "UserProfile is a customer as the shop knows them.",
		Capacity:   schema.Capacity{PeakReads: 2000, PeakWrites: 200, Records: 1_000_000, BytesPerRecord: 400},
		Durability: schema.PowerSafe,
		Personal: []schema.Personal{
			{Path: "address", Number: []int32{5}, Category: "ADDRESS", Protection: "MASK"},
			{Path: "display_name", Number: []int32{3}, Category: "NAME", Protection: "MASK"},
			{Path: "email", Number: []int32{2}, Category: "EMAIL", Protection: "MASK", Indexed: true},
			{Path: "sms", Number: []int32{7}, Category: "PHONE", Protection: "MASK"},
		},
		Source:        schema.Source{File: "shop/v1/user_profile.proto", Line: 11, Column: 1},
		Compatibility: schema.Compatibility{Backward: true, Forward: true, Transitive: true},
	}
	parts := cmpopts.IgnoreFields(schema.Entity{}, "Desc", "Namespace", "Abstraction", "Fields", "Partition", "Sort", "Indexes", "Service")
	if diff := cmp.Diff(want, profile, parts); diff != "" {
		t.Errorf("UserProfile (-want +got):\n%s", diff)
	}

	fields := []string{}
	for _, f := range order.Fields {
		fields = append(fields, strings.Join([]string{f.Name, f.GoName, typeNames[f.Type], roleNames[f.Role], f.Column}, " "))
	}
	if diff := cmp.Diff([]string{
		"customer_id CustomerID text key customer_id",
		"created_at CreatedAt timestamp key created_at",
		"order_id OrderID text key order_id",
		"status Status int indexed status",
		"total Total other plain ",
		"lines Lines other plain ",
		"attributes Attributes other plain ",
		"delivery_window DeliveryWindow other plain ",
		"adult_only AdultOnly bool marked adult_only",
		"loyalty_points LoyaltyPoints int marked loyalty_points",
	}, fields); diff != "" {
		t.Errorf("fields of Order (-want +got):\n%s", diff)
	}
	if got := []int{len(order.Partition), len(order.Sort), len(profile.Sort), len(session.Partition)}; !slices.Equal(got, []int{1, 2, 0, 1}) {
		t.Errorf("key lengths %v", got)
	}
	if got := order.Fields[9]; *got.Min != -1_000_000 || *got.Max != 1_000_000 {
		t.Errorf("range of %s: %d to %d", got.Name, *got.Min, *got.Max)
	}
	if session.TTL != 30*time.Minute || order.TTL != 0 {
		t.Errorf("ttl of Session %s, of Order %s", session.TTL, order.TTL)
	}
	if got, want := session.Fields[1].Comment, "Whose session it is: a UserProfile's user_id. Signing out everywhere finds\nall sessions of a user by it."; got != want {
		t.Errorf("comment %q, want %q", got, want)
	}
	email := profile.Fields[1]
	if !email.Presence || email.Required || email.MaxLength != 254 || email.Personal != "EMAIL" {
		t.Errorf("email: %+v", email)
	}
	if !profile.Fields[2].Required || !profile.Fields[0].Required || !order.Fields[1].Required || profile.Fields[5].Required {
		t.Error("required is: display_name as written, and a key of text or time in any case")
	}
	if len(profile.Fields[6].OneofSiblings()) != 1 || len(email.OneofSiblings()) != 0 {
		t.Error("sms has one sibling in its oneof, email none")
	}

	var indexes []schema.Index
	for _, e := range d.Entities() {
		for _, x := range e.Indexes {
			index := *x
			index.Source = schema.Source{}
			indexes = append(indexes, index)
		}
	}
	if diff := cmp.Diff([]schema.Index{
		{Name: "status", Find: "FindOrdersByStatus", GoName: "findByStatus", SQLName: "orders_status", Equality: order.Fields[3:4], Ordered: order.Fields[1]},
		{Name: "user_id", Find: "FindSessionsByUserId", GoName: "findByUserID", SQLName: "sessions_user_id", Equality: session.Fields[1:2]},
		{Name: "email", Find: "FindUserProfileByEmail", GoName: "findByEmail", SQLName: "user_profiles_email", Equality: profile.Fields[1:2], Unique: true},
	}, indexes, models); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
}

var (
	typeNames = map[schema.Type]string{schema.Other: "other", schema.Text: "text", schema.Int: "int", schema.Uint: "uint", schema.Bool: "bool", schema.Timestamp: "timestamp"}
	roleNames = map[schema.Role]string{schema.Plain: "plain", schema.Key: "key", schema.Indexed: "indexed", schema.Marked: "marked"}
)

// The order of files decides nothing.
func TestReadIsDeterministic(t *testing.T) {
	text, files := shopFiles(t)
	first := readShuffled(t, text, files)
	for range 20 {
		again := readShuffled(t, text, files)
		if diff := cmp.Diff(first, again, models); diff != "" {
			t.Fatalf("models differ:\n%s", diff)
		}
		if !slices.Equal(first.Files, again.Files) {
			t.Fatalf("files %v, then %v", first.Files, again.Files)
		}
	}
}

// A message that contains itself, or is reached on several ways, stands in the
// inventory once a path.
func TestPersonalInventory(t *testing.T) {
	d, faults := read(t, config, strings.Replace(order, "}\n", `  Person buyer = 2;
  repeated Person others = 3 [(prism.v1.field).pii.category = CUSTOM];
  map<string, Person> agents = 4;
  Line line = 5;
}
message Person {
  string name = 1 [(prism.v1.field).pii.category = NAME];
  Person parent = 2;
  Contact contact = 3;
}
message Contact { string mail = 9 [(prism.v1.field).pii = {category: EMAIL, protection: MASK}]; }
message Line { Line next = 1; string sku = 2; }
`, 1))
	if d == nil {
		t.Fatal(lines(faults))
	}
	var got []string
	for _, p := range d.Entities()[0].Personal {
		got = append(got, p.Path+" "+string(p.Category))
	}
	if diff := cmp.Diff([]string{
		"agents.value.contact.mail EMAIL", "agents.value.name NAME",
		"buyer.contact.mail EMAIL", "buyer.name NAME",
		"others CUSTOM", "others.contact.mail EMAIL", "others.name NAME",
	}, got); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{4, 2, 3, 9}, d.Entities()[0].Personal[0].Number); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}
