package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// additions returns what is missing in the files that init kept, for their
// owner to add.
func (s *start) additions() string {
	var b strings.Builder
	add := func(file, where string, lines []string) {
		if len(lines) == 0 {
			return
		}
		b.WriteString("\n" + file + " is yours" + where + ":\n")
		for _, line := range lines {
			b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
		}
	}
	for _, name := range []string{".gitattributes", ".gitignore"} {
		if s.kept[name] {
			lines := lacking(s.read(name), s.scaffolded(strings.TrimPrefix(name, ".")))
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == "\n" || strings.HasPrefix(l, "#") })
			add(name, "; add", lines)
		}
	}
	if s.kept["Makefile"] && !strings.Contains(s.read("Makefile"), "tool prism") {
		add("Makefile", "; add what you want of it", []string{
			"prism-generate:", "\tgo tool prism generate", "prism-build:", "\tgo tool prism build", "prism-check: # in CI", "\tgo tool prism generate --check",
		})
	}
	if s.kept["buf.gen.yaml"] && !strings.Contains(s.read("buf.gen.yaml"), "protoc-gen-prism") {
		lines := strings.SplitAfter(strings.TrimSpace(s.scaffolded("buf.gen.yaml")), "\n")
		add("buf.gen.yaml", "; to generate by buf as well, write buf.gen.prism.yaml and run\nbuf generate "+cmp.Or(s.own, "schemas")+" --template buf.gen.prism.yaml", lines[1:])
	}
	if s.kept["third_party"] && s.inSchemas() && s.read("third_party/google/protobuf/descriptor.proto") == "" {
		add("third_party", "; protoc before 22 needs files there that come with a newer one", slices.Clone(protobufFiles))
	}
	if s.buf != "" {
		s.modules(add)
		if s.kept["buf.gen.yaml"] && !strings.Contains(s.read("buf.gen.yaml"), "inputs:") && !strings.Contains(s.read("buf.gen.yaml"), "protoc-gen-prism") {
			add("buf.gen.yaml", "; keep it to your own modules, since Prism generates the Go of the others", append([]string{"inputs:"}, s.ownModules()...))
		}
	}
	for _, name := range []string{"buf.work.yaml", "schemas/buf.yaml"} {
		if s.kept[name] && len(lacking(s.read(name), s.scaffolded(name))) > 0 {
			add(name, "; that of init is", strings.SplitAfter(strings.TrimSpace(s.scaffolded(name)), "\n"))
		}
	}
	return b.String()
}

// modules adds what a buf.yaml for the whole module lacks. buf refuses a module
// without .proto files, so out/contract is only added after generate.
func (s *start) modules(add func(file, where string, lines []string)) {
	if strings.Contains(s.buf, "path: schemas") && strings.Contains(s.buf, "path: out/contract") {
		return
	}
	first := ""
	if !strings.Contains(s.buf, "version: v2") {
		first = "; run buf config migrate first"
	}
	add("buf.yaml", first+"; add, when generate has written out/contract", []string{
		"modules:", "  - path: schemas", "  - path: out/contract", "lint:", "  ignore:", "    - schemas/prism",
	})
}

// ownModules returns the modules of buf.yaml as inputs of a template.
func (s *start) ownModules() []string {
	var file struct{ Modules []struct{ Path string } }
	var inputs []string
	if yaml.Unmarshal([]byte(s.buf), &file) == nil {
		for _, m := range file.Modules {
			if m.Path != "schemas" && m.Path != "out/contract" {
				inputs = append(inputs, "  - directory: "+m.Path)
			}
		}
	}
	if inputs == nil {
		inputs = append(inputs, "  - directory: .")
	}
	return inputs
}

// read returns the text of a file that was kept.
func (s *start) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
	return string(text)
}

// next prints what to do next.
func (s *start) next(out io.Writer, dir string) error {
	var b strings.Builder
	b.WriteString("\nNext:\n")
	if dir != "." {
		fmt.Fprintf(&b, "  cd %s\n", dir)
	}
	if released() == "" && !s.replaced() {
		fmt.Fprintf(&b, "  go mod edit -replace=%s=<a checkout of Prism>  # this prism is not of a release\n", modulePath)
	}
	if !s.fresh || released() != "" && !s.replaced() { // raises older versions in go.mod
		fmt.Fprintf(&b, "  go get %s@%s  # raises go and requirements that are older than Prism's\n", modulePath, s.version())
	}
	build, call := "make build", `prism call PutNote '{"note": {"note_id": "n1", "text": "hello"}}'`
	if s.kept["Makefile"] || !s.inSchemas() {
		build = "go tool prism build"
	}
	if s.hasSchema() {
		call = "prism call"
	}
	if _, err := io.WriteString(out, s.additions()); err != nil {
		return err
	}
	if s.own != "" {
		fmt.Fprintf(&b, `  make a message below %s an entity: import "prism/v1/options.proto", and write
    option (prism.v1.entity).namespace = "…";
    option (prism.v1.entity).key_value = {};
    [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64] on its key
  go tool prism generate %[1]s   # the first time, this writes %[2]s
  go tool prism build
`, s.own, s.config())
		_, err := io.WriteString(out, b.String())
		return err
	}
	fmt.Fprintf(&b, `  %s
  bin/%s-proxy serve --init
and in another terminal:
  %s
`, build, s.name, call)
	_, err := io.WriteString(out, b.String())
	return err
}
