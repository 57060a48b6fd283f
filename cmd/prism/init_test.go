package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout is the folder of this module. A user's module takes Prism from it
// until there is a release.
func checkout(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// fails runs a command that must fail and returns its output.
func fails(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err == nil {
		t.Errorf("%s %s succeeds: %s", filepath.Base(name), strings.Join(args, " "), out)
	}
	return string(out)
}

func contains(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: %q is missing in\n%s", what, w, got)
		}
	}
}

// A new user's path: a module, a proxy, a call, a new field, and the record
// from before it.
func TestInit(t *testing.T) {
	binary, root := compiler(t), t.TempDir()
	dir := filepath.Join(root, "notes")
	prism := func(args ...string) string { return command(t, dir, binary, args...) }

	contains(t, "init", command(t, root, binary, "init", "--replace", checkout(t), "notes"),
		"wrote schemas/notes/v1/note.proto\n", "\nNext:\n  cd notes\n  make build\n  bin/notes-proxy serve --init\n", "prism call PutNote '")
	if got, want := prism("check"), "notes: no fault (entities: 1, namespaces: 1)\n"; got != want {
		t.Errorf("check says %q, want %q", got, want)
	}
	command(t, dir, "make", "build")
	command(t, dir, "go", "vet", "./...")

	otherEntrances(t, dir, binary)

	data, proxy := t.TempDir(), filepath.Join(dir, "bin/notes-proxy")
	address, stop := start(t, proxy, data)
	call := func(args ...string) string {
		t.Helper()
		return prism(append([]string{"call", "--address", address}, args...)...)
	}
	contains(t, "call", call(), "notes.v1.NoteService\n", "  PutNote(PutNoteRequest{note})\n",
		"  FindNotesByAuthor(FindNotesByAuthorRequest{by {author}, reverse, page_size, page_token})\n")
	call("PutNote", `{"note": {"note_id": "n1", "author": "ada", "text": "hello"}}`)
	stop()

	// A plain field needs no migration, and the record from before it can be read.
	file := filepath.Join(dir, "schemas/notes/v1/note.proto")
	write(t, file, strings.Replace(read(t, file), "  string text = 3;\n", "  string text = 3;\n\n  repeated string tags = 4;\n", 1))
	if got := prism("build"); strings.Contains(got, "migrations") {
		t.Errorf("a plain field changes the migrations:\n%s", got)
	}
	address, stop = start(t, proxy, data)
	defer stop()
	for _, method := range []string{"GetNote", "NoteService/GetNote", "notes.v1.NoteService/GetNote", "/notes.v1.NoteService/GetNote"} {
		want := `{
  "record": {
    "note": {
      "noteId": "n1",
      "author": "ada",
      "text": "hello"
    },
    "version": "1"
  }
}
`
		if got := call(method, `{"key": {"noteId": "n1"}}`); got != want {
			t.Errorf("%s answers %s, want %s", method, got, want)
		}
	}
	call("PutNote", `{"note": {"note_id": "n2", "tags": ["new"]}}`)
	refusals(t, dir, binary, address)
}

// otherEntrances checks that protoc and buf write what prism generate writes,
// with the files that init wrote for them.
func otherEntrances(t *testing.T, dir, binary string) {
	write(t, filepath.Join(dir, "schemas/shared/v1/tag.proto"), `syntax = "proto3";

package shared.v1;

option go_package = "example.com/notes/out/contract/shared/v1;sharedv1";

message Tag {}
`)
	config := filepath.Join(dir, "schemas/notes/prism.yaml")
	write(t, config, strings.Replace(read(t, config), "[notes.v1]", "[notes.v1, shared.v1]", 1))
	for program, target := range map[string]string{"protoc": "generate-protoc", "buf": "generate-buf"} {
		t.Run(program, func(t *testing.T) {
			t.Setenv("PATH", os.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Join(checkout(t), "bin"))
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("SKIPPED: %v", err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
				t.Fatal(err)
			}
			command(t, dir, "make", target)
			command(t, dir, binary, "generate", "--check")
		})
	}
}

