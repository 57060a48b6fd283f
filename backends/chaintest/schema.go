package chaintest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Schema is a schema that changes from release to release.
type Schema struct {
	text     string // instead of all else
	messages []*message
	release  int
}

type message struct {
	name       string
	fields     []*field // without the key, which is string id = 1
	composites []composite
	ttl        bool
	next       int      // the next number
	names      []string // that were given
}

type field struct {
	number   int
	name     string
	kind     string
	optional bool
	oneof    bool
	index    string // "", EQUALITY, ORDERED, UNIQUE
	column   bool
	// had is whether a release has closed with a column of it, so that it cannot be
	// removed in the next.
	had bool
}

type composite struct {
	name   string
	fields []int // numbers; the last is ordered
}

// groups are kinds whose values are read as one another's.
var groups = [][]string{
	{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "Level"},
	{"fixed32", "sfixed32", "float"},
	{"fixed64", "sfixed64", "double"},
	{"string", "bytes"},
	{"google.protobuf.Timestamp"},
}

func group(kind string) []string {
	return groups[slices.IndexFunc(groups, func(g []string) bool { return slices.Contains(g, kind) })]
}

// NewSchema returns a schema of one entity.
func NewSchema(r *rand.Rand) *Schema {
	s := &Schema{}
	s.add("Item", r)
	return s
}

func (s *Schema) add(name string, r *rand.Rand) {
	m := &message{name: name, next: 2}
	for range 2 + r.IntN(4) {
		m.addField(r)
	}
	s.messages = append(s.messages, m)
}

// Clone returns a copy.
func (s *Schema) Clone() *Schema {
	c := &Schema{release: s.release}
	for _, m := range s.messages {
		n := *m
		n.fields, n.composites, n.names = nil, slices.Clone(m.composites), slices.Clone(m.names)
		for _, f := range m.fields {
			f := *f
			n.fields = append(n.fields, &f)
		}
		c.messages = append(c.messages, &n)
	}
	return c
}

func (m *message) addField(r *rand.Rand) {
	g := groups[r.IntN(len(groups))]
	f := &field{number: m.next, kind: g[r.IntN(len(g))], optional: r.IntN(2) == 0}
	f.name = fmt.Sprintf("f%d", m.next)
	if gone := m.gone(); len(gone) > 0 && r.IntN(2) == 0 {
		f.name = gone[r.IntN(len(gone))] // the name of another number, once
	}
	m.next++
	m.names = append(m.names, f.name)
	m.fields = append(m.fields, f)
	f.use(r)
}

// gone returns the names that fields had and have no more.
func (m *message) gone() []string {
	return slices.DeleteFunc(slices.Clone(m.names), func(name string) bool {
		return slices.ContainsFunc(m.fields, func(f *field) bool { return f.name == name })
	})
}

// use changes what the store has of a field.
func (f *field) use(r *rand.Rand) {
	f.index, f.column = "", r.IntN(3) == 0
	if f.kind == "float" || f.kind == "double" || r.IntN(2) == 0 {
		return
	}
	f.index = []string{"EQUALITY", "ORDERED"}[r.IntN(2)]
	if f.optional && f.kind != "bool" && f.kind != "Level" && r.IntN(2) == 0 {
		f.index = "UNIQUE"
	}
}

func (m *message) stored(f *field) bool {
	return f.index != "" || f.column || slices.ContainsFunc(m.composites, func(x composite) bool { return slices.Contains(x.fields, f.number) })
}

// Change makes one to four changes for the release, each of which a team may make.
func (s *Schema) Change(r *rand.Rand, release int) {
	if s.release != release {
		s.release = release
		for _, m := range s.messages {
			for _, f := range m.fields {
				f.had = m.stored(f)
			}
		}
	}
	if len(s.messages) == 1 && r.IntN(4) == 0 {
		s.add("Box", r)
	}
	for range 1 + r.IntN(4) {
		s.messages[r.IntN(len(s.messages))].change(r)
	}
	if r.IntN(5) == 0 {
		m := s.messages[r.IntN(len(s.messages))]
		m.ttl = !m.ttl
	}
}

func (m *message) change(r *rand.Rand) {
	if len(m.fields) == 0 {
		m.addField(r)
		return
	}
	f := m.fields[r.IntN(len(m.fields))]
	inComposite := slices.ContainsFunc(m.composites, func(x composite) bool { return slices.Contains(x.fields, f.number) })
	switch r.IntN(9) {
	case 0:
		m.addField(r)
	case 1:
		if !m.stored(f) && !f.had {
			m.fields = slices.DeleteFunc(m.fields, func(g *field) bool { return g == f })
		}
	case 2, 3:
		f.use(r)
	case 4: // another kind
		g := group(f.kind)
		kind := g[r.IntN(len(g))]
		if (f.index != "" || inComposite) && (kind == "float" || kind == "double") || f.index == "UNIQUE" && (kind == "bool" || kind == "Level") {
			return
		}
		f.kind = kind
	case 5: // presence
		if f.index != "UNIQUE" {
			f.optional, f.oneof = !f.optional, false
		}
	case 6: // a oneof, which has at least two members or none
		if f.optional {
			f.oneof = !f.oneof
		}
	case 7:
		f.name = fmt.Sprintf("f%d_%c", f.number, 'a'+rune(len(m.names)%26))
		if slices.Contains(m.names, f.name) {
			f.name = fmt.Sprintf("f%d_n%d", f.number, len(m.names))
		}
		m.names = append(m.names, f.name)
	case 8:
		m.compose(r)
	}
}

