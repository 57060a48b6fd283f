package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// entityWith returns an entity that has options besides.
func entityWith(options string) string {
	return strings.Replace(order, "  option (prism.v1.entity).durability = POWER_SAFE;\n", options, 1)
}

// Every compatibility is read as what options.proto says of it.
func TestCompatibility(t *testing.T) {
	for name, want := range map[string]schema.Compatibility{
		"":                    {Backward: true, Forward: true, Transitive: true},
		"NONE":                {},
		"BACKWARD":            {Backward: true},
		"BACKWARD_TRANSITIVE": {Backward: true, Transitive: true},
		"FORWARD":             {Forward: true},
		"FORWARD_TRANSITIVE":  {Forward: true, Transitive: true},
		"FULL":                {Backward: true, Forward: true},
		"FULL_TRANSITIVE":     {Backward: true, Forward: true, Transitive: true},
	} {
		option := ""
		if name != "" {
			option = "  option (prism.v1.entity).compatibility = " + name + ";\n"
		}
		d, faults := read(t, config, entityWith(option))
		if d == nil {
			t.Fatal(faults)
		}
		got := d.Entities()[0].Compatibility
		if got != want || name != "" && got.String() != name {
			t.Errorf("%q: got %+v (%s), want %+v", name, got, got, want)
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	const open = "  option (prism.v1.entity).acknowledge = {"
	tests := []struct {
		text string
		want []int
	}{
		{open + `rule: "evolve.type", field: [5, 2], reason: "r"};` + "\n", []int{}},
		{open + `rule: "evolve.durability", reason: "r"};` + "\n", []int{}},
		{open + `rule: "evolve.type", field: 5};` + "\n", []int{2049}},
		{open + `rule: "evolve.type", field: 5, reason: " "};` + "\n", []int{2049}},
		{open + `rule: "PRISM4006", field: 5, reason: "r"};` + "\n", []int{2049}},
		{open + `field: 5, reason: "r"};` + "\n", []int{2049}},
		{open + `rule: "key.missing", reason: "r"};` + "\n", []int{2049}},
		{open + `rule: "evolve.key", reason: "r"};` + "\n", []int{2049}},
		{open + `rule: "evolve.stale", reason: "r"};` + "\n", []int{2049}},
		{open + `rule: "evolve.type", field: 5, reason: "r"};` + "\n" + open + `rule: "evolve.type", field: 5, reason: "s"};` + "\n", []int{2049}},
		{open + `rule: "evolve.type", field: 5, reason: "r"};` + "\n" + open + `rule: "evolve.type", field: 6, reason: "s"};` + "\n", []int{}},
	}
	for _, tt := range tests {
		_, faults := read(t, config, entityWith(tt.text))
		if got := numbers(faults); !slices.Equal(got, tt.want) {
			t.Errorf("%s: rules %v, want %v\n%s", tt.text, got, tt.want, lines(faults))
		}
	}

	d, faults := read(t, config, entityWith(tests[0].text))
	if d == nil {
		t.Fatal(faults)
	}
	want := []schema.Acknowledgement{{Rule: "evolve.type", Field: []int32{5, 2}, Reason: "r", Source: schema.Source{File: "shop/v1/order.proto", Line: 5, Column: 3}}}
	if diff := cmp.Diff(want, d.Entities()[0].Acknowledged); diff != "" {
		t.Errorf("acknowledgements (-want +got):\n%s", diff)
	}
}

// An entity of a released schema is read as it was, also what would be refused today.
func TestReleased(t *testing.T) {
	d, faults := read(t, config, entityWith("  option (prism.v1.entity).ttl = {seconds: 60};\n"))
	if d == nil {
		t.Fatal(faults)
	}
	e := d.Entities()[0]
	was := schema.Released(e.Desc)
	if was.Namespace.Name != "orders" || was.Table != e.Table || was.TTL != e.TTL || len(was.Key()) != 1 || was.Service.Name != "OrderService" || len(was.Service.Methods) != len(e.Service.Methods) {
		t.Errorf("got %+v", was)
	}
	if options := prismv1.File_prism_v1_options_proto.Messages().Get(0); schema.Released(options) != nil {
		t.Errorf("%s is read as an entity", options.FullName())
	}
}
