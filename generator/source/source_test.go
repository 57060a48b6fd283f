package source_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

var shop = []string{"shop.v1"}

// request is what a front end sends for the shop: its files with source
// information, options as bytes that no Go type has read, in an order of its
// own.
func request(t *testing.T) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"../../schemas"}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(t.Context(), "shop/v1/session.proto", "shop/v1/order.proto", "shop/v1/user_profile.proto",
		prismv1.Path, "google/protobuf/descriptor.proto", "google/protobuf/duration.proto", "google/protobuf/timestamp.proto")
	if err != nil {
		t.Fatal(err)
	}
	req := &pluginpb.CodeGeneratorRequest{}
	for _, f := range files {
		req.ProtoFile = append(req.ProtoFile, raw(t, f))
		if strings.HasPrefix(f.Path(), "shop/") {
			req.FileToGenerate = append(req.FileToGenerate, f.Path())
		}
	}
	rand.Shuffle(len(req.ProtoFile), func(i, j int) {
		req.ProtoFile[i], req.ProtoFile[j] = req.ProtoFile[j], req.ProtoFile[i]
	})
	return req
}

// strip removes the options of messages and fields, as front ends do with those
// of source retention.
func strip(p *descriptorpb.FileDescriptorProto) {
	for _, m := range p.GetMessageType() {
		m.Options = nil
		for _, f := range m.GetField() {
			f.Options = nil
		}
	}
}

func raw(t *testing.T, f linker.File) *descriptorpb.FileDescriptorProto {
	t.Helper()
	b, err := proto.Marshal(protoutil.ProtoFromFileDescriptor(f))
	if err != nil {
		t.Fatal(err)
	}
	p := &descriptorpb.FileDescriptorProto{}
	if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(b, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, files []protoreflect.FileDescriptor) (*schema.Deployment, []schema.Diagnostic) {
	t.Helper()
	config, err := os.ReadFile("../../schemas/shop/prism.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return schema.Read(schema.Input{
		Config: config, ConfigPath: "schemas/shop/prism.yaml", Files: files,
		Stores: []schema.Store{{Name: "sqlite", KeyValue: &schema.Offer{Can: ^schema.Ability(0)}, Durability: func(map[string]string) schema.Durability { return schema.PowerSafe }}},
	})
}

func model(t *testing.T, files []protoreflect.FileDescriptor, faults []schema.Diagnostic) *schema.Deployment {
	t.Helper()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d, faults := read(t, files)
	if d == nil || len(faults) > 0 {
		t.Fatal(faults)
	}
	return d
}

// said is a file without its positions and comments.
func said(f protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	p := protodesc.ToFileDescriptorProto(f)
	p.SourceCodeInfo = nil
	return p
}

// However a front end hands the schema over, the model is the same: the files,
// the options, the positions of messages, the comments.
func TestFrontEndsAgree(t *testing.T) {
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: os.DirFS("../../schemas")}}, shop)
	want := model(t, files, faults)
	if len(want.Files) != 3 || want.Files[0].Path() != "shop/v1/order.proto" {
		t.Fatalf("files %v", want.Files)
	}

	whole := request(t)
	retained := request(t)
	for _, p := range retained.ProtoFile {
		if strings.HasPrefix(p.GetName(), "shop/") {
			retained.SourceFileDescriptors = append(retained.SourceFileDescriptors, proto.CloneOf(p))
			strip(p)
		}
	}
	for name, req := range map[string]*pluginpb.CodeGeneratorRequest{
		"proto_file": whole, "source_file_descriptors": retained,
	} {
		files, faults := source.FromRequest(req, shop)
		got := model(t, files, faults)
		for i, f := range got.Files {
			if diff := cmp.Diff(said(want.Files[i]), said(f), protocmp.Transform()); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, f.Path(), diff)
			}
		}
		for i, e := range got.Entities() {
			w := want.Entities()[i]
			if e.Source != w.Source || e.Comment != w.Comment || e.Table != w.Table || len(e.Indexes) != len(w.Indexes) {
				t.Errorf("%s: entity %+v, want %+v", name, e, w)
			}
		}
	}
}

