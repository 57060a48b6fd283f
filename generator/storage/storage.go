// Package storage is what the stores of a deployment hold beside the records:
// tables, columns and indexes, by the numbers of fields. The schema says what there
// shall be, the lock keeps what there was, and Next leads from one to the other.
package storage

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
)

// Model is what the stores of a deployment hold at a release. Its JSON is part of
// the lock, and is frozen by the lock's format.
type Model struct {
	Namespaces []Namespace `json:"namespaces"` // by name
	Entities   []Entity    `json:"entities"`   // by name
}

// Namespace is where entities stand.
type Namespace struct {
	Name    string `json:"name"`
	Backend string `json:"backend"`
	// Located are the settings that decide where the records are.
	Located map[string]string `json:"located,omitempty"`
	// Folder holds the migrations, below that of all. "": the store has none.
	Folder string `json:"folder,omitempty"`
	// Own are the tables of Prism's own that later compilers added to those of the
	// first migration.
	Own []string `json:"own,omitempty"`
}

// Equal reports whether the namespaces are the same.
func (n Namespace) Equal(o Namespace) bool {
	return n.Name == o.Name && n.Backend == o.Backend && n.Folder == o.Folder && maps.Equal(n.Located, o.Located) && slices.Equal(n.Own, o.Own)
}

// Entity is what a store holds of an entity.
type Entity struct {
	Name        string `json:"name"`        // shop.v1.Order
	Abstraction string `json:"abstraction"` // key_value
	Namespace   string `json:"namespace"`
	Table       string `json:"table"`
	// Declared is the table's name in the schema, if that was given before. "": Table.
	Declared string `json:"declared,omitempty"`
	// Release is the latest one that began to write one of the columns. Every record
	// has the release of its writer.
	Release int `json:"release"`
	// Fence is the release that older writers are kept out for. 0: there is no fence.
	Fence int `json:"fence,omitempty"`
	// Expires is the column with the time when a record expires: live with a ttl, and
	// kept, with a time that never comes, behind the end of one. Nil: there is none.
	Expires *Life    `json:"expires,omitempty"`
	Columns []Column `json:"columns"` // the key in its order, then by field number and age
	Indexes []Index  `json:"indexes"` // as declared when they came, then by age
	// Life is live, or idle where no schema has the entity any more.
	Life
}

// Column holds a field beside the record, which is the truth. A column is what it
// was made as, for ever: where the field, or how it is read, changes what the column
// holds, there is a new one.
type Column struct {
	Field int32  `json:"field"` // the field's number, which is its identity
	Name  string `json:"name"`  // in the store, whatever the field's name becomes; no other column ever has it
	Kind  Kind   `json:"kind"`
	Role  Role   `json:"role"`
	// Presence says that the column is NULL where the field is absent, and not
	// the zero value.
	Presence bool `json:"presence"`
	// Oneof are the numbers of the other members of the field's oneof: one of them
	// on the wire unsets the field.
	Oneof []int32 `json:"oneof,omitempty"`
	Life

	named bool // the schema names it, so it has no other name
}

// Index is a secondary index.
type Index struct {
	Name    string   `json:"name"`     // as errors and Finds name it
	SQLName string   `json:"sql_name"` // in the store; nothing else ever has it
	Columns []string `json:"columns"`  // the whole entry; one that is not unique ends with the rest of the key
	Unique  bool     `json:"unique"`
	Life
}

// Life is the state of an entity, a column or an index, and since which release it has it.
type Life struct {
	State State `json:"state"`
	Since int   `json:"since"`
}

// State says what proxies of a release do with a column or an index. It goes in two
// steps, so that the release before, which serves it, finds it written.
type State string

const (
	Live State = "live" // written and served
	Kept State = "kept" // written, and served no longer
	Idle State = "idle" // neither, and dropped when nobody goes back; its name stays taken
	// Dropped is an entity whose table is dropped when nobody goes back. An idle one has
	// its table, and its records, as long as nobody says so.
	Dropped State = "dropped"
)

// Role says why a field has a column.
type Role string

const (
	Partition Role = "partition"
	Sort      Role = "sort"
	Indexed   Role = "indexed"
	Marked    Role = "marked"
)

// Key reports whether every record has the column.
func (r Role) Key() bool { return r == Partition || r == Sort }

// Kind is how the field is read from a record: a kind of protobuf's, or timestamp.
type Kind string

const timestamp Kind = "timestamp"

