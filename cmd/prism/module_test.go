package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/prism-proxy/prism/runtime/wire"
)

const noteSchema = `syntax = "proto3";
package app.v1;
import "prism/v1/options.proto";
option go_package = "example.com/app/out/contract/app/v1;appv1";
message Note {
  option (prism.v1.entity).namespace = "notes";
  option (prism.v1.entity).key_value = {};
  string note_id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64];
  string title = 2 [(prism.v1.field).column = {}];
}
`

const noteDeployment = `deployment: app
import_path: example.com/app
packages: [app.v1]
namespaces:
  - name: notes
    backend: sqlite
`

// module makes a user's module that takes Prism from this checkout, and
// returns its folder and a function that runs the compiler in it.
func module(t *testing.T) (dir string, prism func(args ...string) string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	mod := read(t, filepath.Join(root, "go.mod"))
	mod = strings.Replace(mod, "module github.com/prism-proxy/prism", "module example.com/app", 1) +
		"\nrequire github.com/prism-proxy/prism v0.0.0\n\nreplace github.com/prism-proxy/prism => " + root + "\n"
	write(t, filepath.Join(dir, "go.mod"), mod)
	write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	write(t, filepath.Join(dir, "schemas/app/v1/note.proto"), noteSchema)
	write(t, filepath.Join(dir, "schemas/app/prism.yaml"), noteDeployment)

	binary := compiler(t)
	return dir, func(args ...string) string { return command(t, dir, binary, args...) }
}

// compiler builds prism and returns its path.
func compiler(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "prism")
	command(t, ".", "go", "build", "-o", binary, ".")
	return binary
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// raw is a codec for messages that are already encoded.
type raw struct{}

func (raw) Name() string                    { return "proto" }
func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = bytes.Clone(b); return nil }

// start runs a proxy on the data directory and returns its address.
func start(t *testing.T, binary, data string) (address string, stop func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, "serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--drain-delay", "0s")
	logs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(logs)
	address = listening(t, c, lines)
	go func() {
		for lines.Scan() { // so that the proxy never waits for a reader
		}
	}()
	return address, func() { t.Helper(); terminate(t, c) }
}

// listening reads the logs of a proxy up to the line that says where it listens.
func listening(t *testing.T, c *exec.Cmd, logs *bufio.Scanner) (address string) {
	t.Helper()
	var line struct{ Msg, Address string }
	for line.Msg != "listening" {
		if !logs.Scan() {
			t.Fatalf("%s does not listen: %v", filepath.Base(c.Path), c.Wait())
		}
		if err := json.Unmarshal(logs.Bytes(), &line); err != nil {
			t.Fatalf("%s says %s", filepath.Base(c.Path), logs.Text())
		}
	}
	return line.Address
}

func terminate(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%s ends with %v", filepath.Base(c.Path), err)
	}
}

// with runs a proxy on the data directory while f runs, and gives f a put and a
// get of encoded notes.
func with(t *testing.T, binary, data string, f func(put func(note []byte), get func(id string) []byte)) {
	t.Helper()
	address, stop := start(t, binary, data)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	call := func(method string, in []byte) (out []byte) {
		t.Helper()
		if err := conn.Invoke(t.Context(), "/app.v1.NoteService/"+method, &in, &out); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		return out
	}
	f(func(note []byte) {
		t.Helper()
		call("PutNote", wire.AppendBytes(nil, 1, note))
	}, func(id string) (note []byte) {
		t.Helper()
		r := wire.Read(call("GetNote", wire.AppendBytes(nil, 1, wire.AppendBytes(nil, 1, []byte(id)))))
		r.Next()
		for r = r.Message(); r.Next(); {
			if r.Tag == 1<<3|wire.Bytes {
				note = r.Bytes()
			}
		}
		return note
	})
	conn.Close()
	stop()
}

