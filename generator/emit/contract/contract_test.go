package contract_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	prism "github.com/prism-proxy/prism/runtime"
)

var update = flag.Bool("update", false, "write what is emitted into testdata and out/contract")

// TestGolden pins what clients read: the .proto files and the Go clients. The
// .pb.go files are protoc-gen-go's affair.
func TestGolden(t *testing.T) {
	for name, d := range map[string]*schema.Deployment{"shop": shop(t), "wide": wide(t)} {
		t.Run(name, func(t *testing.T) {
			for _, f := range emitted(t, d).Files {
				if strings.HasSuffix(f.Path, ".pb.go") {
					continue
				}
				golden := filepath.Join("testdata", name, filepath.Base(f.Path)+".golden")
				if *update {
					write(t, golden, f.Content)
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Path, diff)
				}
			}
		})
	}
}

// TestOut: what the tests of this package compile and call is what is emitted.
func TestOut(t *testing.T) {
	for _, f := range emitted(t, shop(t)).Files {
		onDisk := filepath.Join("..", "..", "..", f.Path)
		if *update {
			write(t, onDisk, f.Content)
		}
		got, err := os.ReadFile(onDisk)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, f.Content) {
			t.Errorf("%s is stale", f.Path)
		}
	}
}

// The numbers and types of every entity's messages are frozen. X stands for
// the entity, Xs for its plural, x and xs for their labels; a line ends in ttl
// where only an entity with a ttl has the field.
const frozen = `
XRecord x 1 X
XRecord version 2 int64
XRecord expire_time 3 google.protobuf.Timestamp ttl
PutXRequest x 1 X
PutXResponse version 1 int64
PutXResponse expire_time 2 google.protobuf.Timestamp ttl
GetXRequest key 1 XKey
GetXResponse record 1 XRecord
DeleteXRequest key 1 XKey
DeleteXRequest if_version 2 int64
DeleteXResponse existed 1 bool
CompareAndSwapXRequest x 1 X
CompareAndSwapXRequest expected_version 2 int64
CompareAndSwapXResponse version 1 int64
CompareAndSwapXResponse expire_time 2 google.protobuf.Timestamp ttl
BatchPutXsRequest xs 1 repeated X
BatchPutXsResponse.Result version 1 int64
BatchPutXsResponse.Result expire_time 2 google.protobuf.Timestamp ttl
BatchPutXsResponse results 1 repeated BatchPutXsResponse.Result
BatchGetXsRequest keys 1 repeated XKey
BatchGetXsResponse.Result record 1 XRecord
BatchGetXsResponse results 1 repeated BatchGetXsResponse.Result
BatchDeleteXsRequest keys 1 repeated XKey
BatchDeleteXsResponse.Result existed 1 bool
BatchDeleteXsResponse results 1 repeated BatchDeleteXsResponse.Result
ScanXsRequest reverse 13 bool
ScanXsRequest page_size 14 int32
ScanXsRequest page_token 15 string
ScanXsResponse records 1 repeated XRecord
ScanXsResponse next_page_token 2 string
`

func TestFrozenNumbers(t *testing.T) {
	tests := []struct {
		file, entity, plural, label, labels string
		ttl                                 bool
		own                                 string // what its key and indexes add
	}{
		{"shop/v1/user_profile_prism.proto", "UserProfile", "UserProfiles", "user_profile", "user_profiles", false, `
UserProfileKey user_id 1 string
FindUserProfileByEmailRequest.By email 2 string
FindUserProfileByEmailRequest by 1 FindUserProfileByEmailRequest.By
FindUserProfileByEmailResponse record 1 UserProfileRecord
`},
		{"shop/v1/session_prism.proto", "Session", "Sessions", "session", "sessions", true, `
SessionKey session_id 1 string
FindSessionsByUserIdRequest.By user_id 2 string
FindSessionsByUserIdRequest by 1 FindSessionsByUserIdRequest.By
FindSessionsByUserIdRequest reverse 13 bool
FindSessionsByUserIdRequest page_size 14 int32
FindSessionsByUserIdRequest page_token 15 string
FindSessionsByUserIdResponse records 1 repeated SessionRecord
FindSessionsByUserIdResponse next_page_token 2 string
`},
		{"shop/v1/order_prism.proto", "Order", "Orders", "order", "orders", false, `
OrderKey customer_id 1 string
OrderKey created_at 2 google.protobuf.Timestamp
OrderKey order_id 3 string
OrderPartition customer_id 1 string
OrderSort created_at 2 google.protobuf.Timestamp
OrderSort order_id 3 optional string
ScanOrdersRequest partition 1 OrderPartition
ScanOrdersRequest from 11 OrderSort
ScanOrdersRequest to 12 OrderSort
FindOrdersByStatusRequest.By status 4 OrderStatus
FindOrdersByStatusRequest.Bound created_at 2 google.protobuf.Timestamp
FindOrdersByStatusRequest by 1 FindOrdersByStatusRequest.By
FindOrdersByStatusRequest from 11 FindOrdersByStatusRequest.Bound
FindOrdersByStatusRequest to 12 FindOrdersByStatusRequest.Bound
FindOrdersByStatusRequest reverse 13 bool
FindOrdersByStatusRequest page_size 14 int32
FindOrdersByStatusRequest page_token 15 string
FindOrdersByStatusResponse records 1 repeated OrderRecord
FindOrdersByStatusResponse next_page_token 2 string
`},
	}
	files, err := protodesc.NewFiles(emitted(t, shop(t)).Descriptors)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.entity, func(t *testing.T) {
			f, err := files.FindFileByPath(test.file)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.NewReplacer("Xs", test.plural, "X", test.entity, "xs ", test.labels+" ", " x ", " "+test.label+" ").Replace(frozen)
			var want []string
			for line := range strings.Lines(all + test.own) {
				line, onlyTTL := strings.CutSuffix(strings.TrimSpace(line), " ttl")
				if line != "" && (test.ttl || !onlyTTL) {
					want = append(want, line)
				}
			}
			got := fieldLines(f.Messages())
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: numbers are frozen (-want +got):\n%s", test.file, diff)
			}
		})
	}
}

