package generator_test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// notes is a module that has not been generated yet, and notesLater what its
// team makes of it: an entity and an index more. Without Go in the contract it
// compiles fast.
var (
	notes = map[string]string{
		"go.mod": "module example.com/app\n",
		"schemas/notes/v1/note.proto": `syntax = "proto3";
package notes.v1;
import "prism/v1/options.proto";
option go_package = "example.com/app/out/contract/notes/v1;notesv1";
// A Note is a line
// of text.
message Note {
  /* Where
     it stands. */
  option (prism.v1.entity).namespace = "notes";
  option (prism.v1.entity).key_value = {};
  // What names it,
  // for ever.
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64];
}
`,
		"schemas/prism.yaml": `deployment: app
import_path: example.com/app
packages: [notes.v1]
contract: {go: false}
namespaces: [{name: notes, backend: sqlite}]
`,
	}
	notesLater = map[string]string{
		"schemas/notes/v1/tag.proto": `syntax = "proto3";
package notes.v1;
import "prism/v1/options.proto";
option go_package = "example.com/app/out/contract/notes/v1;notesv1";
message Tag {
  option (prism.v1.entity).namespace = "tags";
  option (prism.v1.entity).key_value = {};
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64];
  string note = 2 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 64];
}
`,
		"schemas/prism.yaml": `deployment: app
import_path: example.com/app
packages: [notes.v1]
contract: {go: false}
namespaces: [{name: notes, backend: sqlite}, {name: tags, backend: sqlite}]
`,
	}
)

// compileNotes compiles the deployment of the module at root.
func compileNotes(t *testing.T, root *os.Root) *generator.Output {
	t.Helper()
	out, faults := generator.Compile(root.FS(), "schemas/prism.yaml", func(packages []string) ([]protoreflect.FileDescriptor, []schema.Diagnostic) {
		return source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: os.DirFS(root.Name() + "/schemas")}}, packages)
	}, backends.All(), backends.TestKit(), generator.Command{})
	if out == nil {
		t.Fatal(faults)
	}
	return out
}

func generateNotes(t *testing.T, root *os.Root) {
	t.Helper()
	if _, faults, err := generator.Write(t.Context(), root, compileNotes(t, root)); err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
}

// files is tree without empty folders, which a run that was killed may leave.
func files(t *testing.T, root *os.Root) map[string]string {
	all := tree(t, root)
	maps.DeleteFunc(all, func(p, _ string) bool { return strings.HasSuffix(p, "/") })
	return all
}

// A checkout with CRLF compiles to what one with LF does, and is up to date.
func TestCheckoutWithCRLF(t *testing.T) {
	root := folder(t, notes)
	generateNotes(t, root)
	root = folder(t, crlf(files(t, root)))
	changes, faults, err := generator.Diff(root, compileNotes(t, root))
	if err != nil || len(faults) > 0 || len(changes) > 0 {
		t.Errorf("changes %v, faults %v, %v", changes, faults, err)
	}
}

// A comment changes what it is quoted in, and no plan, lock, migration or proxy.
func TestComment(t *testing.T) {
	root := folder(t, notes)
	generateNotes(t, root)
	const file = "schemas/notes/v1/note.proto"
	text := strings.Replace(notes[file], "message Note", "//\n// Another line.\nmessage Note", 1)
	if err := root.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	changes, _, err := generator.Diff(root, compileNotes(t, root))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if !strings.HasPrefix(c.Path, "out/contract/") {
			t.Errorf("%s changes", c.Path)
		}
	}
}
