package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// nestedOrder is an entity with more fields and messages.
func nestedOrder(fields, messages string) string {
	return `message Order {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = {};
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
` + fields + "}\n" + messages
}

// Bounds are checked at their options, wherever a message stands and whatever holds
// it, once for each option.
func TestNestedBounds(t *testing.T) {
	const line = "Line line = 2; repeated Line lines = 3; map<string, Line> of = 4;\n"
	tests := []struct {
		name, fields, messages string
		want                   []int
		what                   string
	}{
		{"all in place", `
  repeated Line lines = 2 [(prism.v1.field).min_items = 1, (prism.v1.field).max_items = 100000];
  map<int32, string> labels = 3 [(prism.v1.field).min_items = 2, (prism.v1.field).min_length = 1, (prism.v1.field).max_length = 9];
  repeated bytes notes = 4 [(prism.v1.field).max_length = 9];
  repeated sint32 sizes = 5 [(prism.v1.field).range = {min: 1}];
  Line line = 6 [(prism.v1.field).required = true];
`, `message Line { string sku = 1 [(prism.v1.field).required = true]; int32 n = 2 [(prism.v1.field).range = {max: 9}]; }`, nil, ""},
		{"items of one", "  Line line = 2 [(prism.v1.field).max_items = 1];\n", "message Line {}", []int{schema.RuleBoundsType}, "max_items is set on line"},
		{"items of text", "  string note = 2 [(prism.v1.field).min_items = 1];\n", "", []int{schema.RuleBoundsType}, "min_items is set on note"},
		{"items swapped", "  repeated string notes = 2 [(prism.v1.field).min_items = 3, (prism.v1.field).max_items = 2];\n", "", []int{schema.RuleBoundsEmpty}, "min_items 3 of notes"},
		{"more items than a record holds", "  repeated string notes = 2 [(prism.v1.field).max_items = 100001];\n", "", []int{schema.RuleOptionRange}, "max_items of notes is 100001"},
		{"length of messages", "  repeated Line lines = 2 [(prism.v1.field).max_length = 2];\n", "message Line {}", []int{schema.RuleBoundsType}, "type repeated shop.v1.Line"},
		{"length of numbers", "  repeated int32 sizes = 2 [(prism.v1.field).max_length = 2];\n", "", []int{schema.RuleBoundsType}, "type repeated int32"},
		{"range of texts in a map", "  map<string, string> labels = 2 [(prism.v1.field).range = {min: 1}];\n", "", []int{schema.RuleBoundsType}, "type map<string, string>"},
		{"range of a list that no element has", "  repeated uint64 sizes = 2 [(prism.v1.field).range = {max: -1}];\n", "", []int{schema.RuleOptionRange}, "max of sizes is -1"},
		{"more bytes than a record holds", "  repeated string notes = 2 [(prism.v1.field).min_items = 4000, (prism.v1.field).min_length = 1000];\n", "", []int{schema.RuleBoundsEmpty}, "min_items 4000 of notes, each of at least 1000 bytes, are more than the 3145728 bytes of a record"},
		{"a third bool", "  map<bool, string> notes = 2 [(prism.v1.field).min_items = 3];\n", "", []int{schema.RuleBoundsEmpty}, "min_items of notes is 3, and there are two keys of type bool"},
		{"a required list", "  repeated string notes = 2 [(prism.v1.field).required = true];\n", "", []int{schema.RuleRequiredPresence}, "absent notes"},
		{"below, in three places", line, "message Line { int32 n = 1 [(prism.v1.field).max_length = 3]; }", []int{schema.RuleBoundsType}, "max_length is set on n"},
		{"below, required without presence", line, "message Line { int32 n = 1 [(prism.v1.field).required = true]; }", []int{schema.RuleRequiredPresence}, ""},
		{"below, an index", line, "message Line { string s = 1 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 3]; }", []int{schema.RuleFieldEntity}, "index is set on field s"},
		{"below, a column and a key", line, "message Line { string s = 1 [(prism.v1.field).column = {}, (prism.v1.field).sort_key = 1]; }", []int{schema.RuleFieldEntity, schema.RuleFieldEntity}, ""},
		{"no entity contains it, and it is wrong", "", "message Line { int32 n = 1 [(prism.v1.field).max_length = 3]; }", []int{schema.RuleBoundsType, schema.RuleBoundsUnused}, ""},
		{"without end", "  Line line = 2;\n", "message Line { Line next = 1 [(prism.v1.field).required = true]; }", []int{schema.RuleBoundsEmpty, schema.RuleTypeRecursive}, "each shop.v1.Line would contain another"},
		{"without end, by way of a list and a map", "  Line line = 2;\n",
			"message Line { repeated Part parts = 1 [(prism.v1.field).min_items = 1]; }\nmessage Part { map<string, Line> lines = 1 [(prism.v1.field).min_items = 1]; }",
			[]int{schema.RuleBoundsEmpty, schema.RuleBoundsEmpty, schema.RuleTypeRecursive}, "each shop.v1."},
		{"with an end", "  Line line = 2 [(prism.v1.field).required = true];\n", "message Line { Line next = 1; repeated Line lines = 2 [(prism.v1.field).max_items = 1]; }",
			[]int{schema.RuleTypeRecursive, schema.RuleTypeRecursive}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := read(t, config, nestedOrder(tt.fields, tt.messages))
			got := numbers(faults)
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) || !strings.Contains(lines(faults), tt.what) {
				t.Errorf("rules %v, want %v with %q:\n%s", got, tt.want, tt.what, lines(faults))
			}
		})
	}
}

