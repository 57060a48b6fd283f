package generator_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
)

// noteIn is a schema file of an entity Note in a package of its own.
func noteIn(pkg string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(strings.ReplaceAll(`syntax = "proto3";
package PKG.v1;
import "prism/v1/options.proto";
option go_package = "example.com/notes/out/contract/PKG/v1;PKGv1";
message Note {
  option (prism.v1.entity).namespace = "notes";
  option (prism.v1.entity).key_value = {};
  option (prism.v1.entity).durability = POWER_SAFE;
  option (prism.v1.entity).table = "PKG_notes";
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 9];
}
`, "PKG", pkg))}
}

// The test kit has every entity in memory, whatever it declares and whatever
// the deployment says, and tells equally named services apart.
func TestTestKit(t *testing.T) {
	const config = "schemas/prism.yaml"
	fsys := fstest.MapFS{
		"schemas/memory/v1/note.proto": noteIn("memory"), "schemas/work/v1/note.proto": noteIn("work"),
		config: &fstest.MapFile{Data: []byte(`deployment: notes
import_path: example.com/notes
packages: [memory.v1, work.v1]
namespaces:
  - {name: notes, backend: sqlite}
`)},
	}
	files := contents(run(t, input(t, fsys, config)).Files)
	kit := files["out/notes/notestest/notestest.go"]
	for _, want := range []string{
		"\tMemoryv1NoteService *memoryv1.NoteServiceClient\n", "\tWorkv1NoteService   *workv1.NoteServiceClient\n",
		"memory.Backend.Bind(runtime.Namespace{", "\t\t\t\tnoteentity.NewService,\n",
		`"example.com/notes/out/notes/notestest/work/v1/note"`,
	} {
		if !strings.Contains(kit, want) {
			t.Errorf("%q is missing in\n%s", want, kit)
		}
	}
	if server := files["out/notes/proxy/server/server.go"]; !strings.Contains(server, "sqlite.Backend.Bind(runtime.Namespace{") || strings.Contains(server, "notestest") {
		t.Errorf("the proxy is\n%s", server)
	}

	fsys[config].Data = append(fsys[config].Data, "test_kit: false\n"...)
	for path := range contents(run(t, input(t, fsys, config)).Files) {
		if strings.Contains(path, "notestest") {
			t.Errorf("test_kit: false, and there is %s", path)
		}
	}

	fsys[config].Data = bytes.Replace(fsys[config].Data, []byte("test_kit: false\n"), []byte("contract: {go: false}\n"), 1)
	protos := 0
	for path := range contents(run(t, input(t, fsys, config)).Files) {
		if strings.Contains(path, "notestest") || strings.HasPrefix(path, "out/contract/") && strings.HasSuffix(path, ".go") {
			t.Errorf("contract: {go: false}, and there is %s", path)
		}
		if strings.HasPrefix(path, "out/contract/") && strings.HasSuffix(path, ".proto") {
			protos++
		}
	}
	if protos == 0 {
		t.Error("contract: {go: false}, and there is no contract")
	}
}