// Options that Prism does not know are kept and decoded too, so that their
// bytes do not depend on the front end.
func TestForeignOptionsAreDecoded(t *testing.T) {
	fsys := fstest.MapFS{
		"shop/v1/a.proto": {Data: []byte(`syntax = "proto3"; package shop.v1; import "other/o.proto";
message A { option (other.label) = {name: "x"}; }`)},
		"other/o.proto": {Data: []byte(`syntax = "proto3"; package other; import "google/protobuf/descriptor.proto";
message Label { string name = 1; }
extend google.protobuf.MessageOptions { Label label = 50000; }`)},
	}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, shop)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	options := files[0].Messages().Get(0).Options().ProtoReflect()
	if len(options.GetUnknown()) > 0 {
		t.Errorf("undecoded options %x", options.GetUnknown())
	}
	found := false
	options.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		found = found || f.FullName() == "other.label"
		return true
	})
	if !found {
		t.Error("the option is lost")
	}
}

// An option of a newer compiler is refused: ignoring it would be silent. The
// places are as exact as protoc gives them.
func TestUnknownOption(t *testing.T) {
	req := request(t)
	for _, p := range req.ProtoFile {
		if p.GetName() != "shop/v1/order.proto" {
			continue
		}
		newer := protowire.AppendVarint(protowire.AppendTag(nil, 127, protowire.VarintType), 1)
		addOption(p.MessageType[0].Options, member(4, newer)) // Entity.capacity
		category := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 99)
		p.MessageType[1].Field[0].Options = &descriptorpb.FieldOptions{}
		addOption(p.MessageType[1].Field[0].Options, member(4, category)) // Field.pii
	}
	files, faults := source.FromRequest(req, shop)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	_, faults = read(t, files)
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	const tail = "; a schema uses only options that this compiler knows; use a newer compiler"
	want := []string{
		"shop/v1/order.proto:23:3: PRISM3001 [option.unknown] shop.v1.Order has an option or a value that this compiler does not know" + tail,
		"shop/v1/order.proto:79:3: PRISM3001 [option.unknown] shop.v1.Money.currency_code has an option or a value that this compiler does not know" + tail,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// member is a member of Prism's options, encoded.
func member(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// addOption adds to Prism's option, as a second occurrence that merges.
func addOption(options proto.Message, members []byte) {
	m := options.ProtoReflect()
	m.SetUnknown(append(m.GetUnknown(), member(57600, members)...))
}

func TestCompile(t *testing.T) {
	rule, _ := schema.FindRule(schema.RuleImportMissing)
	importRule := rule.Text
	const head = `syntax = "proto3"; package shop.v1; `
	tests := []struct {
		name  string
		files map[string]string
		paths string
		want  string
	}{
		{"no files", nil, "", ""},
		{
			"only the package's files, sorted",
			map[string]string{"b.proto": head, "a.proto": head, "c/c.proto": `syntax = "proto3"; package cart.v1;`, "d.txt": head},
			"a.proto b.proto", "",
		},
		{
			"hidden folders are passed over",
			map[string]string{"a.proto": head, ".cache/b.proto": head},
			"a.proto", "",
		},
		{
			"options without a copy of options.proto",
			map[string]string{"a.proto": head + `import "prism/v1/options.proto"; message A { option (prism.v1.entity).key_value = {}; }`},
			"a.proto", "",
		},
		{
			"a stale copy of options.proto is not read",
			map[string]string{
				"a.proto":    head + `import "prism/v1/options.proto"; message A { option (prism.v1.entity).key_value = {}; }`,
				prismv1.Path: `syntax = "proto3"; package prism.v1;`,
			},
			"a.proto", "",
		},
		{
			"faults of another package do not count",
			map[string]string{"a.proto": head, "b.proto": `syntax = "proto3"; package cart.v1; message {`},
			"a.proto", "",
		},
		{
			"every fault of every file",
			map[string]string{
				"a.proto": head + "\n  message A { Missing m = 1; }",
				"b.proto": head + "\nmessage B { int64 a = 1; int64 b = 1; }",
			},
			"", "a.proto:2:15: PRISM5008 [proto.language] field shop.v1.A.m: unknown type Missing; a .proto file is what the protobuf language allows; correct the name, or import the file that declares it\n" +
				"b.proto:2:36: PRISM5008 [proto.language] message shop.v1.B: fields a and b both have the same tag 1; a .proto file is what the protobuf language allows; give one of them another number, which no field has had\n",
		},
		{
			"field numbers that the language refuses",
			map[string]string{"a.proto": head + "\nmessage A { int64 a = 0; int64 b = 19000; int64 c = 536870912; }"},
			"", "a.proto:2:23: PRISM5008 [proto.language] tag number 0 must be greater than zero; a .proto file is what the protobuf language allows; write a number from 1 to 536870911 that is not in 19000 to 19999\n" +
				"a.proto:2:36: PRISM5008 [proto.language] tag number 19000 is in disallowed reserved range 19000-19999; a .proto file is what the protobuf language allows; write a number from 1 to 536870911 that is not in 19000 to 19999\n" +
				"a.proto:2:53: PRISM5008 [proto.language] tag number 536870912 is higher than max allowed tag number (536870911); a .proto file is what the protobuf language allows; write a number from 1 to 536870911 that is not in 19000 to 19999\n",
		},
		{
			"fields with one JSON name",
			map[string]string{"a.proto": head + "\nmessage A { int64 foo_bar = 1; int64 fooBar = 2; }"},
			"", `a.proto:2:32: PRISM5008 [proto.language] field A.fooBar: default JSON name "fooBar" conflicts with default JSON name of field foo_bar, defined at a.proto:2:13; a .proto file is what the protobuf language allows; rename one, or give it another json_name` + "\n",
		},
		{
			"a control character",
			map[string]string{"a.proto": head + "\n\x00message A {}"},
			"", "a.proto:2:1: PRISM5008 [proto.language] invalid control character; a .proto file is what the protobuf language allows; remove it\n",
		},
		{
			"a name beyond ASCII",
			map[string]string{"a.proto": head + "\nmessage Ä {}"},
			"", "a.proto:2:9: PRISM5008 [proto.language] invalid character; a .proto file is what the protobuf language allows; remove it\n",
		},
		{
			"a missing import",
			map[string]string{"a.proto": head + `import "none.proto";`},
			"", "a.proto:1:44: PRISM5006 [import.missing] none.proto is not in schemas, and does not come with the compiler; " + importRule + "; correct the path, or add the folder in which none.proto stands to import_paths in prism.yaml\n",
		},
		{
			"common files of googleapis come with the compiler",
			map[string]string{"a.proto": head + `import "google/type/money.proto"; import "google/rpc/status.proto"; message A { google.type.Money m = 1; google.rpc.Status s = 2; }`},
			"a.proto", "",
		},
		{
			"an edition that is not known",
			map[string]string{"a.proto": "edition = \"2024\"; package shop.v1;\nmessage A {}"},
			"", "a.proto:1:11: PRISM5007 [edition] edition value \"2024\" not recognized; should be one of [\"2023\"]; a file is of proto2, proto3 or edition 2023; write edition = \"2023\"; or syntax = \"proto3\";\n",
		},
		{
			"options without their import, once for each file",
			map[string]string{
				"a.proto": head + "\nmessage A {\n  option (prism.v1.entity).namespace = \"a\";\n  option (.prism.v1.entity).key_value = {};\n  string id = 1 [(prism.v1.field).partition_key = 1];\n  Missing m = 2;\n}",
				"b.proto": head + "\nmessage B { string id = 1 [(prism.v1.field).partition_key = 1]; }",
				"c.proto": head + "\nimport \"prism/v1/options.proto\"; message C { option (prism.v1.entity).key_value = {}; }",
			},
			"", "a.proto:3:10: PRISM3001 [option.unknown] message shop.v1.A: unknown extension prism.v1.entity; a schema uses only options that this compiler knows; write import \"prism/v1/options.proto\";\n" +
				"a.proto:6:3: PRISM5008 [proto.language] field shop.v1.A.m: unknown type Missing; a .proto file is what the protobuf language allows; correct the name, or import the file that declares it\n" +
				"b.proto:2:28: PRISM3001 [option.unknown] field shop.v1.B.id: unknown extension prism.v1.field; a schema uses only options that this compiler knows; write import \"prism/v1/options.proto\";\n",
		},
		{
			"text broken before its package is known",
			map[string]string{"a.proto": "syntax = \n"},
			"", "a.proto:2:1: PRISM5008 [proto.language] syntax error: unexpected $end, expecting string literal; a .proto file is what the protobuf language allows; complete what stands before this place, where string literal was expected\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, shop)
			var paths []string
			for _, f := range files {
				paths = append(paths, f.Path())
			}
			if got := strings.Join(paths, " "); got != tt.paths {
				t.Errorf("files %q, want %q", got, tt.paths)
			}
			var got strings.Builder
			for _, f := range faults {
				got.WriteString(f.String() + "\n")
			}
			if got.String() != tt.want {
				t.Errorf("got\n%swant\n%s", got.String(), tt.want)
			}
		})
	}
}

// A cycle is found wherever the compiler happened to enter it.
func TestImportCycle(t *testing.T) {
	fsys := fstest.MapFS{
		"a.proto": {Data: []byte(`syntax = "proto3"; package shop.v1; import "b.proto";`)},
		"b.proto": {Data: []byte(`syntax = "proto3"; package shop.v1; import "a.proto";`)},
	}
	_, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, shop)
	if len(faults) == 0 || !strings.Contains(faults[0].String(), ".proto:1:44: PRISM5008 [proto.language] cycle found in imports") {
		t.Errorf("faults %v", faults)
	}
}

