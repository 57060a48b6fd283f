// Package schema is the plain model of what a team declared: a deployment, its
// namespaces, and their entities with fields, keys and indexes. Read builds it
// from descriptors and prism.yaml and reports every fault at once. What the
// model can decide is decided here; emitters only print.
package schema

import (
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Deployment is one compiled proxy. Its slices and everything below them are
// in a fixed order and are not changed after Read.
type Deployment struct {
	Name       string            // [a-z][a-z0-9]*
	ImportPath string            // the Go import path of the module's root
	Dir        string            // the folder of prism.yaml, with slashes, from the module's root: schemas/shop
	Listen     string            // host:port of the data listener
	MemorySet  int64             // bytes that prism.yaml gives connections and calls; 0: none
	TestKit    bool              // whether the deployment has a test kit
	WithoutGo  bool              // the contract's Go messages and clients are made by other tools
	GoPackages map[string]string // Go packages of imported files, as go_package has them, by the files' paths
	Packages   []string
	DropTables []string     // entities of the last release whose tables may go
	Namespaces []*Namespace // by name
	Release    int          // the open release, or the last one if nothing is open
	Open       bool         // the schema has changed since the last release
	// Files are the schema's own files: those of Packages, sorted by path.
	Files []protoreflect.FileDescriptor

	config configText
}

// Entities returns the entities of all namespaces, by full name.
func (d *Deployment) Entities() []*Entity {
	var all []*Entity
	for _, n := range d.Namespaces {
		all = append(all, n.Entities...)
	}
	sortByFullName(all)
	return all
}

// Namespace is a set of entities that one store serves.
type Namespace struct {
	Name      string // [a-z][a-z0-9-]*
	Backend   string
	Config    map[string]string // the backend's settings, references unresolved
	MovedFrom string            // the backend of the last release that it leaves
	Limits    Limits            // those that prism.yaml sets
	Entities  []*Entity         // by full name, at least one
	// Releases has the number of the last migration of each release; after Read: nil.
	Releases []int
	Folder   string // of the migrations; after Read: ""
}

// Entity is one message that has a key, a table and a service.
type Entity struct {
	Desc      protoreflect.MessageDescriptor
	Namespace *Namespace
	Name      string // UserProfile
	Plural    string // UserProfiles
	Label     string // user_profile: the entity's field in requests, and its file
	Labels    string // user_profiles
	GoPackage string // userprofile
	Table     string // user_profiles
	Release   int    // the latest that began to write one of the columns; after Read: 1
	Fence     int    // the release that older writers are kept out for; 0: none
	Expiry    Expiry
	Dir       string // shop/v1/userprofile: its package below the proxy
	Contract  Contract
	Comment   string // the message's leading comment, cleaned, or ""

	Fields    []*Field // by number
	Partition []*Field // in their order in the key, at least one
	Sort      []*Field
	Indexes   []*Index // field indexes by field number, then composite ones as declared
	Kept      []*Index // unique ones that the schema no longer has and the store does: they refuse still
	Nested    []*Nested

	Abstraction *Abstraction
	Without     Ability  // what it does without, of what its abstraction has by default
	Service     *Service // its own

	TTL        time.Duration // 0: none
	Capacity   Capacity
	Durability Durability
	Personal   []Personal // the personal-data inventory, by path
	Source     Source     // where the message stands

	Compatibility Compatibility
	Acknowledged  []Acknowledgement // as written
}

// Expiry is what a store has of a ttl that began, or ended, behind the table.
type Expiry struct {
	Ended bool // records are written with a time that never comes
	// Since is the release that began or ended it: records of writers before it get
	// their time by the fill. 0: it is as the table.
	Since int
	Fill  int // the number of the migration that does it
}

// Contract is where the contract of an entity stands.
type Contract struct {
	Package string // its proto package, that of the schema's file or one of its own: shop.v1
	Dir     string // the folder of its files below out/contract: shop/v1
	Own     bool   // no message of the schema is in Package
}

// TableSource returns where the entity's table is named: by an option, or by the
// message.
func (e *Entity) TableSource() Source {
	if entityOptions(e.Desc).GetTable() != "" {
		return place(e.Desc, option(entityOption, entityTable)...)
	}
	return e.Source
}

// NamespaceSource returns where the entity says its namespace.
func (e *Entity) NamespaceSource() Source {
	return place(e.Desc, option(entityOption, entityNamespace)...)
}

// Key returns the partition key and the sort key.
func (e *Entity) Key() []*Field {
	return append(append([]*Field(nil), e.Partition...), e.Sort...)
}

// Columns returns the fields that have a column: the key in its order, then
// the others by number.
func (e *Entity) Columns() []*Field {
	columns := e.Key()
	for _, f := range e.Fields {
		if f.Role == Indexed || f.Role == Marked || f.Role == Kept {
			columns = append(columns, f)
		}
	}
	return columns
}

// Stored returns the fields that the record check finds for the store: the
// same as Columns in SQL stores; byte stores need only key and indexed ones.
func (e *Entity) Stored(marked bool) []*Field {
	var fields []*Field
	for _, f := range e.Columns() {
		if marked || f.Role != Marked {
			fields = append(fields, f)
		}
	}
	return fields
}

// Nested is a message below an entity that a write looks into, because its fields, or
// fields below them, have bounds. For a map it is the entry.
type Nested struct {
	Desc   protoreflect.MessageDescriptor
	GoName string   // boundedOrderLine: no other Nested of the entity has it
	Fields []*Field // that are bounded, by number; of an entry always the key, and the value if it is bounded
}

// Field is a top-level field of an entity, or of a Nested.
type Field struct {
	Desc    protoreflect.FieldDescriptor
	Number  int32
	Name    string // user_id
	GoName  string // UserID
	Type    Type   // Other when the field can have no column
	Role    Role
	Column  string // the column's name, "" when it has none
	Comment string
	// Shadow says that this is no field of the schema, but one of it as the release
	// before reads it, beside it and with its number.
	Shadow bool
	// Filled says that the column came after its table, and was filled from records.
	Filled bool

	// Presence says that absence differs from the zero value.
	Presence bool
	Required bool
	// Labelled says that the declaration itself has the field required, as in proto2:
	// it is on the wire, empty or not.
	Labelled bool

	MinLength, MaxLength int    // bytes; MaxLength 0: unbounded
	Min, Max             *int64 // an integer's range, both ends included
	MinItems, MaxItems   int    // of a list or a map; MaxItems 0: unbounded
	Element              *Field // each element of a list, or value of a map, if lengths or a range bound it
	Nested               *Nested
	Personal             Category // also of a Nested in which all is personal
}

// Bounded reports whether a write looks at the field because of what its declaration
// demands, of it or of what is in it.
func (f *Field) Bounded() bool {
	return f.Required || f.Labelled || f.MinLength > 0 || f.MaxLength > 0 || f.Min != nil || f.Max != nil ||
		f.MinItems > 0 || f.MaxItems > 0 || f.Element != nil || f.Nested != nil
}

// OneofSiblings returns the other members of the field's oneof, by number.
func (f *Field) OneofSiblings() []protoreflect.FieldDescriptor {
	oneof := f.Desc.ContainingOneof()
	if oneof == nil || oneof.IsSynthetic() {
		return nil
	}
	var siblings []protoreflect.FieldDescriptor
	for i := range oneof.Fields().Len() {
		if s := oneof.Fields().Get(i); s.Number() != f.Desc.Number() {
			siblings = append(siblings, s)
		}
	}
	return siblings
}

// NamesColumn reports whether an option names the field's column.
func (f *Field) NamesColumn() bool { return fieldOptions(f.Desc).GetColumn().GetName() != "" }

// ShadowOf returns f as the release before reads it, which desc says, for the column
// that proxies of that release read.
func ShadowOf(f *Field, desc protoreflect.FieldDescriptor, column string) *Field {
	return &Field{
		Desc: desc, Number: f.Number, Name: f.Name, GoName: f.GoName + "_kept", // no name of a field has a _
		Type: typeOf(desc), Role: Kept, Column: column, Presence: desc.HasPresence(), Shadow: true,
	}
}

// ColumnSource returns where the field's column is named: by an option, or by the
// field.
func (f *Field) ColumnSource() Source {
	if f.NamesColumn() {
		return place(f.Desc, option(fieldOption, fieldColumn)...)
	}
	return place(f.Desc)
}

// NanosColumn is the column beside a Timestamp's own in stores whose time type
// stops at microseconds: it holds the nanoseconds below them.
func (f *Field) NanosColumn() string { return f.Column + "_nanos" }

// Type is how a value is held and ordered, whatever its wire type.
type Type int

const (
	Other     Type = iota // has no column
	Text                  // string: []byte, ordered by bytes
	Int                   // all signed integers, uint32, fixed32 and enums: int64
	Uint                  // uint64 and fixed64: uint64
	Bool                  // bool, false before true
	Timestamp             // google.protobuf.Timestamp: wire.Timestamp
	Bytes                 // bytes: []byte, ordered by bytes
	Float                 // float and double: float64, a column only
)

// Role says why a field has a column.
type Role int

const (
	Plain   Role = iota // no column
	Key                 // partition or sort key
	Indexed             // in at least one index
	Marked              // column, or columns: ALL
	Kept                // none: it is written for proxies of the release before
)

// Index is a secondary index. Its entries end with the key, so that pages are
// stable.
type Index struct {
	Name     string   // email, status: as UNIQUE errors name it
	Find     string   // FindUserProfileByEmail
	GoName   string   // findByEmail
	SQLName  string   // user_profiles_email
	Equality []*Field // given exactly, at least one unless Ordered stands alone
	Ordered  *Field   // bounded by from and to; nil: none
	Unique   bool
	// Migration is the number of the migration that builds the index on records that
	// exist; 0: it came with its table.
	Migration int
	Source    Source
}

// Go is what generated code calls something of the index: requestByEmail. The
// word comes first, since an index may be named as one: email_request.
func (x *Index) Go(word string) string { return word + strings.TrimPrefix(x.GoName, "find") }

// Fields returns the equality fields and the ordered one.
func (x *Index) Fields() []*Field {
	fields := append([]*Field(nil), x.Equality...)
	if x.Ordered != nil {
		fields = append(fields, x.Ordered)
	}
	return fields
}

// List is one way to read many records in order: the scan of a namespace, the
// scan of a partition, or the Find of an index that is not unique. A page is
// the records whose Order tuple lies in a half-open range.
type List struct {
	Method string   // the RPC: ScanOrders, FindOrdersByStatus
	GoName string   // scan, scanPartition, findByStatus
	Index  *Index   // nil: the key
	Equal  []*Field // the request gives these exactly
	Order  []*Field // the tuple that orders the answers; with Equal it holds the whole key
	Bound  []*Field // the leading part of Order that from and to may give
	// ByIndexField says that from and to are the ordered field's own type and
	// not a message of sort-key fields.
	ByIndexField bool
}

// Go is what generated code calls something of the list: scanReverse,
// reverseByStatus.
func (l *List) Go(word string) string {
	switch {
	case word == "":
		return l.GoName
	case l.Index != nil:
		return l.Index.Go(word)
	}
	return l.GoName + strings.ToUpper(word[:1]) + word[1:]
}

// Request is the type of the list's request in generated code: the two scans have
// one.
func (l *List) Request() string {
	if l.Index == nil {
		return "scanRequest"
	}
	return l.Go("request")
}

// Lists returns scan, then scanPartition where there is a sort key, then the
// Finds that answer pages.
func (e *Entity) Lists() []*List {
	var lists []*List
	if e.Has(CanScan) {
		lists = append(lists, &List{Method: "Scan" + e.Plural, GoName: "scan", Order: e.Key()})
		if len(e.Sort) > 0 {
			lists = append(lists, &List{
				Method: "Scan" + e.Plural, GoName: "scanPartition",
				Equal: e.Partition, Order: e.Sort, Bound: e.Sort,
			})
		}
	}
	for _, x := range e.Indexes {
		if x.Unique {
			continue
		}
		l := &List{Method: x.Find, GoName: x.GoName, Index: x, Equal: x.Equality}
		if x.Ordered != nil {
			l.Order = append(l.Order, x.Ordered)
			l.Bound, l.ByIndexField = l.Order[:1:1], true
		}
		for _, k := range e.Key() {
			if !containsField(l.Equal, k) && !containsField(l.Order, k) {
				l.Order = append(l.Order, k)
			}
		}
		lists = append(lists, l)
	}
	return lists
}

// Position returns the fields that lists are ordered by: the key, then the
// ordered index fields outside it, by number. One struct of them is the
// cursor of every list of the entity.
func (e *Entity) Position() []*Field {
	fields := e.Key()
	for _, f := range e.Fields {
		for _, x := range e.Indexes {
			if x.Ordered == f && !containsField(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

// Place names the type of a position in generated code: key where the key is
// all that lists are ordered by, else position.
func (e *Entity) Place() string {
	if len(e.Position()) > len(e.Key()) {
		return "position"
	}
	return "key"
}

// Lifetime is the TTL as people write it: 90s, 30m, 26h.
func (e *Entity) Lifetime() string {
	text := e.TTL.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Unique returns the unique indexes.
func (e *Entity) Unique() []*Index {
	var unique []*Index
	for _, x := range e.Indexes {
		if x.Unique {
			unique = append(unique, x)
		}
	}
	return unique
}

// Guards returns the unique indexes that refuse a write: those of the schema, and
// those that the store still has.
func (e *Entity) Guards() []*Index { return append(e.Unique(), e.Kept...) }

// Capacity is the declared load and volume; 0 is not declared.
type Capacity struct {
	PeakReads, PeakWrites   uint64 // per second
	Records, BytesPerRecord uint64
}

// Durability is the least an acknowledged write must survive, in rising order.
type Durability int

const (
	AnyDurability Durability = iota
	LostOnRestart
	CrashSafe
	PowerSafe
)

func (d Durability) String() string {
	return [...]string{"unspecified", "LOST_ON_RESTART", "CRASH_SAFE", "POWER_SAFE"}[d]
}

// Category is the kind of personal data, as options.proto names it: EMAIL.
// Empty: not personal.
type Category string

// Personal is one row of the personal-data inventory.
type Personal struct {
	Path       string // address, address.city
	Number     []int32
	Category   Category
	Protection string // MASK
	Indexed    bool
}

// Source is a place in a schema file. Line and column count from 1.
type Source struct {
	File         string
	Line, Column int
}

func containsField(fields []*Field, f *Field) bool {
	for _, g := range fields {
		if g == f {
			return true
		}
	}
	return false
}

// HasLowest reports whether the lowest key differs from one of which no field
// is set: whether an integer stands in it.
func (e *Entity) HasLowest() bool {
	for _, f := range e.Key() {
		if f.Type == Int {
			return true
		}
	}
	return false
}