// refusals makes calls that fail, and checks what each says.
func refusals(t *testing.T, dir, binary, address string) {
	for _, tt := range []struct{ name, method, request, want string }{
		{"a refusal has code, reason and metadata", "CompareAndSwapNote", `{"note": {"note_id": "n1"}, "expectedVersion": "7"}`,
			"prism: Aborted VERSION_MISMATCH current_version=1"},
		{"the key is the personal affair of nobody", "PutNote", `{"note": {}}`, "prism: InvalidArgument FIELD_REQUIRED field=note.note_id"},
		{"no such method", "GetNotes", `{}`, "no method is named GetNotes; did you mean GetNote?"},
		{"a part of a name", "Note", `{}`, "no method is named Note"},
		{"no such field", "GetNote", `{"kee": {}}`, `prism: request:1:2: unknown field "kee"; the request is a notes.v1.GetNoteRequest`},
		{"no JSON", "GetNote", `{`, "prism: request:1:2: it ends too early; "},
	} {
		contains(t, tt.name, fails(t, dir, binary, "call", "--address", address, tt.method, tt.request), tt.want)
	}
	contains(t, "nobody listens", fails(t, dir, binary, "call", "--address", "127.0.0.1:1", "GetNote"), "prism: Unavailable: ", "; start a proxy at 127.0.0.1:1, ")
	c := exec.CommandContext(t.Context(), binary, "call", "GetNote", "-")
	c.Dir, c.Env, c.Stdin = dir, append(os.Environ(), "PRISM_ADDRESS="+address), strings.NewReader(`{"key": {"noteId": "n2"}}`)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), `"new"`) {
		t.Errorf("address from the environment, request from standard input: %v\n%s", err, out)
	}
}

// In an existing module, init adds what is missing and changes nothing.
func TestInitKeeps(t *testing.T) {
	binary, dir := compiler(t), t.TempDir()
	const own = "module example.com/Big-Shop\n\ngo 1.26.1\n\nrequire google.golang.org/grpc v1.85.0\n"
	write(t, filepath.Join(dir, "go.mod"), own)
	write(t, filepath.Join(dir, "Makefile"), "mine:\n")
	contains(t, "init", command(t, dir, binary, "init", "--replace", checkout(t)), "kept Makefile\n", "wrote schemas/bigshop/prism.yaml\n",
		"\nNext:\n  go get github.com/prism-proxy/prism@v0.0.0  # raises go and requirements that are older than Prism's\n  go tool prism build\n")
	if got := read(t, filepath.Join(dir, "Makefile")); got != "mine:\n" {
		t.Errorf("the Makefile is now %q", got)
	}
	mod := read(t, filepath.Join(dir, "go.mod"))
	contains(t, "go.mod", mod, "module example.com/Big-Shop\n", "go 1.26.1\n", "google.golang.org/protobuf v", "github.com/prism-proxy/prism v0.0.0\n", "protoc-gen-prism\n")
	if n := strings.Count(mod, "google.golang.org/grpc "); n != 1 {
		t.Errorf("grpc stands %d times in\n%s", n, mod)
	}
	command(t, dir, binary, "build")

	sum := read(t, filepath.Join(dir, "go.sum"))
	if got := command(t, dir, binary, "init", "--replace", checkout(t)); strings.Contains(got, "wrote ") {
		t.Errorf("a second init writes:\n%s", got)
	}
	if read(t, filepath.Join(dir, "go.mod")) != mod || read(t, filepath.Join(dir, "go.sum")) != sum {
		t.Error("a second init changes go.mod or go.sum")
	}

	// Beside a user's own schema there is no sample, since nothing would serve it.
	if err := os.Rename(filepath.Join(dir, "schemas/bigshop/v1/note.proto"), filepath.Join(dir, "schemas/bigshop/v1/memo.proto")); err != nil {
		t.Fatal(err)
	}
	if got := command(t, dir, binary, "init", "--replace", checkout(t)); strings.Contains(got, "note.proto") || strings.Contains(got, "PutNote") {
		t.Errorf("init in a schema without the sample:\n%s", got)
	}

	unreleased := t.TempDir()
	contains(t, "without a checkout", command(t, unreleased, binary, "init"),
		"\nNext:\n  go mod edit -replace=github.com/prism-proxy/prism=<a checkout of Prism>  # this prism is not of a release\n  make build\n")
	command(t, unreleased, "go", "mod", "edit", "-replace=github.com/prism-proxy/prism="+checkout(t))
	command(t, unreleased, "make", "build")
	if got := command(t, unreleased, binary, "init"); strings.Contains(got, "-replace") {
		t.Errorf("init in a module that has a checkout says:\n%s", got)
	}
	contains(t, "in a folder of a module", fails(t, dir, binary, "init", "schemas/other"), "is in the Go module of "+dir)
	contains(t, "another module path", fails(t, dir, binary, "init", "--module", "example.com/x"), "--module is example.com/x, and go.mod says example.com/Big-Shop")
	empty := t.TempDir()
	contains(t, "no module path", fails(t, empty, binary, "init", "--module", "my notes"), `--module is "my notes"; write `)
	contains(t, "no checkout", fails(t, empty, binary, "init", "--replace", "schemas"), `--replace is "schemas", which is not a checkout of `)
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("an init that is refused leaves %v, %v", left, err)
	}
	contains(t, "a name that options.proto has", fails(t, dir, binary, "init", "--name", "prism"), `--name is "prism"; write `)
}