// A request that lacks an import cannot be resolved, and says what is missing.
func TestIncompleteRequest(t *testing.T) {
	req := request(t)
	for i, p := range req.ProtoFile {
		if p.GetName() == "google/protobuf/timestamp.proto" {
			req.ProtoFile = append(req.ProtoFile[:i], req.ProtoFile[i+1:]...)
			break
		}
	}
	files, faults := source.FromRequest(req, shop)
	if files != nil || len(faults) != 1 || !strings.Contains(faults[0].What, "google/protobuf/timestamp.proto") {
		t.Errorf("files %v, faults %v", files, faults)
	}
}

// A file whose options may be stripped is refused: its entities would vanish.
func TestPartialRequest(t *testing.T) {
	req := request(t)
	req.FileToGenerate = []string{"shop/v1/session.proto", "shop/v1/user_profile.proto"}
	files, faults := source.FromRequest(req, shop)
	const want = "shop/v1/order.proto: PRISM5024 [plugin.files] the file is imported, but is not among the files to generate; "
	if files != nil || len(faults) != 1 || !strings.HasPrefix(faults[0].String(), want) {
		t.Errorf("files %v, faults %v, want %s", files, faults, want)
	}
}

// A front end that strips the options and does not send them is named.
func TestStrippedRequest(t *testing.T) {
	req := request(t)
	for _, p := range req.ProtoFile {
		strip(p)
	}
	files, faults := source.FromRequest(req, shop)
	const want = "PRISM5025 [plugin.options] the file imports prism/v1/options.proto, and no file has an option of it"
	if files != nil || len(faults) != 1 || !strings.Contains(faults[0].String(), want) || !strings.Contains(faults[0].Fix, "protoc 3.21") {
		t.Errorf("files %v, faults %v, want %s", files, faults, want)
	}
}

