package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A team has a module with an API, buf.yaml v2, and files of its own: init
// changes none of them and prints what to add, after which everything works.
func TestAdopt(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Join(checkout(t), "bin"))
	binary, root := compiler(t), t.TempDir()
	dir := filepath.Join(root, "acme")
	own := map[string]string{
		"go.mod":         "module example.com/acme\n\ngo 1.26.0\n",
		"buf.yaml":       "version: v2\nmodules:\n  - path: proto\nlint:\n  use:\n    - STANDARD\n",
		"buf.gen.yaml":   "version: v2\nplugins:\n  - local: protoc-gen-go\n    out: gen\ninputs:\n  - directory: proto\n",
		".gitignore":     "/bin/\n*.log\n",
		".gitattributes": "*.png binary\n",
		"Makefile":       "all:\n\tgo build ./...\n",
		"proto/acme/api/v1/things.proto": `syntax = "proto3";

package acme.api.v1;

service ThingService {
  rpc GetThing(GetThingRequest) returns (GetThingResponse);
}

message GetThingRequest {}

message GetThingResponse {}
`,
	}
	for name, text := range own {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Symlink(checkout(t), filepath.Join(root, "prism")); err != nil {
		t.Fatal(err)
	}
	said := command(t, dir, binary, "init", "--replace", "../prism")
	contains(t, "init", said,
		"kept .gitattributes\nkept .gitignore\nkept Makefile\nkept buf.gen.yaml\nwrote schemas/prism/prism.schema.json\n",
		"\n  make a message below proto an entity: import \"prism/v1/options.proto\"", "\n  go tool prism generate proto   # the first time, this writes proto/prism.yaml\n",
		"\n.gitattributes is yours; add:\n  /schemas/** text=auto eol=lf\n  /out/** text=auto eol=lf\n  *.binpb binary\n",
		"\n.gitignore is yours; add:\n  /data/\n\n",
		"\nMakefile is yours; add what you want of it:\n  prism-generate:\n  \tgo tool prism generate\n",
		"\nbuf.yaml is yours; add, when generate has written out/contract:\n  modules:\n    - path: schemas\n    - path: out/contract\n  lint:\n    ignore:\n      - schemas/prism\n",
	)
	for name, text := range own {
		if got := read(t, filepath.Join(dir, name)); got != text && name != "go.mod" {
			t.Errorf("init changes %s:\n%s", name, got)
		}
	}
	for _, name := range []string{"buf.work.yaml", "schemas/buf.yaml", "schemas/acme", "proto/prism.yaml", "third_party"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("init writes %s beside the files of the team", name)
		}
	}
	// The checkout is reached through a link here, and go.mod names its real path.
	relative := regexp.MustCompile(`(?m)^replace github.com/prism-proxy/prism => (\.\./\S+)$`).FindStringSubmatch(read(t, filepath.Join(dir, "go.mod")))
	if relative == nil {
		t.Fatalf("no relative replacement in\n%s", read(t, filepath.Join(dir, "go.mod")))
	}
	write(t, filepath.Join(dir, "proto/acme/note/v1/note.proto"), `syntax = "proto3";

package acme.note.v1;

import "prism/v1/options.proto";

message Note {
  option (prism.v1.entity).namespace = "notes";
  option (prism.v1.entity).key_value = {};
  string note_id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64];
}
`)
	command(t, dir, "go", "tool", "prism", "generate", "proto")
	command(t, dir, "go", "tool", "prism", "build")
	command(t, dir, "go", "vet", "./...")

	needsBuf(t)
	write(t, filepath.Join(dir, "buf.yaml"), `version: v2
modules:
  - path: proto
  - path: schemas
  - path: out/contract
lint:
  use:
    - STANDARD
  ignore:
    - schemas/prism
`)
	command(t, dir, "buf", "lint")
	command(t, dir, "buf", "build")
	_, template, _ := strings.Cut(said, "buf generate proto --template buf.gen.prism.yaml:\n")
	template, _, _ = strings.Cut(template, "\n\n")
	write(t, filepath.Join(dir, "buf.gen.prism.yaml"), strings.ReplaceAll("\n"+template+"\n", "\n  ", "\n"))
	if err := os.RemoveAll(filepath.Join(dir, "out/contract")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "buf.yaml"), strings.Replace(read(t, filepath.Join(dir, "buf.yaml")), "  - path: out/contract\n", "", 1))
	command(t, dir, "buf", "generate", "proto", "--template", "buf.gen.prism.yaml")
	command(t, dir, binary, "generate", "--check")
	if got := command(t, dir, binary, "init", "--replace", "../prism"); strings.Contains(got, "wrote ") {
		t.Errorf("a second init writes:\n%s", got)
	}
}

// What README says about starting a schema works from a checkout.
func TestReadmeInit(t *testing.T) {
	line := regexp.MustCompile(`(?m)^go run \./cmd/prism (init .*) \.\./notes `).FindStringSubmatch(read(t, filepath.Join(checkout(t), "README.md")))
	if line == nil {
		t.Fatal("README.md does not say how to begin")
	}
	dir := filepath.Join(t.TempDir(), "notes")
	command(t, checkout(t), compiler(t), append(strings.Fields(line[1]), dir)...)
	command(t, dir, "make", "build")
}
