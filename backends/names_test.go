package backends_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends"
)

// taken returns the identifiers of Go and of an entity's generated code as
// names of fields, without those that would differ only by capitals in Go.
func taken(t *testing.T) []string {
	t.Helper()
	seen, names := map[string]bool{}, []string{}
	add := func(name string) {
		name = strings.Trim(lower.ReplaceAllString(name, "${1}_${2}"), "_")
		name = strings.ToLower(name)
		joined := strings.ReplaceAll(name, "_", "")
		if joined != "" && joined != "version" && !seen[joined] { // the name of a store's sequence is refused
			seen[joined] = true
			names = append(names, name)
		}
	}
	for i := token.BREAK; i <= token.VAR; i++ {
		add(i.String())
	}
	for _, name := range types.Universe.Names() {
		add(name)
	}
	for _, b := range backends.All() {
		files := compile(t, b, "../schemas", "../schemas/conformance/memory")
		for _, file := range files {
			if !strings.HasSuffix(file.Path, ".go") || !strings.Contains(file.Path, "/conformance/v1/event/") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file.Path, file.Content, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					add(id.Name)
				}
				return true
			})
		}
	}
	return names
}

// lower finds where a word begins within an identifier.
var lower = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// Fields may have any name that generated code uses, whether as a plain field,
// part of the key or an indexed field of any kind. A name gets one of these
// roles for each backend, in turn.
func TestTakenNamesCompile(t *testing.T) {
	names := taken(t)
	for turn, b := range backends.All() {
		t.Run(b.Name, func(t *testing.T) {
			roles := make([][]string, 7)
			for i, name := range names {
				role := (i + turn) % len(roles)
				roles[role] = append(roles[role], name)
			}
			dir := t.TempDir()
			for name, text := range map[string]string{"taken.proto": takenSchema(roles), "prism.yaml": `deployment: taken
import_path: github.com/prism-proxy/prism
packages: [taken.v1]
namespaces:
  - name: names
    backend: memory
`} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			build(t, compile(t, b, dir, dir))
		})
	}
}

// takenSchema declares entities with fields of these names in these roles, of
// each type in turn.
func takenSchema(roles [][]string) string {
	var b strings.Builder
	b.WriteString(`syntax = "proto3";
package taken.v1;
import "google/protobuf/timestamp.proto";
import "prism/v1/options.proto";
option go_package = "github.com/prism-proxy/prism/out/contract;takenv1";
`)
	kinds := []string{"int64", "string", "uint64", "bool", "bytes", "google.protobuf.Timestamp", "sint32", "fixed64"}
	entity := func(name, head string, words []string, option func(i int) string) {
		fmt.Fprintf(&b, "message %s {\n  option (prism.v1.entity).namespace = \"names\";\n  option (prism.v1.entity).key_value = {};\n%s", name, head)
		for i, word := range words {
			label, kind, options := "", kinds[i%len(kinds)], option(i)
			if kind == "string" || kind == "bytes" {
				options += ", (prism.v1.field).max_length = 4"
			}
			if strings.Contains(options, "UNIQUE") && kind != "google.protobuf.Timestamp" {
				label = "optional "
			}
			fmt.Fprintf(&b, "  %s%s %s = %d [%s];\n", label, kind, word, i+2, strings.TrimPrefix(options, ", "))
		}
		b.WriteString("}\n")
	}
	with := func(option string) func(int) string { return func(int) string { return option } }
	place := func(role string) func(int) string {
		return func(i int) string { return fmt.Sprintf("(prism.v1.field).%s = %d", role, i+1) }
	}
	const key = "  int64 own_key = 1 [(prism.v1.field).partition_key = 1];\n"
	const ttl = "  option (prism.v1.entity).ttl = {seconds: 60};\n"
	const column = "(prism.v1.field).column = {}"
	entity("Plain", key, roles[0], with(column))
	entity("Equal", ttl+key, roles[1], with("(prism.v1.field).index = EQUALITY"))
	entity("Ordered", key, roles[2], with("(prism.v1.field).index = ORDERED"))
	entity("Single", ttl+key, roles[3], with("(prism.v1.field).index = UNIQUE"))
	for i := range 3 { // a key or an index has at most 32 columns
		for j, words := range slices.Collect(slices.Chunk(roles[4+i], 24)) {
			name := fmt.Sprintf("%c%d", 'A'+i, j)
			switch i {
			case 0:
				entity("Partition"+name, "", words, place("partition_key"))
			case 1:
				entity("Sort"+name, key, words, place("sort_key"))
			case 2:
				several := fmt.Sprintf("  option (prism.v1.entity).index = {name: \"several\" unique: true equality: [\"%s\"]};\n", strings.Join(words, `", "`))
				entity("Index"+name, several+key, words, with(column))
			}
		}
	}
	return b.String()
}