// Front ends refuse these numbers, and a request need not be of one.
func TestReservedNumber(t *testing.T) {
	req := request(t)
	for _, p := range req.ProtoFile {
		if p.GetName() == "shop/v1/order.proto" {
			p.MessageType[0].Field[0].Number = proto.Int32(19000)
		}
	}
	files, faults := source.FromRequest(req, shop)
	const want = "shop/v1/order.proto:31:3: PRISM5008 [proto.language] field customer_id has number 19000, and 19000 to 19999 are protobuf's own; a .proto file is what the protobuf language allows; give it another number"
	if files != nil || len(faults) != 1 || faults[0].String() != want {
		t.Errorf("files %v, faults %v, want %s", files, faults, want)
	}
}

// What is too large is refused before it is linked.
// At 50 MiB, in however many files, descriptors are read; beyond, they are not.
func TestDescriptorSize(t *testing.T) {
	sized := func(name string, size int) *descriptorpb.FileDescriptorProto {
		p := &descriptorpb.FileDescriptorProto{Name: &name, Package: proto.String("")}
		for rest := size - proto.Size(p); rest != 0; rest = size - proto.Size(p) {
			p.Package = proto.String(strings.Repeat("a", len(p.GetPackage())+rest))
		}
		return p
	}
	const limit = 50 << 20
	for _, tt := range []struct {
		sizes []int
		want  string // "": it is for the linker to say what is wrong
	}{
		{[]int{limit}, ""},
		{[]int{limit + 1}, "f0: PRISM5020 [limit.descriptors] the descriptors up to this file have 52428801 bytes; "},
		{[]int{limit - 1000, 1000}, ""},
		{[]int{limit - 1000, 1001}, "f1: PRISM5020 [limit.descriptors] the descriptors up to this file have 52428801 bytes; "},
		{[]int{limit / 2, limit / 2, 100}, "f2: PRISM5020 "},
	} {
		var files []*descriptorpb.FileDescriptorProto
		for i, size := range tt.sizes {
			files = append(files, sized("f"+strconv.Itoa(i), size))
		}
		_, faults := source.FromProtos(files, shop)
		got := ""
		for _, f := range faults {
			if f.Number == schema.RuleLimitDescriptors {
				got = f.String()
			}
		}
		if (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) {
			t.Errorf("files of %v bytes: %q, want %q", tt.sizes, got, tt.want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	deep := &descriptorpb.DescriptorProto{}
	for range 32 {
		deep = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{deep}}
	}
	many := make([]*descriptorpb.DescriptorProto, 20_001)
	for i := range many {
		many[i] = &descriptorpb.DescriptorProto{Name: proto.String("M" + strconv.Itoa(i))}
	}
	tests := []struct {
		name string
		file *descriptorpb.FileDescriptorProto
		want string
	}{
		{"nesting", &descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{deep}},
			"PRISM5021 [limit.messages] message M is nested in 31 others; "},
		{"messages", &descriptorpb.FileDescriptorProto{MessageType: many},
			"PRISM5021 [limit.messages] message M20000 is number 20001 of all files; "},
		{"bytes", &descriptorpb.FileDescriptorProto{Dependency: []string{strings.Repeat("a", 50<<20)}},
			"PRISM5020 [limit.descriptors] the descriptors up to this file have 52428808 bytes; "},
	}
	for _, tt := range tests {
		tt.file.Name = proto.String("a")
		files, faults := source.FromProtos([]*descriptorpb.FileDescriptorProto{tt.file}, shop)
		if files != nil || len(faults) != 1 || !strings.HasPrefix(faults[0].String(), "a: "+tt.want) {
			t.Errorf("%s: files %v, faults %.200v, want %s", tt.name, files, faults, tt.want)
		}
	}
}