// A write looks into a message only if bounds stand in it or below it, and at no field
// that leads to none.
func TestNestedModel(t *testing.T) {
	d, faults := read(t, config, nestedOrder(`  Plain plain = 2;
  Outer outer = 3;
  map<string, Outer> of = 4;
`, `message Plain { string s = 1; Plain next = 2; }
message Outer { Plain plain = 1; Inner inner = 2; string s = 3; }
message Inner { message Bound { string s = 1 [(prism.v1.field).max_length = 9]; string t = 2; } Bound bound = 1; }
`))
	if d == nil {
		t.Fatal(lines(faults))
	}
	var got []string
	for _, x := range d.Entities()[0].Nested {
		var fields []string
		for _, f := range x.Fields {
			fields = append(fields, f.Name)
		}
		got = append(got, x.GoName+" "+strings.Join(fields, ","))
	}
	slices.Sort(got)
	want := "boundedInner bound; boundedInnerBound s; boundedOrderOfEntry key,value; boundedOuter inner"
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

// What the contract's comments say of a field is what the check demands of it.
func TestBoundsInWords(t *testing.T) {
	const o = "(prism.v1.field)."
	tests := []struct{ field, want string }{
		{"string f = 2;", ""},
		{"string f = 2 [" + o + "min_length = 2, " + o + "max_length = 9];", "empty or 2 to 9 bytes"},
		{"optional string f = 2 [" + o + "min_length = 2];", "at least 2 bytes"},
		{"string f = 2 [" + o + "required = true];", "required"},
		{"string f = 2 [" + o + "required = true, " + o + "min_length = 3, " + o + "max_length = 3];", "required, exactly 3 bytes"},
		{"string f = 2 [" + o + "required = true, " + o + "max_length = 1];", "required, exactly 1 byte"},
		{"string f = 2 [" + o + "index = EQUALITY, " + o + "max_length = 9];", "at most 9 bytes, without NUL"},
		{"int32 f = 2 [" + o + "range = {min: -1}];", "at least -1"},
		{"repeated string f = 2 [" + o + "min_items = 1, " + o + "max_items = 9, " + o + "min_length = 1];", "1 to 9 items, each at least 1 byte"},
		{"repeated sint64 f = 2 [" + o + "range = {min: 1 max: 5}];", "each 1 to 5"},
		{"map<string, string> f = 2 [" + o + "max_items = 1, " + o + "max_length = 9];", "at most 1 item, each value at most 9 bytes"},
		{"Line f = 2 [" + o + "required = true];", "required"},
	}
	for _, tt := range tests {
		d, faults := read(t, config, nestedOrder(tt.field+"\n", "message Line {}"))
		if d == nil {
			t.Fatal(lines(faults))
		}
		if got := d.Entities()[0].Fields[1].Bounds(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.field, got, tt.want)
		}
	}
}