// Another store has a driver that go.mod lacks. What go itself says is about a file
// of Prism's, one line for each import.
func TestBuildWithoutDriver(t *testing.T) {
	binary, dir := compiler(t), t.TempDir()
	command(t, dir, binary, "init", "--module", "example.com/app", "--replace", checkout(t))
	config := filepath.Join(dir, "schemas/app/prism.yaml")
	write(t, config, strings.Replace(read(t, config), "backend: sqlite", "backend: postgres\n    config: {url: \"${env:DATABASE_URL}\"}", 1))
	contains(t, "build", fails(t, dir, binary, "build"), "prism: go build of bin/app-proxy failed: exit status 1; go.mod lacks what the proxy imports, such as the driver of a store: run go mod tidy in "+dir+", and build again\n")
	command(t, dir, "go", "mod", "tidy")
	command(t, dir, binary, "build")
	write(t, filepath.Join(dir, "out/app/proxy/mine.go"), "package main\n\nvar x int = true\n")
	if got := fails(t, dir, binary, "build"); strings.Contains(got, "tidy") {
		t.Errorf("an error of another kind:\n%s", got)
	}
}

// A copy of what is Prism's own goes stale in silence, as nothing that compiles
// reads it: check and generate warn of it, CI fails, and init renews it where it is.
func TestCopies(t *testing.T) {
	dir, prism := module(t)
	binary := compiler(t)
	prism("generate")
	for _, place := range []string{"schemas", "third_party"} {
		copied := filepath.Join(dir, place, "prism/v1/options.proto")
		write(t, copied, "syntax = \"proto3\";\npackage prism.v1;\n")
		write(t, filepath.Join(dir, "schemas/app/prism.yaml"), noteDeployment+"import_paths: ["+place+"]\n")
		want := place + "/prism/v1/options.proto:1:1: PRISM5026 [options.copy] the file is not that of this compiler, version 0.1.0; "
		contains(t, "check", prism("check"), want, "; run prism init, which renews it (warning)\n", "app: no fault")
		contains(t, "generate", prism("generate"), want)
		contains(t, "generate --check", fails(t, dir, binary, "generate", "--check"), want, "prism: a copy of prism/v1/options.proto is out of date; run prism init\n")
		contains(t, "init", prism("init", "--replace", checkout(t)), "renewed "+place+"/prism/v1/options.proto\n")
		prism("generate", "--check")
		write(t, copied, strings.ReplaceAll(read(t, copied), "\n", "\r\n"))
		prism("generate", "--check")
		if err := os.RemoveAll(filepath.Dir(copied)); err != nil {
			t.Fatal(err)
		}
	}
}

// A third_party is a team's own: init puts nothing of protobuf's into it.
func TestInitThirdParty(t *testing.T) {
	binary, dir := compiler(t), t.TempDir()
	write(t, filepath.Join(dir, "third_party/README.md"), "ours\n")
	contains(t, "init", command(t, dir, binary, "init", "--module", "example.com/app", "--replace", checkout(t)), "\nthird_party is yours; protoc before 22 needs files there that come with a newer one:\n  google/protobuf/descriptor.proto\n")
	if _, err := os.Stat(filepath.Join(dir, "third_party/google")); err == nil {
		t.Error("init writes into third_party")
	}
	// Nor does it speak of protoc to a team that has its own way to run it.
	write(t, filepath.Join(dir, "other/go.mod"), "module example.com/other\n\ngo 1.26.0\n")
	write(t, filepath.Join(dir, "other/third_party/README.md"), "ours\n")
	write(t, filepath.Join(dir, "other/proto/a/v1/a.proto"), "syntax = \"proto3\";\npackage a.v1;\n")
	if got := command(t, filepath.Join(dir, "other"), binary, "init", "--replace", checkout(t)); strings.Contains(got, "third_party") {
		t.Errorf("init beside the files of a team says:\n%s", got)
	}
}

