package schema

import (
	"slices"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// indexes reads the indexes on fields and then the composite ones.
func (r *reader) indexes(e *Entity, composite []*prismv1.Entity_Index) {
	for _, f := range e.Fields {
		kind := fieldOptions(f.Desc).GetIndex()
		if kind == prismv1.Field_INDEX_UNSPECIFIED {
			continue
		}
		x := &Index{Name: f.Name, Unique: kind == prismv1.Field_UNIQUE}
		at := place(f.Desc, option(fieldOption, fieldIndex)...)
		if kind == prismv1.Field_ORDERED {
			x.Ordered = f
		} else {
			x.Equality = []*Field{f}
		}
		if r.indexField(at, f) {
			r.index(e, x, at)
		}
	}
	for i, o := range composite {
		path := option(entityOption, entityIndex, int32(i))
		if x := r.composite(e, o, path); x != nil {
			r.index(e, x, place(e.Desc, path...))
		}
	}
}

// composite reads one index over several fields, or reports why it cannot.
func (r *reader) composite(e *Entity, o *prismv1.Entity_Index, path []int32) *Index {
	before := len(r.faults)
	x := &Index{Name: o.GetName(), Unique: o.GetUnique()}
	at := place(e.Desc, path...)
	switch {
	case x.Name == "":
		r.report(RuleIndexShape, at, `write name: "…"`, "an index of %s has no name", e.Name)
	case !fieldShape.MatchString(x.Name):
		r.report(RuleNameShape, place(e.Desc, option(path, indexName)...), "write it as in status", "index of %s is named %q", e.Name, x.Name)
	}
	if len(o.GetEquality()) == 0 {
		r.report(RuleIndexShape, at, `write equality: ["…"], or an index on the field`, "index %s of %s has no equality field", x.Name, e.Name)
	}
	if x.Unique && o.GetOrdered() != "" {
		r.report(RuleIndexShape, place(e.Desc, option(path, indexOrdered)...), "move the field to equality, or remove unique",
			"index %s of %s is unique and ordered", x.Name, e.Name)
	}
	for i, name := range o.GetEquality() {
		x.Equality = append(x.Equality, r.member(e, x, name, place(e.Desc, option(path, indexEquality, int32(i))...)))
	}
	if o.GetOrdered() != "" {
		x.Ordered = r.member(e, x, o.GetOrdered(), place(e.Desc, option(path, indexOrdered)...))
	}
	if len(r.faults) > before {
		return nil
	}
	return x
}

// member returns the field that a composite index names.
func (r *reader) member(e *Entity, x *Index, name string, at Source) *Field {
	i := slices.IndexFunc(e.Fields, func(f *Field) bool { return f.Name == name })
	if i < 0 {
		var names []string
		for _, f := range e.Fields {
			names = append(names, f.Name)
		}
		fix := "name a field of the message"
		if near := Nearest(name, names); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.report(RuleIndexField, at, fix, "index %s names %q, which %s does not have", x.Name, name, e.Name)
		return nil
	}
	f := e.Fields[i]
	if containsField(x.Equality, f) {
		r.report(RuleIndexShape, at, "remove one", "index %s names %s twice", x.Name, name)
	}
	r.indexField(at, f)
	return f
}

// indexField reports whether the field can be in an index.
func (r *reader) indexField(at Source, f *Field) bool {
	switch {
	case f.Type == Other || f.Type == Float:
		r.report(RuleIndexType, at, "choose a field of another type", "indexed field %s is of type %s", f.Name, typeName(f.Desc))
	case closed(f):
		r.closedEnum(at, f)
	default:
		return true
	}
	return false
}

// index names an index of legal fields and adds it to the entity.
func (r *reader) index(e *Entity, x *Index, at Source) {
	suffix := "By" + camel(x.Name)
	x.Find = "Find" + e.Plural + suffix
	if x.Unique {
		x.Find = "Find" + e.Name + suffix
	}
	x.GoName = "findBy" + goName(x.Name)
	x.SQLName = e.sqlName(columnOf(x.Name))
	for _, other := range e.Indexes {
		if camel(other.Name) == camel(x.Name) {
			r.report(RuleNameCollision, at, "rename the index", "indexes %s and %s of %s are both found %s", other.Name, x.Name, e.Name, suffix)
			return
		}
	}
	if key := e.Key(); len(key) > 0 && !slices.ContainsFunc(key, func(k *Field) bool { return !containsField(x.Equality, k) }) {
		r.report(RuleIndexKey, at, "remove the index, or the key's fields from it", "index %s of %s contains the whole key", x.Name, e.Name)
	}
	if x.Ordered != nil && fieldOptions(x.Ordered.Desc).GetPii() != nil {
		r.report(RulePIIIndex, at, "index it for equality", "index %s orders by %s, which is personal data", x.Name, x.Ordered.Name)
	}
	if x.Unique && !mayBeAbsent(x) {
		r.report(RuleIndexPresence, at, "mark the field optional, or required", "unique index %s of %s is on a field without presence", x.Name, e.Name)
	}
	for _, f := range x.Fields() {
		if f.Role != Key {
			f.Role = Indexed
		}
	}
	x.Source = at
	e.Indexes = append(e.Indexes, x)
}

// mayBeAbsent reports whether records can stand outside a unique index, or
// cannot share the zero value in it.
func mayBeAbsent(x *Index) bool {
	return slices.ContainsFunc(x.Equality, func(f *Field) bool { return f.Presence || f.Required || f.Role == Key })
}
