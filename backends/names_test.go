package backends_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends"
)

// taken are names that generated packages have for themselves: members of a
// key, a record, a position or a request, functions, constants and variables of
// the package, and what functions call their values.
var taken = strings.Fields(`all answer append at b batch_delete batch_get batch_put bind bool bounded bytes c check
compare_and_swap ctx cursor cursor_at db delete edge empty_key empty_record end err everything existed expected f free_expired
from get given has_from id if_version in_partition int64 item items join k key keys keyvalue l len list lowest_key lowest_position
math memory message methods new_record next nil now out p page paging parameters partition place position postgres prefix put q
query r read record record_key record_keys records remove reply request results reverse runtime s scan scan_partition service
sqlite statement statements store string swap sweep table taken tenant time to token tokens type uint64 valid valid_bound
valid_partition value values version version_of w where wire write written`)

// Every taken name compiles on every backend as a plain field, a part of the
// partition key, a part of the sort key, and an indexed field of every kind.
func TestTakenNamesCompile(t *testing.T) {
	types := []string{"int64", "string", "uint64", "bool", "bytes", "google.protobuf.Timestamp", "sint32", "fixed64"}
	entity := func(name, head string, words []string, field func(i int, name string) (label, options string)) string {
		text := fmt.Sprintf("message %s {\n  option (prism.v1.entity).namespace = \"names\";\n  option (prism.v1.entity).key_value = {};\n%s", name, head)
		for i, word := range words {
			label, options := field(i, word)
			kind := types[i%len(types)]
			if kind == "string" || kind == "bytes" {
				options += ", (prism.v1.field).max_length = 4"
			}
			if options = strings.TrimPrefix(options, ", "); options != "" {
				options = " [" + options + "]"
			}
			text += fmt.Sprintf("  %s%s %s = %d%s;\n", label, kind, word, i+2, options)
		}
		return text + "}\n"
	}
	const key = "  int64 own_key = 1 [(prism.v1.field).partition_key = 1];\n"
	indexed := func(kind string) func(int, string) (string, string) {
		return func(i int, name string) (label, options string) {
			// What a request of a list, and a store's sequence, are called is refused.
			if name == "version" || kind == "EQUALITY" && (name == "from" || name == "to" || name == "reverse") {
				return "", ""
			}
			if kind == "UNIQUE" && types[i%len(types)] != "google.protobuf.Timestamp" {
				label = "optional "
			}
			return label, ", (prism.v1.field).index = " + kind
		}
	}
	plain := func(int, string) (string, string) { return "", "" }
	schema := `syntax = "proto3";
package taken.v1;
import "google/protobuf/timestamp.proto";
import "prism/v1/options.proto";
option go_package = "github.com/prism-proxy/prism/out/contract;takenv1";
` +
		entity("Plain", key, taken, func(int, string) (string, string) { return "", ", (prism.v1.field).column = {}" }) +
		entity("Equal", "  option (prism.v1.entity).ttl = {seconds: 60};\n"+key, taken, indexed("EQUALITY")) +
		entity("Ordered", key, taken, indexed("ORDERED")) +
		entity("Single", "  option (prism.v1.entity).ttl = {seconds: 60};\n"+key, taken, indexed("UNIQUE"))
	for words := range slices.Chunk(taken, 24) { // a key has at most 32 columns
		name := fmt.Sprintf("With%c", 'A'+rune(strings.Count(schema, "PartitionOf")))
		schema += entity("PartitionOf"+name, "", words, func(i int, _ string) (string, string) {
			return "", fmt.Sprintf(", (prism.v1.field).partition_key = %d", i+1)
		})
		schema += entity("SortOf"+name, key, words, func(i int, _ string) (string, string) {
			return "", fmt.Sprintf(", (prism.v1.field).sort_key = %d", i+1)
		})
		several := fmt.Sprintf("  option (prism.v1.entity).index = {name: \"several\" unique: true equality: [\"%s\"]};\n", strings.Join(words, `", "`))
		schema += entity("IndexOf"+name, several+key, words, plain)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"taken.proto": schema, "prism.yaml": `deployment: taken
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
	for _, b := range backends.All() {
		t.Run(b.Info().Name, func(t *testing.T) { build(t, compile(t, b, dir)) })
	}
}