func fieldLines(messages protoreflect.MessageDescriptors) []string {
	var lines []string
	for i := range messages.Len() {
		m := messages.Get(i)
		pkg := string(m.ParentFile().Package()) + "."
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			kind := f.Kind().String()
			switch {
			case f.Message() != nil:
				kind = strings.TrimPrefix(string(f.Message().FullName()), pkg)
			case f.Enum() != nil:
				kind = strings.TrimPrefix(string(f.Enum().FullName()), pkg)
			}
			if f.IsList() || f.HasOptionalKeyword() {
				kind = f.Cardinality().String() + " " + kind
			}
			lines = append(lines, fmt.Sprintf("%s %s %d %s", strings.TrimPrefix(string(m.FullName()), pkg), f.Name(), f.Number(), kind))
		}
		lines = append(lines, fieldLines(m.Messages())...)
	}
	return lines
}

// TestRPCs: clients of other languages and the handlers meet by these names.
func TestRPCs(t *testing.T) {
	var got []string
	for _, f := range emitted(t, shop(t)).Descriptors.File {
		for _, s := range f.Service {
			for _, m := range s.Method {
				got = append(got, f.GetPackage()+"."+s.GetName()+"/"+m.GetName())
				if want := "." + f.GetPackage() + "." + m.GetName(); m.GetInputType() != want+"Request" || m.GetOutputType() != want+"Response" {
					t.Errorf("%s takes %s and answers %s", m.GetName(), m.GetInputType(), m.GetOutputType())
				}
			}
		}
	}
	want := strings.Fields(`
		shop.v1.OrderService/PutOrder shop.v1.OrderService/GetOrder
		shop.v1.OrderService/DeleteOrder shop.v1.OrderService/CompareAndSwapOrder
		shop.v1.OrderService/BatchPutOrders shop.v1.OrderService/BatchGetOrders
		shop.v1.OrderService/BatchDeleteOrders shop.v1.OrderService/ScanOrders
		shop.v1.OrderService/FindOrdersByStatus
		shop.v1.SessionService/PutSession shop.v1.SessionService/GetSession
		shop.v1.SessionService/DeleteSession shop.v1.SessionService/CompareAndSwapSession
		shop.v1.SessionService/BatchPutSessions shop.v1.SessionService/BatchGetSessions
		shop.v1.SessionService/BatchDeleteSessions shop.v1.SessionService/ScanSessions
		shop.v1.SessionService/FindSessionsByUserId
		shop.v1.UserProfileService/PutUserProfile shop.v1.UserProfileService/GetUserProfile
		shop.v1.UserProfileService/DeleteUserProfile shop.v1.UserProfileService/CompareAndSwapUserProfile
		shop.v1.UserProfileService/BatchPutUserProfiles shop.v1.UserProfileService/BatchGetUserProfiles
		shop.v1.UserProfileService/BatchDeleteUserProfiles shop.v1.UserProfileService/ScanUserProfiles
		shop.v1.UserProfileService/FindUserProfileByEmail`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RPCs (-want +got):\n%s", diff)
	}
}

// TestDeterminism: the contract depends on nothing but the model, not on the
// order of its files nor on the scheduler.
func TestDeterminism(t *testing.T) {
	want := emitted(t, shop(t))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i := range 20 {
		runtime.GOMAXPROCS(1 + i%4)
		d := shop(t)
		rand.Shuffle(len(d.Files), func(i, j int) { d.Files[i], d.Files[j] = d.Files[j], d.Files[i] })
		slices.Reverse(d.Namespaces)
		got := emitted(t, d)
		if !slices.EqualFunc(want.Files, got.Files, func(a, b emit.File) bool {
			return a.Path == b.Path && bytes.Equal(a.Content, b.Content)
		}) {
			t.Fatalf("run %d: other files", i)
		}
		if descriptors(t, got) != descriptors(t, want) {
			t.Fatalf("run %d: other descriptors", i)
		}
	}
}

