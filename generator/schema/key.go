package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

const maxEntry = 1024 // bytes of an encoded key, and of an index entry with its key

// key reads the partition key and the sort key.
func (r *reader) key(e *Entity) {
	e.Partition = r.keyPart(e, "partition_key", fieldPartitionKey, (*prismv1.Field).GetPartitionKey)
	e.Sort = r.keyPart(e, "sort_key", fieldSortKey, (*prismv1.Field).GetSortKey)
	if len(e.Partition) == 0 {
		r.report(RuleKeyMissing, e.Source, "write [(prism.v1.field).partition_key = 1] on the field that identifies it",
			"entity %s has no partition key", e.Desc.FullName())
	}
	for _, f := range e.Partition {
		if o := fieldOptions(f.Desc); o.GetPartitionKey() > 0 && o.GetSortKey() > 0 {
			r.report(RuleKeyOrder, place(f.Desc, option(fieldOption, fieldSortKey)...), "remove one", "%s is in the partition key and in the sort key", f.Name)
		}
	}
	for _, f := range e.Key() {
		r.keyField(f)
	}
}

// keyPart returns the fields that have a place in the partition key or in the
// sort key, in their order. The option is given by name, number and value.
func (r *reader) keyPart(e *Entity, name string, number int32, value func(*prismv1.Field) uint32) []*Field {
	places := map[*Field]uint32{}
	var part, zero []*Field
	for _, f := range e.Fields {
		o, at := fieldOptions(f.Desc), place(f.Desc, option(fieldOption, number)...)
		switch n := value(o); {
		case n > 0:
			places[f] = n
			part = append(part, f)
		case isSet(o, number):
			r.report(RuleOptionRange, at, "write at least 1", "%s of %s is 0", name, f.Name)
			zero = append(zero, f)
		}
	}
	if len(zero) > 0 {
		return append(zero, part...) // the order is not known
	}
	slices.SortStableFunc(part, func(a, b *Field) int { return cmp.Compare(places[a], places[b]) })
	for i, f := range part {
		if places[f] != uint32(i+1) {
			r.report(RuleKeyOrder, place(f.Desc, option(fieldOption, number)...), fmt.Sprintf("write %s = %d", name, i+1),
				"%s is %d on %s, the %s of %d", name, places[f], f.Name, ordinal(i+1), len(part))
			break // the rest follows from this one
		}
	}
	return part
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

func (r *reader) keyField(f *Field) {
	f.Role = Key
	o := fieldOptions(f.Desc)
	at := place(f.Desc, option(fieldOption, fieldPartitionKey)...)
	if o.GetPartitionKey() == 0 {
		at = place(f.Desc, option(fieldOption, fieldSortKey)...)
	}
	oneof := f.Desc.ContainingOneof()
	switch {
	case f.Type == Other || f.Type == Float:
		r.report(RuleKeyType, at, "choose a field of another type", "key field %s is of type %s", f.Name, typeName(f.Desc))
	case closed(f):
		r.closedEnum(at, f)
	case oneof != nil && !oneof.IsSynthetic():
		r.report(RuleKeyPresence, at, "move the field out of the oneof", "key field %s is in oneof %s", f.Name, oneof.Name())
	case f.Presence && !f.Required && f.Type != Timestamp && f.Desc.Cardinality() != protoreflect.Required:
		fix := "remove optional, or add (prism.v1.field).required = true"
		if f.Desc.ParentFile().Syntax() != protoreflect.Proto3 { // nothing to remove
			fix = "add (prism.v1.field).required = true"
		}
		r.report(RuleKeyPresence, at, fix, "key field %s may be absent", f.Name)
	}
	if o.GetPii() != nil {
		r.report(RulePIIKey, place(f.Desc, option(fieldOption, fieldPii)...), "use a surrogate key, such as a random id, and an index on this field",
			"key field %s is personal data", f.Name)
	}
	// A key is never empty, whatever its options say.
	f.Required = f.Required || hasLength(f) || f.Type == Timestamp
}

func closed(f *Field) bool { return f.Desc.Enum() != nil && f.Desc.Enum().IsClosed() }

func (r *reader) closedEnum(at Source, f *Field) {
	r.report(RuleEnumClosed, at, "use an enum of a proto3 file, or with features.enum_type = OPEN", "%s has the closed enum type %s", f.Name, f.Desc.Enum().FullName())
}

// columns settles which fields have a column and that their names differ.
func (r *reader) columns(e *Entity) {
	taken := map[string]*Field{}
	for _, f := range e.Fields {
		if f.Role == Plain {
			f.Column = ""
		}
		if f.Column == "" {
			continue
		}
		r.columnName(taken, f, f.Column)
		if f.Type == Timestamp {
			r.columnName(taken, f, f.NanosColumn())
		}
	}
}

func (r *reader) columnName(taken map[string]*Field, f *Field, name string) {
	const fix = `write (prism.v1.field).column = {name: "…"}`
	if first := taken[name]; first != nil && first != f {
		r.report(RuleNameCollision, f.ColumnSource(), fix, "%s and %s both have a column %s", first.Name, f.Name, name)
	}
	switch {
	case !fieldShape.MatchString(name):
		r.report(RuleNameShape, f.ColumnSource(), fix+", as in user_id", "column of %s is %q", f.Name, name)
	case reserved(name):
		r.report(RuleNameReserved, f.ColumnSource(), fix, "column of %s is named %s", f.Name, name)
	case len(name) > maxIdentifier:
		r.report(RuleNameLength, f.ColumnSource(), fix, "column %s… has %d bytes", name[:32], len(name))
	}
	taken[name] = f
}

// sizes bounds the encoded key and every index entry, which ends with the key.
func (r *reader) sizes(e *Entity) {
	key := e.Key()
	faulty := r.unbounded(key, "key")
	for _, x := range e.Indexes {
		faulty = r.unbounded(x.Fields(), "index "+x.Name) || faulty
	}
	if faulty {
		return
	}
	if r.entry(e.Source, "key of "+e.Name, key) {
		return
	}
	for _, x := range e.Indexes {
		fields := x.Fields()
		for _, k := range key {
			if !slices.Contains(fields, k) {
				fields = append(fields, k)
			}
		}
		r.entry(x.Source, "entry of index "+x.Name+" with its key", fields)
	}
}

// unbounded reports text without max_length, once a field.
func (r *reader) unbounded(fields []*Field, use string) (found bool) {
	for _, f := range fields {
		if !hasLength(f) || f.MaxLength > 0 || isSet(fieldOptions(f.Desc), fieldMaxLength) { // as 0, which is reported
			continue
		}
		found = true
		d := NewDiagnostic(RuleLimitKey, place(f.Desc), fmt.Sprintf("%s is in %s and has no max_length", f.Name, use),
			fmt.Sprintf("write (prism.v1.field).max_length, at most %d, or less where other fields are in the key or index, too", maxEntry-textExtra))
		if !slices.ContainsFunc(r.faults, func(o Diagnostic) bool {
			return o.Number == RuleLimitKey && o.File == d.File && o.Line == d.Line && o.Column == d.Column
		}) {
			r.faults = append(r.faults, d)
		}
	}
	return found
}

func (r *reader) entry(at Source, what string, fields []*Field) (faulty bool) {
	size := 0
	var sum []string
	for _, f := range fields {
		n := encodedSize(f)
		size += n
		sum = append(sum, fmt.Sprintf("%s %d", f.Name, n))
	}
	if size > maxEntry {
		r.report(RuleLimitKey, at, fmt.Sprintf("lower max_length; together at most %d, of which each text takes %d more than its max_length", maxEntry, textExtra), "%s takes up to %d bytes (%s)", what, size, strings.Join(sum, ", "))
	}
	return size > maxEntry
}

// textExtra is what text and bytes take beside themselves.
const textExtra = 2

// encodedSize is the most that a part of a key takes in order-preserving
// bytes.
func encodedSize(f *Field) int {
	switch f.Type {
	case Text, Bytes:
		return f.MaxLength + textExtra
	case Bool:
		return 1
	case Timestamp:
		return 12
	case Int, Uint:
		return 8
	}
	return 0
}
