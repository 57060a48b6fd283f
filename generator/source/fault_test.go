package source_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/generator/source"
)

// What the language itself refuses has a number, a rule and a fix as well, once for
// each place; where an enum is wanted, the fix lists its values.
func TestLanguageFaults(t *testing.T) {
	const rule = "; a .proto file is what the protobuf language allows; "
	tests := []struct{ member, want string }{
		{"strin x = 1;", "a.proto:5:3: PRISM5008 [proto.language] field shop.v1.A.x: unknown type strin" + rule + "correct the name, or import the file that declares it; did you mean string?"},
		{"Foo x = 1;", "a.proto:5:3: PRISM5008 [proto.language] field shop.v1.A.x: unknown type Foo" + rule + "correct the name, or import the file that declares it"},
		{"string x = 1 [(prism.v1.field).required = true (prism.v1.field).index = EQUALITY];", "a.proto:5:50: PRISM5008 [proto.language] syntax error: unexpected '(', expecting ']'" + rule + "complete what stands before this place, where ']' was expected"},
		{"optional repeated string x = 1;", "a.proto:5:28: PRISM5008 [proto.language] syntax error: expecting ';'" + rule + "complete what stands before this place, where ';' was expected"},
		{"string x = 1 [prism.v1.field.required = true];", "a.proto:5:17: PRISM5008 [proto.language] field shop.v1.A.x: option prism.v1.field.required: field prism of google.protobuf.FieldOptions does not exist" + rule + "write the extension's name in parentheses, as in (prism.v1.field)"},
		{"string x = 1 [(prism.v1.field).required: true];", "a.proto:5:42: PRISM5008 [proto.language] compact option must have a value" + rule + "write name = value"},
		{"message B {", "a.proto:7:1: PRISM5008 [proto.language] syntax error: unexpected $end" + rule + "close the brace that is open"},
		{"string x = 1", "a.proto:6:1: PRISM5008 [proto.language] syntax error: expecting ';'" + rule + "complete what stands before this place, where ';' was expected"},
		{"string x 1;", "a.proto:5:12: PRISM5008 [proto.language] syntax error: expecting ';'" + rule + "complete what stands before this place, where ';' was expected"},
		{"string x = 0;", "a.proto:5:14: PRISM5008 [proto.language] tag number 0 must be greater than zero" + rule + "write a number from 1 to 536870911 that is not in 19000 to 19999"},
		{"reserved 5; reserved 5;", "reserved ranges overlap: 5 to 5 and 5 to 5" + rule + "correct what the text names; https://protobuf.dev/reference/protobuf describes the language"},
		{"string x = 1; int32 x = 2;", "a.proto:5:23: PRISM5008 [proto.language] symbol \"shop.v1.A.x\" already defined at a.proto:5:10" + rule + "rename one, or remove it"},
		{"option deprecated = 1;", "a.proto:5:23: PRISM5008 [proto.language] message shop.v1.A: option deprecated: expecting bool, got integer" + rule + "write a value of type bool"},
		{"string x = 1 [(prism.v1.field).max_length = -1];", "a.proto:5:47: PRISM5008 [proto.language] field shop.v1.A.x: option (prism.v1.field).max_length: value -1 is out of range for uint32" + rule + "write a value that uint32 can hold"},
		{"string x = 1 [(prism.v1.field).index = 1];", "got integer" + rule + "write one of EQUALITY, ORDERED, UNIQUE"},
		{`string x = 1 [(prism.v1.field).index = "UNIQUE"];`, "got string" + rule + "write one of EQUALITY, ORDERED, UNIQUE"},
		{"string x = 1 [(prism.v1.field).index = true];", "PRISM3001 [option.unknown] field shop.v1.A.x: option (prism.v1.field).index: enum prism.v1.Field.Index has no value named true; a schema uses only options that this compiler knows; write one of EQUALITY, ORDERED, UNIQUE"},
		{"string x = 1 [(prism.v1.field) = {index: Unik}];", "; write one of EQUALITY, ORDERED, UNIQUE"},
		{"option (prism.v1.entity).durability = 2;", "; write one of LOST_ON_RESTART, CRASH_SAFE, POWER_SAFE"},
		{"option (prism.v1.entity).key_value.without = true;", "; write one of SWAP, BATCH, SCAN"},
		{"string x = 1 [(prism.v1.field).pii = EMAIL];", "got identifier" + rule + "write its members in braces, or one of them behind a dot: pii.category = …"},
	}
	for _, tt := range tests {
		text := "syntax = \"proto3\";\npackage shop.v1;\nimport \"prism/v1/options.proto\";\nmessage A {\n  " + tt.member + "\n}\n"
		_, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{"a.proto": {Data: []byte(text)}}}}, shop)
		if len(faults) != 1 || !strings.HasSuffix(faults[0].String(), tt.want) {
			t.Errorf("%s: got %v\nwant … %s", tt.member, faults, tt.want)
		}
	}
}

// The name that an option should have had is in the fix, also where it was written
// as other languages write names; and so is how a duration is written.
func TestOptionFixes(t *testing.T) {
	const unknown = "; correct the name, or use a newer compiler; did you mean "
	const rule = "; a .proto file is what the protobuf language allows"
	const duration = "; write ttl = {seconds: 7776000}, which is 90 days\n"
	tests := []struct{ entity, field, want string }{
		{"", "(prism.v1.field).partitionKey = 1", unknown + "partition_key?\n"},
		{"", "(prism.v1.field) = {partitionKey: 1}", unknown + "partition_key?\n"},
		{"", "(prism.v1.field).MaxLength = 1", unknown + "max_length?\n"},
		{"", "(prism.v1.field).index = Unique", "; write one of EQUALITY, ORDERED, UNIQUE; did you mean UNIQUE?\n"},
		{"", "(prism.v1.field).pii.categry = EMAIL", unknown + "category?\n"},
		{"", "(prism.v1.feild).required = true", unknown + "field?\n"},
		{"", "(prism.v1.partition_key) = 1", "; write (prism.v1.field).partition_key\n"},
		{"", "(prism.v1.field).records = 1", "; correct the name, or use a newer compiler\n"}, // which is Capacity's
		{".keyValue = {}", "", unknown + "key_value?\n"},
		{".capacity.peakReadsPerSecond = 1", "", unknown + "peak_reads_per_second?\n"},
		{".durability = PowerSafe", "", "; write one of LOST_ON_RESTART, CRASH_SAFE, POWER_SAFE; did you mean POWER_SAFE?\n"},
		{".key_value = true", "", "expecting message, got identifier; a .proto file is what the protobuf language allows; write key_value = {}\n"},
		{`.ttl = "90d"`, "", "expecting message, got string" + rule + duration},
		{".ttl = 90", "", "expecting message, got integer" + rule + duration},
		{`.ttl = {seconds: "90d"}`, "", "expecting int64, got string" + rule + duration},
		{".ttl = {days: 90}", "", "field days not found; a schema uses only options that this compiler knows" + duration},
		{` = {ttl: "90d"}`, "", "expecting message, got string" + rule + "; write the value's members in braces; a duration is written as ttl: {seconds: 7776000}, which is 90 days\n"},
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