func descriptors(t *testing.T, c *contract.Contract) string {
	t.Helper()
	text, err := c.DescriptorText()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNoLabels: options of source retention reach no binary, neither in the
// embedded descriptors nor in Go messages; nor do comments of the schema.
func TestNoLabels(t *testing.T) {
	d := shop(t)
	option := string(protowire.AppendTag(nil, 57600, protowire.BytesType))
	source, err := proto.Marshal(protodesc.ToFileDescriptorProto(d.Files[0]))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), option) {
		t.Fatalf("%s has no option to strip: the test shows nothing", d.Files[0].Path())
	}
	c := emitted(t, shop(t))
	set, err := prism.Descriptors([]byte(descriptors(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	embedded := string(encoded)
	for what, bytes := range map[string]string{
		"an option of Prism":  option,
		"a namespace":         "user-profiles",
		"a comment of a file": "never reused",
	} {
		if strings.Contains(embedded, bytes) {
			t.Errorf("the descriptors hold %s (%q)", what, bytes)
		}
	}
	for _, f := range c.Files {
		// protoc-gen-go writes descriptors as a Go string, 0x82 as \x82.
		for _, bytes := range []string{`\x82\x90\x1c`, "user-profiles"} {
			if strings.Contains(string(f.Content), bytes) {
				t.Errorf("%s holds %s", f.Path, bytes)
			}
		}
	}
}

// TestDescriptors: the set is complete and in dependency order, so that a proxy
// can serve reflection from it alone.
func TestDescriptors(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range emitted(t, shop(t)).Descriptors.File {
		for _, d := range f.Dependency {
			if !seen[d] {
				t.Errorf("%s stands before its import %s", f.GetName(), d)
			}
		}
		seen[f.GetName()] = true
	}
	want := []string{
		"google/protobuf/descriptor.proto", "google/protobuf/duration.proto", "google/protobuf/timestamp.proto",
		"prism/v1/options.proto", "shop/v1/order.proto", "shop/v1/order_prism.proto", "shop/v1/session.proto",
		"shop/v1/session_prism.proto", "shop/v1/user_profile.proto", "shop/v1/user_profile_prism.proto",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestDescriptorText: what a proxy embeds is the whole set, also where a
// checkout has made CRLF of its lines.
func TestDescriptorText(t *testing.T) {
	for name, d := range map[string]*schema.Deployment{"shop": shop(t), "wide": wide(t)} {
		c := emitted(t, d)
		for _, text := range []string{descriptors(t, c), strings.ReplaceAll(descriptors(t, c), "\n", "\r\n")} {
			set, err := prism.Descriptors([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Descriptors, set, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-emitted +read):\n%s", name, diff)
			}
		}
	}
}

// TestDescriptorTextDigest: what the schema says of a message, options included,
// is in the text, and not how it is written; and one message's edit is in one
// paragraph, so that branches merge.
func TestDescriptorTextDigest(t *testing.T) {
	const file = "shop/v1/order.proto"
	with := func(edit func(string) string) []string {
		t.Helper()
		return strings.Split(descriptors(t, emitted(t, edited(t, file, edit))), "\n\n")
	}
	replace := func(from, to string) func(string) string {
		return func(text string) string {
			if !strings.Contains(text, from) {
				t.Fatalf("no %q in %s", from, file)
			}
			return strings.Replace(text, from, to, 1)
		}
	}
	before := with(func(text string) string { return text })
	if diff := cmp.Diff(before, with(replace("message Order {", "// Another comment.\nmessage Order {"))); diff != "" {
		t.Errorf("a comment changes the text:\n%s", diff)
	}
	for what, after := range map[string][]string{
		"an option": with(replace("peak_reads_per_second: ", "peak_reads_per_second: 1")),
		"a field":   with(replace("message Order {", "message Order {\n  string added = 999;")),
	} {
		var changed []string
		for i, p := range after {
			if p != before[i] {
				title, _, _ := strings.Cut(p, "\n")
				changed = append(changed, title[:len("# message Order")])
			}
		}
		if len(before) != len(after) || !slices.Equal(changed, []string{"# message Order"}) {
			t.Errorf("%s changes the paragraphs %q", what, changed)
		}
	}
}

// TestHeader: the writer refuses to overwrite a file without the header.
func TestHeader(t *testing.T) {
	for _, f := range emitted(t, shop(t)).Files {
		if !bytes.HasPrefix(f.Content, []byte(golang.Header+"\n")) {
			t.Errorf("%s begins with %.60q", f.Path, f.Content)
		}
	}
}

func emitted(t *testing.T, d *schema.Deployment) *contract.Contract {
	t.Helper()
	c, err := contract.Emit(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
