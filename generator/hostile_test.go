package generator_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// hostile is one attempt on the compiler: a file of package app.v1, given as a
// front end gives it, and the random edits that are made to it before.
type hostile struct {
	file *descriptorpb.FileDescriptorProto
	seed uint64 // 0: no edit
}

const hostileOther = `syntax = "proto3"; package other; option go_package = "example.com/app/other";
message Other { string name = 1; Other next = 2; }`

// hostileFiles are testdata/hostile.proto, and all that it imports.
func hostileFiles(t testing.TB) (base *descriptorpb.FileDescriptorProto, imports []*descriptorpb.FileDescriptorProto) {
	t.Helper()
	text, err := os.ReadFile("testdata/hostile.proto")
	if err != nil {
		t.Fatal(err)
	}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{
		"app/v1/note.proto": {Data: text}, "other/other.proto": {Data: []byte(hostileOther)},
	}}}, []string{"app.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	seen := map[string]bool{files[0].Path(): true}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		for i := range f.Imports().Len() {
			below := f.Imports().Get(i).FileDescriptor
			if !seen[below.Path()] {
				seen[below.Path()] = true
				add(below)
				imports = append(imports, protodesc.ToFileDescriptorProto(below))
			}
		}
	}
	add(files[0])
	return withPlaces(files[0]), imports
}

// withPlaces returns f with its source locations, which protodesc leaves out.
func withPlaces(f protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	p := protodesc.ToFileDescriptorProto(f)
	p.SourceCodeInfo = &descriptorpb.SourceCodeInfo{}
	for i := range f.SourceLocations().Len() {
		l := f.SourceLocations().Get(i)
		p.SourceCodeInfo.Location = append(p.SourceCodeInfo.Location, &descriptorpb.SourceCodeInfo_Location{
			Path:                    l.Path,
			Span:                    []int32{int32(l.StartLine), int32(l.StartColumn), int32(l.EndLine), int32(l.EndColumn)},
			LeadingComments:         &l.LeadingComments,
			TrailingComments:        &l.TrailingComments,
			LeadingDetachedComments: l.LeadingDetachedComments,
		})
	}
	return p
}

// compile runs the compiler as the plugin does.
func (h hostile) compile(imports []*descriptorpb.FileDescriptorProto) (*generator.Output, []schema.Diagnostic) {
	file := proto.CloneOf(h.file)
	if h.seed > 0 {
		edit(rand.New(rand.NewPCG(h.seed, 1)), file)
	}
	if h.seed%5 == 4 {
		file.Options = cmp.Or(file.Options, &descriptorpb.FileOptions{})
		words := append([]string{"app.data.v1", "app.internal.v1", "app.data", "app"}, hostileWords...)
		proto.SetExtension(file.Options, prismv1.E_File, &prismv1.File{ContractPackage: words[h.seed/5%uint64(len(words))]})
	}
	config := fmt.Sprintf(`deployment: app
import_path: example.com/app
packages: [app.v1]
namespaces:
  - {name: notes, backend: sqlite}
  - {name: boxes, backend: %s}
`, []string{"sqlite", "memory", "postgres, config: {url: '${env:URL}'}"}[h.seed%3])
	files, faults := source.FromProtos(append(slices.Clone(imports), file), []string{"app.v1"})
	if len(faults) > 0 {
		return nil, faults
	}
	return generator.Run(generator.Input{
		Config: []byte(config), ConfigPath: "schemas/prism.yaml", Files: files, Backends: backends.All(),
	})
}

// words are what a schema may hold where it holds text.
var hostileWords = []string{
	"", "_", "__proto__", "a", "A", "type", "func", "string", "reset", "Reason", "String", "prism_note", "select", "Order", "order",
	"user_profile", "UserProfile", "Note", "NoteKey", "note_key", "Box", "GetNoteRequest", "_id", "id_", "ID", "I_d",
	"../../etc/x", "/abs", "-o.proto", "a\nb", "a\"b", "a`b", "a\\b", "'; DROP TABLE notes; --", "*/ go:generate rm", "//go:generate rm",
	"go:linkname a b\n", "line x.go:1\n", "\u202eabc", "a\u2028//go:embed x", "\x00", "\xff", "%s%d", "${env:HOME}",
	"example.com/app/out/contract/app/v1;appv1", "example.com/app/out/contract/app/v1;func", "example.com/app/../x;x", "proto2", "editions",
	strings.Repeat("a", 64), strings.Repeat("b", 300), ".app.v1.Note", ".app.v1.Note.Line", ".google.protobuf.Timestamp", ".other.Other", "app.v1", "notes", "boxes",
}

// edit makes one to four random edits.
func edit(random *rand.Rand, file *descriptorpb.FileDescriptorProto) {
	for range 1 + random.IntN(4) {
		var places []func()
		find(random, file.ProtoReflect(), &places)
		places[random.IntN(len(places))]()
	}
}