// init continues a deployment that prism generate started: under another name,
// or with a second one beside it, its data would be out of reach.
func TestInitGoesOn(t *testing.T) {
	dir, prism := module(t)
	if err := os.RemoveAll(filepath.Join(dir, "schemas/app")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "schemas/notes.proto"), strings.Replace(noteSchema, "contract/app/v1", "contract", 1))
	prism("generate")
	binary := compiler(t)
	contains(t, "another name", fails(t, dir, binary, "init", "--name", "notes"), "prism: --name is notes, and the deployment in "+dir+"/schemas is app; leave --name out\n")
	contains(t, "init", prism("init", "--replace", checkout(t)), "kept schemas/prism.yaml\n", "  make build\n  bin/app-proxy serve --init\n", "  prism call\n")
	if got, err := filepath.Glob(filepath.Join(dir, "schemas/*")); err != nil || len(got) != 6 {
		t.Errorf("in schemas are %q, %v; want the note, its history, prism.yaml, prism and buf.yaml alone", got, err)
	}
	prism("generate", "--check")
	for _, name := range []string{"Makefile", "buf.gen.yaml"} {
		contains(t, name, read(t, filepath.Join(dir, name)), "config=schemas/prism.yaml")
	}
	if got := prism("init", "--replace", checkout(t)); strings.Contains(got, "wrote ") {
		t.Errorf("a second init writes:\n%s", got)
	}

	// If it is not clear what to write, nothing is written.
	for _, name := range []string{"schemas/prism.yaml", "schemas/buf.yaml"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	contains(t, "a lost prism.yaml", fails(t, dir, binary, "init"), "prism: schemas/prism.lock.json is there, and the schemas/prism.yaml that it was made with is gone; restore it from version control\n")
	if _, err := os.Stat(filepath.Join(dir, "schemas/buf.yaml")); err == nil {
		t.Error("an init that is refused writes files")
	}
}

// Generated code that is too old or too new for a runtime does not compile
// against it, and the error says what to do.
func TestSkew(t *testing.T) {
	dir, prism := module(t)
	prism("generate")
	const constant = "RunPrismGenerateOrRequirePrism_0_1"
	for _, name := range []string{"out/app/proxy/server/server.go", "out/app/proxy/app/v1/note/service.go", "out/app/apptest/apptest.go"} {
		file := filepath.Join(dir, name)
		text := read(t, file)
		write(t, file, strings.Replace(text, constant, "RunPrismGenerateOrRequirePrism_9_9", 1))
		contains(t, name, fails(t, dir, "go", "build", "./"+filepath.Dir(name)), "undefined: runtime.RunPrismGenerateOrRequirePrism_9_9")
		write(t, file, text)
	}
	command(t, dir, "go", "build", "./...")
}

// If users generate their messages themselves, the generated contract imports
// those.
func TestMessagesOfTheUser(t *testing.T) {
	dir, prism := module(t)
	own := strings.Replace(noteSchema, "example.com/app/out/contract/app/v1;appv1", "example.com/app/gen/notes", 1)
	write(t, filepath.Join(dir, "schemas/app/v1/note.proto"), own)
	prism("generate")
	if _, err := os.Stat(filepath.Join(dir, "out/contract/app/v1/note.pb.go")); err == nil {
		t.Error("messages that the user generates are generated")
	}
	contains(t, "the contract", read(t, filepath.Join(dir, "out/contract/app/v1/note_prism.proto")),
		`option go_package = "example.com/app/out/contract/app/v1;appv1";`)
	contains(t, "its Go messages", read(t, filepath.Join(dir, "out/contract/app/v1/note_prism.pb.go")), `"example.com/app/gen/notes"`)

	// As protoc-gen-go would write it for the user; here the same compiler writes
	// it.
	user, userPrism := module(t)
	userPrism("generate")
	text := read(t, filepath.Join(user, "out/contract/app/v1/note.pb.go"))
	write(t, filepath.Join(dir, "gen/notes/note.pb.go"), strings.Replace(text, "package appv1", "package notes", 1))
	write(t, filepath.Join(dir, "use_test.go"), `package app

import (
	"testing"

	"example.com/app/gen/notes"
	"example.com/app/out/app/apptest"
	appv1 "example.com/app/out/contract/app/v1"
)

func TestUse(t *testing.T) {
	app := apptest.New(t)
	if _, err := app.NoteService.PutNote(t.Context(), &appv1.PutNoteRequest{Note: &notes.Note{NoteId: "n", Title: "mine"}}); err != nil {
		t.Fatal(err)
	}
	got, err := app.NoteService.GetNote(t.Context(), &appv1.GetNoteRequest{Key: &appv1.NoteKey{NoteId: "n"}})
	if err != nil || got.Record.Note.Title != "mine" {
		t.Fatal(got, err)
	}
}
`)
	command(t, dir, "go", "build", "./...")
	if out := command(t, dir, "go", "test", "."); !strings.HasPrefix(out, "ok ") {
		t.Errorf("go test: %s", out)
	}
}
