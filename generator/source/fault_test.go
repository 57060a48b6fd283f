package source_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/generator/source"
)

// The name that an option should have had is in the fix, also where it was written
// as other languages write names; and so is how a duration is written.
func TestOptionFixes(t *testing.T) {
	const unknown = "; correct the name, or use a newer compiler; did you mean "
	const duration = "; write ttl = {seconds: 7776000}, which is 90 days\n"
	tests := []struct{ entity, field, want string }{
		{"", "(prism.v1.field).partitionKey = 1", unknown + "partition_key?\n"},
		{"", "(prism.v1.field) = {partitionKey: 1}", unknown + "partition_key?\n"},
		{"", "(prism.v1.field).MaxLength = 1", unknown + "max_length?\n"},
		{"", "(prism.v1.field).index = Unique", unknown + "UNIQUE?\n"},
		{"", "(prism.v1.field).pii.categry = EMAIL", unknown + "category?\n"},
		{"", "(prism.v1.feild).required = true", unknown + "field?\n"},
		{"", "(prism.v1.partition_key) = 1", "; write (prism.v1.field).partition_key\n"},
		{"", "(prism.v1.field).records = 1", "; correct the name, or use a newer compiler\n"}, // which is Capacity's
		{".keyValue = {}", "", unknown + "key_value?\n"},
		{".capacity.peakReadsPerSecond = 1", "", unknown + "peak_reads_per_second?\n"},
		{".durability = PowerSafe", "", unknown + "POWER_SAFE?\n"},
		{".key_value = true", "", "expecting message, got identifier; write key_value = {}\n"},
		{`.ttl = "90d"`, "", "expecting message, got string" + duration},
		{".ttl = 90", "", "expecting message, got integer" + duration},
		{`.ttl = {seconds: "90d"}`, "", "expecting int64, got string" + duration},
		{".ttl = {days: 90}", "", "field days not found; a schema uses only options that this compiler knows" + duration},
		{` = {ttl: "90d"}`, "", "expecting message, got string; write the value's members in braces; a duration is written as ttl: {seconds: 7776000}, which is 90 days\n"},
	}
	for _, tt := range tests {
		text := "syntax = \"proto3\";\npackage shop.v1;\nimport \"prism/v1/options.proto\";\nmessage A {\n"
		if tt.entity != "" {
			text += "  option (prism.v1.entity)" + tt.entity + ";\n"
		}
		text += "  string id = 1"
		if tt.field != "" {
			text += " [" + tt.field + "]"
		}
		_, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{"a.proto": {Data: []byte(text + ";\n}\n")}}}}, shop)
		if len(faults) != 1 || faults[0].Line != 5 || !strings.HasSuffix(faults[0].String()+"\n", tt.want) {
			t.Errorf("%s%s: got %v\nwant … %s", tt.entity, tt.field, faults, tt.want)
		}
	}
}
