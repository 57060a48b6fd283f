package diff_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// thing is a message with fields that come, change and go.
type thing struct {
	fields [8]thingField // by number, from 2 on
	index  [2]int        // fields of an index of several; the same twice: there is none
	ttl    int
}

type thingField struct {
	kind     string // "": it is not there
	optional bool
	index    string
	column   bool
}

// change changes one field, the index of several or the ttl. A field goes a release after
// its column.
func (th *thing) change(r *rand.Rand) {
	i := r.IntN(len(th.fields))
	f := &th.fields[i]
	inIndex := th.index[0] != th.index[1] && (th.index[0] == i || th.index[1] == i)
	switch n := r.IntN(10); {
	case n == 0:
		th.ttl = r.IntN(3) * 60
	case n == 1:
		th.index = [2]int{r.IntN(len(th.fields)), r.IntN(len(th.fields))}
		for _, i := range th.index {
			if f := &th.fields[i]; f.kind == "" || f.kind == "double" {
				th.index = [2]int{}
			}
		}
	case f.kind == "":
		*f = thingField{kind: "int32"}
	case n == 2 && f.index == "" && !f.column && !inIndex:
		*f = thingField{}
	case n < 5:
		if kinds := []string{"int32", "int64", "sint64", "string", "bool", "google.protobuf.Timestamp", "double"}; f.index == "" && !inIndex {
			f.kind = kinds[r.IntN(len(kinds))]
		} else if f.kind == "int32" {
			f.kind = "int64"
		}
	case n < 7:
		f.optional = f.index == "UNIQUE" || r.IntN(2) == 0
	case n < 8:
		f.column = !f.column
	case f.kind != "double":
		f.index = []string{"", "EQUALITY", "ORDERED", "UNIQUE"}[r.IntN(4)]
		f.optional = f.optional || f.index == "UNIQUE"
	}
}

func (th *thing) proto() string {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage thing.v1;\nimport \"google/protobuf/timestamp.proto\";\nimport \"prism/v1/options.proto\";\noption go_package = \"example.com/thing/out/contract/thing/v1;thingv1\";\n" +
		"message Thing {\n  option (prism.v1.entity).namespace = \"things\";\n  option (prism.v1.entity).key_value = {};\n  option (prism.v1.entity).compatibility = NONE;\n")
	if th.ttl > 0 {
		fmt.Fprintf(&b, "  option (prism.v1.entity).ttl = {seconds: %d};\n", th.ttl)
	}
	if th.index[0] != th.index[1] {
		fmt.Fprintf(&b, "  option (prism.v1.entity).index = {name: \"both\" equality: [\"f%d\", \"f%d\"]};\n", th.index[0]+2, th.index[1]+2)
	}
	b.WriteString("  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];\n")
	for i, f := range th.fields {
		if f.kind == "" {
			continue
		}
		label, options := "", []string{}
		if f.optional {
			label = "optional "
		}
		if f.index != "" {
			options = append(options, "(prism.v1.field).index = "+f.index)
		}
		if f.column {
			options = append(options, "(prism.v1.field).column = {}")
		}
		if f.kind == "string" {
			options = append(options, "(prism.v1.field).max_length = 20")
		}
		list := ""
		if len(options) > 0 {
			list = " [" + strings.Join(options, ", ") + "]"
		}
		fmt.Fprintf(&b, "  %s%s f%d = %d%s;\n", label, f.kind, i+2, i+2, list)
	}
	return b.String() + "}\n"
}

// Whatever a team changes, from release to release, each statement that a store needs is
// of a change, and each change of the schema is told.
func TestChains(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			backend := "sqlite"
			if seed%2 == 0 {
				backend = "postgres, config: {url: \"${env:DATABASE_URL}\"}"
			}
			s := &shop{t, fstest.MapFS{"schemas/shop/prism.yaml": {Data: []byte(
				"deployment: thing\nimport_path: example.com/thing\npackages: [thing.v1]\nroot: schemas\nnamespaces: [{name: things, backend: " + backend + "}]\ncontract: {go: false}\n")}}}
			th := thing{}
			for range 6 {
				before := th
				for th == before {
					for range 1 + r.IntN(4) {
						th.change(r)
					}
				}
				s.files["schemas/thing/v1/thing.proto"] = &fstest.MapFile{Data: []byte(th.proto())}
				d := s.diff()
				whole(t, s, d)
				if len(d.Changes) == 0 {
					t.Errorf("release %d: no change", d.Release+1)
				}
				if t.Failed() {
					t.Fatalf("(-before +now):\n%s\n%s", cmp.Diff(before.proto(), th.proto()), strings.Join(lines(d), "\n"))
				}
				s.release()
			}
		})
	}
}