// compose adds a composite index, removes one, or changes the fields of one.
func (m *message) compose(r *rand.Rand) {
	var fields []int
	for _, f := range m.fields {
		if f.kind != "float" && f.kind != "double" && len(fields) < 3 && r.IntN(2) == 0 {
			fields = append(fields, f.number)
		}
	}
	switch {
	case len(m.composites) > 0 && (len(fields) < 2 || r.IntN(3) == 0):
		m.composites = m.composites[1:]
	case len(fields) >= 2 && len(m.composites) > 0 && r.IntN(2) == 0:
		m.composites[0].fields = fields
	case len(fields) >= 2:
		m.composites = append(m.composites, composite{fmt.Sprintf("x%d", m.next*10+len(m.composites)), fields})
	}
}

func (m *message) field(number int) *field {
	i := slices.IndexFunc(m.fields, func(f *field) bool { return f.number == number })
	if i < 0 {
		return nil
	}
	return m.fields[i]
}

// Fixed returns the schema of Items with these fields besides the key. It does not
// change.
func Fixed(fields string) *Schema {
	s := &Schema{messages: []*message{{name: "Item"}}}
	s.text = strings.Replace(s.String(), "  string id = 1", fields+"\n  string id = 1", 1)
	return s
}

// String is the schema as a .proto file.
func (s *Schema) String() string {
	if s.text != "" {
		return s.text
	}
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage app.v1;\nimport \"google/protobuf/timestamp.proto\";\nimport \"prism/v1/options.proto\";\n" +
		"option go_package = \"example.com/app/out/contract/app/v1;appv1\";\nenum Level { LEVEL_UNSPECIFIED = 0; LEVEL_HIGH = 1; }\n")
	for _, m := range s.messages {
		fmt.Fprintf(&b, "message %s {\n  option (prism.v1.entity).namespace = \"items\";\n  option (prism.v1.entity).key_value = {};\n", m.name)
		if m.ttl {
			b.WriteString("  option (prism.v1.entity).ttl = {seconds: 3600};\n")
		}
		for _, x := range m.composites {
			var names []string
			for _, number := range x.fields {
				names = append(names, fmt.Sprintf("%q", m.field(number).name))
			}
			last := len(names) - 1
			fmt.Fprintf(&b, "  option (prism.v1.entity).index = {name: %q, equality: [%s], ordered: %s};\n", x.name, strings.Join(names[:last], ", "), names[last])
		}
		b.WriteString("  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];\n")
		for _, f := range m.fields {
			if !f.oneof {
				fmt.Fprintf(&b, "  %s\n", f)
			}
		}
		one := ""
		for _, f := range m.fields {
			if f.oneof {
				one += fmt.Sprintf("    %s\n", f)
			}
		}
		if one != "" {
			fmt.Fprintf(&b, "  oneof choice {\n%s  }\n", one)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (f *field) String() string {
	var options []string
	if f.kind == "string" || f.kind == "bytes" {
		options = append(options, "(prism.v1.field).max_length = 40")
	}
	if f.index != "" {
		options = append(options, "(prism.v1.field).index = "+f.index)
	}
	if f.column {
		options = append(options, "(prism.v1.field).column = {}")
	}
	text := fmt.Sprintf("%s %s = %d", f.kind, f.name, f.number)
	if f.optional && !f.oneof {
		text = "optional " + text
	}
	if options != nil {
		text += " [" + strings.Join(options, ", ") + "]"
	}
	return text + ";"
}

// keys is how many records an entity has at most.
const keys = 40

// Record returns a record of the message, and its key. Values follow from the key and a number of
// the field's, so that no two records have the same in a unique index.
func (s *Schema) Record(r *rand.Rand, name string) (key string, record []byte) {
	i := slices.IndexFunc(s.messages, func(m *message) bool { return m.name == name })
	m := s.messages[i]
	n := r.IntN(keys)
	key = fmt.Sprintf("k%02d", n)
	record = protowire.AppendString(protowire.AppendTag(record, 1, protowire.BytesType), key)
	fields := slices.Clone(m.fields)
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	for _, f := range fields { // of a oneof, several may be on the wire
		if r.IntN(4) > 0 {
			record = f.append(record, uint64(n*1000+1+r.IntN(999)), r)
		}
	}
	return key, record
}

func (f *field) append(b []byte, v uint64, r *rand.Rand) []byte {
	number := protowire.Number(f.number)
	switch f.kind {
	case "string", "bytes":
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), fmt.Sprintf("v%d", v))
	case "google.protobuf.Timestamp":
		t := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), v)
		if r.IntN(2) == 0 {
			t = protowire.AppendVarint(protowire.AppendTag(t, 2, protowire.VarintType), uint64(r.IntN(1e9)))
		}
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), t)
	case "fixed32", "sfixed32":
		return protowire.AppendFixed32(protowire.AppendTag(b, number, protowire.Fixed32Type), uint32(v))
	case "float": // of small whole numbers, which read as a fixed32 are distinct too
		return protowire.AppendFixed32(protowire.AppendTag(b, number, protowire.Fixed32Type), uint32(v)+0x3f800000)
	case "fixed64", "sfixed64":
		return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), v)
	case "double":
		return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), v+0x3ff0000000000000)
	case "bool", "Level":
		v = uint64(r.IntN(2))
	case "int64", "uint64", "sint64":
		if r.IntN(3) == 0 {
			v += 1 << 33 // beyond 32 bits
		}
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}