// Two binaries serve one store in turn, and only one knows a certain plain
// field: the field needs no migration, no bytes are lost through the older
// binary, and what an older client replaced does not come back through the
// newer one.
func TestOlderAndNewerBinaryOnOneStore(t *testing.T) {
	dir, prism := module(t)
	prism("build")
	binary, older := filepath.Join(dir, "bin/app-proxy"), filepath.Join(dir, "bin/older")
	if err := os.Rename(binary, older); err != nil {
		t.Fatal(err)
	}
	migration := filepath.Join(dir, "schemas/app/migrations/notes/0001_init_expand.up.sql")
	before, lock := read(t, migration), read(t, filepath.Join(dir, "schemas/app/prism.lock.json"))

	write(t, filepath.Join(dir, "schemas/app/v1/note.proto"),
		strings.Replace(noteSchema, "string title = 2", "// Who wrote it.\n  optional string author = 3;\n  string title = 2", 1))
	prism("build")
	if read(t, migration) != before || read(t, filepath.Join(dir, "schemas/app/prism.lock.json")) != lock {
		t.Error("a plain field and a comment changed the migration or the lock")
	}
	if old, changed := command(t, dir, older, "version"), command(t, dir, binary, "version"); old == changed {
		t.Errorf("both binaries say they are of the schema\n%s", old)
	}

	data := t.TempDir()
	// Exit code 3 says that there is something to do.
	pending := command(t, dir, "sh", "-c", `"$0" migrate status --data-dir "$1"; test $? -eq 3`, binary, data)
	if want := "notes: 0001_init_expand pending\n"; !strings.HasPrefix(pending, want) {
		t.Errorf("migrate status says %q, want %q", pending, want)
	}
	for _, step := range []struct{ command, want string }{
		{"up", "notes: 0001_init_expand applied\n"},
		{"up", "notes: up to date\n"},
		{"status", "notes: 0001_init_expand applied\n"},
	} {
		if got := command(t, dir, binary, "migrate", step.command, "--data-dir", data); got != step.want {
			t.Errorf("migrate %s says %q, want %q", step.command, got, step.want)
		}
	}

	note := func(title, author string) []byte {
		b := wire.AppendBytes(nil, 1, []byte("n"))
		b = wire.AppendBytes(b, 2, []byte(title))
		if author != "" {
			b = wire.AppendBytes(b, 3, []byte(author))
		}
		return b
	}
	same := func(binary string, want []byte) func(func([]byte), func(string) []byte) {
		return func(_ func([]byte), get func(string) []byte) {
			t.Helper()
			if got := get("n"); !bytes.Equal(got, want) {
				t.Errorf("%s reads %q, want %q", filepath.Base(binary), got, want)
			}
		}
	}
	written := note("by the newer", "ada")
	with(t, binary, data, func(put func([]byte), _ func(string) []byte) { put(written) })
	with(t, older, data, same(older, written))

	written = note("by a newer client through the older", "grace")
	with(t, older, data, func(put func([]byte), _ func(string) []byte) { put(written) })
	with(t, binary, data, same(binary, written))

	written = note("by an older client", "")
	with(t, older, data, func(put func([]byte), _ func(string) []byte) { put(written) })
	with(t, binary, data, same(binary, written))
}

// A field in a Find's request has the same number as in the entity: a client
// that was compiled before its index was reordered and extended still asks for
// the same.
func TestFindOfOlderClient(t *testing.T) {
	dir, prism := module(t)
	schema := func(index string) string {
		return strings.Replace(noteSchema, "  string title = 2 [(prism.v1.field).column = {}];",
			`  option (prism.v1.entity).index = {name: "place", `+index+`};
  string river = 2 [(prism.v1.field).max_length = 64];
  string city = 3 [(prism.v1.field).max_length = 64];
  int64 year = 4;
  int64 floor = 5;`, 1)
	}
	write(t, filepath.Join(dir, "schemas/app/prism.yaml"), strings.Replace(noteDeployment, "sqlite", "memory", 1))
	write(t, filepath.Join(dir, "schemas/app/v1/note.proto"), schema(`equality: ["city", "river"], ordered: "year"`))
	prism("generate")
	before := filepath.Join(t.TempDir(), "before")
	if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "schemas/app/v1/note.proto"), schema(`equality: ["river", "city", "floor"], ordered: "note_id"`))
	prism("build")

	address, stop := start(t, filepath.Join(dir, "bin/app-proxy"), t.TempDir())
	defer stop()
	binary := compiler(t)
	call := func(dir, method, request string) string {
		return command(t, dir, binary, "call", "--address", address, method, request)
	}
	for _, note := range []string{`"note_id": "a", "city": "rhine", "river": "basel"`, `"note_id": "b", "city": "basel", "river": "rhine"`} {
		call(dir, "PutNote", `{"note": {`+note+`, "year": 1900}}`)
	}
	for _, from := range []string{before, dir} {
		got := call(from, "FindNotesByPlace", `{"by": {"city": "basel", "river": "rhine"}}`)
		if !strings.Contains(got, `"noteId": "b"`) || strings.Contains(got, `"noteId": "a"`) {
			t.Errorf("the client of %s finds %s", filepath.Base(from), got)
		}
	}
	// The range is now on another field; the number tells them apart.
	got := call(before, "FindNotesByPlace", `{"by": {"city": "basel", "river": "rhine"}, "from": {"year": 1901}}`)
	if !strings.Contains(got, `"noteId": "b"`) {
		t.Errorf("a year bounds the key: %s", got)
	}
}

// A module with only a .proto file in schemas can be generated, run and called.
func TestRunWithoutConfig(t *testing.T) {
	dir, prism := module(t)
	if err := os.RemoveAll(filepath.Join(dir, "schemas/app")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "schemas/notes.proto"), strings.Replace(noteSchema, "contract/app/v1", "contract", 1))
	binary := compiler(t)
	contains(t, "run", fails(t, dir, binary, "run"), "schemas/prism.yaml: PRISM5040 [yaml.needed] the file does not exist; ")
	contains(t, "generate", prism("generate"), "wrote schemas/prism.yaml: deployment app serves package app.v1 on sqlite\n", "wrote schemas/prism.lock.json\n")
	c := exec.CommandContext(t.Context(), binary, "run", "--", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--drain-delay", "0s")
	c.Dir = dir
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	address := listening(t, c, bufio.NewScanner(stderr))
	call := func(args ...string) string {
		return command(t, dir, binary, append([]string{"call", "--address", address}, args...)...)
	}
	call("PutNote", `{"note": {"note_id": "n1", "title": "hello"}}`)
	if got := call("GetNote", `{"key": {"note_id": "n1"}}`); !strings.Contains(got, `"title": "hello"`) {
		t.Errorf("the note is read as %s", got)
	}
	terminate(t, c)
}