var types = map[Kind]schema.Type{
	"string": schema.Text, "bytes": schema.Bytes, "bool": schema.Bool, timestamp: schema.Timestamp,
	"int32": schema.Int, "sint32": schema.Int, "sfixed32": schema.Int, "int64": schema.Int, "sint64": schema.Int, "sfixed64": schema.Int,
	"uint32": schema.Int, "fixed32": schema.Int, "enum": schema.Int,
	"uint64": schema.Uint, "fixed64": schema.Uint, "float": schema.Float, "double": schema.Float,
}

// Type returns how the values are held and ordered.
func (k Kind) Type() schema.Type { return types[k] }

func kindOf(f protoreflect.FieldDescriptor) Kind {
	if f.Kind() == protoreflect.MessageKind {
		return timestamp // no other message has a column
	}
	return Kind(f.Kind().String())
}

// Of returns the column of a field that has one. It takes a key's part for one of the
// partition key.
func Of(f *schema.Field) Column {
	c := Column{Field: f.Number, Name: f.Column, Kind: kindOf(f.Desc), Role: Marked, Presence: f.Presence && f.Role != schema.Key, named: f.NamesColumn()}
	switch f.Role {
	case schema.Key:
		c.Role = Partition
	case schema.Indexed:
		c.Role = Indexed
	}
	for _, sibling := range f.OneofSiblings() {
		c.Oneof = append(c.Oneof, int32(sibling.Number()))
	}
	slices.Sort(c.Oneof)
	return c
}

// Declared returns what the stores of a new deployment would hold. columns says of a
// backend whether marked fields get columns there; namespaces are left to the caller.
func Declared(d *schema.Deployment, columns func(backend string) bool) Model {
	m := Model{Namespaces: []Namespace{}, Entities: []Entity{}}
	for _, e := range d.Entities() {
		m.Entities = append(m.Entities, declared(e, columns(e.Namespace.Backend)))
	}
	return m
}

func declared(e *schema.Entity, marked bool) Entity {
	s := Entity{
		Name: string(e.Desc.FullName()), Abstraction: e.Abstraction.Name, Namespace: e.Namespace.Name, Table: e.Table,
		Release: 1, Columns: []Column{}, Indexes: []Index{}, Life: Life{Live, 1},
	}
	if e.TTL > 0 {
		s.Expires = &Life{Live, 1}
	}
	names := map[*schema.Field]string{}
	for _, f := range e.Stored(marked) {
		c := Of(f)
		c.Life = s.Life
		if slices.Contains(e.Sort, f) {
			c.Role = Sort
		}
		names[f] = c.Name
		s.Columns = append(s.Columns, c)
	}
	for _, x := range e.Indexes {
		index := Index{Name: x.Name, SQLName: x.SQLName, Unique: x.Unique, Life: s.Life}
		for _, f := range Entry(e, x) {
			index.Columns = append(index.Columns, names[f])
		}
		s.Indexes = append(s.Indexes, index)
	}
	return s
}

// Entry returns the fields of an index's entries: its own and, unless it is unique,
// the rest of the key, so that pages of it are stable.
func Entry(e *schema.Entity, x *schema.Index) []*schema.Field {
	fields := x.Fields()
	for _, k := range e.Key() {
		if !x.Unique && !slices.Contains(fields, k) {
			fields = append(fields, k)
		}
	}
	return fields
}

// DeclaredTable is the table's name in the schema.
func (e *Entity) DeclaredTable() string { return cmp.Or(e.Declared, e.Table) }

// Column returns the column of that name, or nil.
func (e *Entity) Column(name string) *Column {
	i := slices.IndexFunc(e.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Columns[i]
}

// Index returns the index of that name in the store, or nil.
func (e *Entity) Index(sqlName string) *Index {
	i := slices.IndexFunc(e.Indexes, func(x Index) bool { return x.SQLName == sqlName })
	if i < 0 {
		return nil
	}
	return &e.Indexes[i]
}

// Entity returns the live entity of that name, or nil.
func (m Model) Entity(name string) *Entity {
	i := slices.IndexFunc(m.Entities, func(e Entity) bool { return e.Name == name && e.State == Live })
	if i < 0 {
		return nil
	}
	return &m.Entities[i]
}

// Namespace returns the namespace of that name, or nil.
func (m Model) Namespace(name string) *Namespace {
	i := slices.IndexFunc(m.Namespaces, func(n Namespace) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Namespaces[i]
}