// find gathers an edit for every member of m that is set, and of what is in it,
// and one that sets a random member.
func find(random *rand.Rand, m protoreflect.Message, places *[]func()) {
	add := func(f func()) { *places = append(*places, f) }
	members := m.Descriptor().Fields()
	add(func() {
		if members.Len() == 0 {
			return
		}
		if f := members.Get(random.IntN(members.Len())); f.Message() == nil && !f.IsList() {
			m.Set(f, scalar(random, f, m.Get(f)))
		}
	})
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if m.Descriptor().FullName() == "google.protobuf.SourceCodeInfo.Location" && f.Kind() == protoreflect.Int32Kind {
			return true // paths and spans are the front end's
		}
		add(func() { m.Clear(f) })
		switch {
		case f.IsList():
			list := v.List()
			add(func() { list.Truncate(random.IntN(list.Len() + 1)) })
			add(func() { list.Append(copyOf(f, list.Get(random.IntN(list.Len())))) })
			for i := range list.Len() {
				if f.Message() != nil {
					find(random, list.Get(i).Message(), places)
				} else {
					add(func() { list.Set(i, scalar(random, f, list.Get(i))) })
				}
			}
		case f.IsMap():
		case f.Message() != nil:
			find(random, v.Message(), places)
		default:
			// Names are what most rules are about.
			for range 3 {
				add(func() { m.Set(f, scalar(random, f, v)) })
			}
		}
		return true
	})
}

func copyOf(f protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	if f.Message() != nil {
		return protoreflect.ValueOfMessage(proto.Clone(v.Message().Interface()).ProtoReflect())
	}
	return v
}

// scalar returns another value of a kind.
func scalar(random *rand.Rand, f protoreflect.FieldDescriptor, old protoreflect.Value) protoreflect.Value {
	number := []int64{0, 1, 2, 3, 4, 7, 17, 63, 64, 1024, 1025, 19000, 57600, 1 << 29, -1, 1<<31 - 1}[random.IntN(16)]
	switch f.Kind() {
	case protoreflect.StringKind:
		word := hostileWords[random.IntN(len(hostileWords))]
		switch random.IntN(6) {
		case 0:
			word = old.String() + word
		case 1:
			word = strings.ToUpper(old.String())
		}
		return protoreflect.ValueOfString(strings.ToValidUTF8(word, "\u202e"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(hostileWords[random.IntN(len(hostileWords))]))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(!old.Bool())
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(random.IntN(values.Len())).Number() + protoreflect.EnumNumber(random.IntN(20)/19*77))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(number)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(number))
	}
	return old
}

// Whatever descriptors hold, what the compiler accepts is sound, as verify has
// it, and what it refuses says where and why, in one line. To minimise what is
// merely interesting takes a minute each:
//
//	go test ./generator -run '^$' -fuzz FuzzSchema -fuzzminimizetime 1x
func FuzzSchema(f *testing.F) {
	base, imports := hostileFiles(f)
	wire, err := proto.Marshal(base)
	if err != nil {
		f.Fatal(err)
	}
	verifier := newVerifier(f)
	for seed := range uint64(8) {
		f.Add(wire, seed)
	}
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		file := &descriptorpb.FileDescriptorProto{}
		if proto.Unmarshal(wire, file) != nil {
			t.Skip()
		}
		verifier.verify(t, hostile{file, seed}, imports)
	})
}

// TestHostileSchemas is FuzzSchema for attempts that are always the same, of
// which a part must be accepted, or nothing is proved about what is written.
func TestHostileSchemas(t *testing.T) {
	base, imports := hostileFiles(t)
	verifier := newVerifier(t)
	attempts, accepted := uint64(120), 0
	if testing.Short() {
		attempts = 30
	}
	for seed := range attempts {
		if verifier.verify(t, hostile{base, seed}, imports) {
			accepted++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if accepted < int(attempts)/6 {
		t.Errorf("%d of %d attempts are accepted", accepted, attempts)
	}
}

// Comments reach .proto, Go and SQL as words only, whatever they hold.
func TestHostileComments(t *testing.T) {
	base, imports := hostileFiles(t)
	verifier := newVerifier(t)
	for i, l := range base.GetSourceCodeInfo().GetLocation() {
		word := func(n int) string {
			return strings.ToValidUTF8(hostileWords[(i+n)%len(hostileWords)], "\u202e") + "\n"
		}
		l.LeadingComments, l.TrailingComments, l.LeadingDetachedComments = proto.String(word(0)), proto.String(word(1)), []string{word(2), word(3)}
	}
	if !verifier.verify(t, hostile{base, 0}, imports) {
		t.Error("comments are refused")
	}
}
