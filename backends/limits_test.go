package backends_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// What exceeds a store's limits on names or sizes is refused, at its position,
// by that store and by no other.
func TestLimitsOfStores(t *testing.T) {
	fields := func(n int, options string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  google.protobuf.Timestamp f%d = %d%s;\n", i, i+2, strings.ReplaceAll(options, "PLACE", fmt.Sprint(i+1)))
		}
		return b.String()
	}
	long := strings.Repeat("n", 56)
	tests := []struct{ backend, name, entity, want string }{
		{"postgres", "sequence", "  option (prism.v1.entity).table = \"" + long + "\";\n", "3012 7:3"},
		{"postgres", "column", "  int64 a = 2 [(prism.v1.field).column = {name: \"" + long + "_of_text\"}];\n", "3012 7:16"},
		{"postgres", "column of the system", "  int64 ctid = 2 [(prism.v1.field).column = {}];\n", "3012 7:3"},
		{"postgres", "index", "  int64 " + long + "n = 2 [(prism.v1.field).index = EQUALITY];\n", "3012 7:72"},
		{"postgres", "wide index", "  option (prism.v1.entity).index = {name: \"i\" equality: [\"f0\"" + func() (names string) {
			for i := range 15 {
				names += fmt.Sprintf(", \"f%d\"", i+1)
			}
			return names
		}() + "]};\n" + fields(16, ""), "3012 7:3"},
		{"postgres", "columns", fields(798, " [(prism.v1.field).column = {}]"), "3012 4:1"},
		{"sqlite", "table", "  option (prism.v1.entity).table = \"sqlite_orders\";\n", "3012 7:3"},
	}
	for _, tt := range tests {
		t.Run(tt.backend+"/"+tt.name, func(t *testing.T) {
			for _, b := range backends.All() {
				var want []string
				if b.Name == tt.backend {
					want = []string{tt.want}
				}
				if got := limits(t, b, tt.entity); b.Columns && !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", b.Name, got, want)
				}
			}
		})
	}
}

// limits returns the faults of an entity with the given lines, as numbers and
// positions.
func limits(t *testing.T, b *emit.Backend, lines string) (found []string) {
	t.Helper()
	config := "deployment: d\nimport_path: example.com/d\npackages: [d.v1]\nnamespaces:\n  - name: n\n    backend: " + b.Name + "\n"
	for _, key := range b.Config {
		if key.Required && key.InsteadOf == "" {
			config += "    config: {" + key.Name + ": \"${env:SETTING}\"}\n"
		}
	}
	text := "syntax = \"proto3\"; package d.v1; import \"prism/v1/options.proto\"; import \"google/protobuf/timestamp.proto\";\n" +
		"option go_package = \"example.com/d/out/contract/d/v1;dv1\";\n\nmessage Thing {\n  option (prism.v1.entity).namespace = \"n\";\n" +
		"  option (prism.v1.entity).key_value = {without: [SCAN]};\n" + lines + "  int64 id = 1 [(prism.v1.field).partition_key = 1];\n}\n"
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{"d/v1/thing.proto": {Data: []byte(text)}}}}, []string{"d.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	_, faults = generator.Run(generator.Input{Config: []byte(config), ConfigPath: "schemas/prism.yaml", Files: files, Backends: []*emit.Backend{b}})
	for _, f := range faults {
		if f.Severity == schema.Error {
			found = append(found, fmt.Sprintf("%d %d:%d", f.Number, f.Line, f.Column))
		}
	}
	return found
}
