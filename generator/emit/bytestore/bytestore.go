// Package bytestore emits store.go for stores that keep bytes under byte keys: how
// the keys of an entity, its indexes and the ranges of its lists are encoded. What
// is done with them is the run-time half's, which implements the interfaces of
// runtime/bytestore.
package bytestore

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// KeyValue returns the emitter of b, whose run-time half is known by then.
func KeyValue(b *emit.Backend) func(*golang.File, *schema.Entity) {
	return func(f *golang.File, e *schema.Entity) { keyValue(f, e, b) }
}

func keyValue(f *golang.File, e *schema.Entity, b *emit.Backend) {
	name := path.Base(b.Runtime)
	f.Import(golang.Imports{
		"context": "context", "time": "time",
		"bytestore": golang.Module + "/runtime/bytestore",
		"keyvalue":  golang.Module + "/runtime/keyvalue",
		"page":      golang.Module + "/runtime/page",
		"runtime":   golang.Module + "/runtime",
		"tuple":     golang.Module + "/runtime/tuple",
		name:        b.Runtime,
	})
	s := &store{Entity: e, file: f}
	s.begin(name)
	s.keys()
	s.record()
	s.singles()
	if e.Has(schema.CanBatch) {
		s.batches()
	}
	for _, x := range e.Indexes {
		if x.Unique {
			s.find(x)
		}
	}
	for _, l := range e.Lists() {
		s.list(l)
	}
	if e.TTL > 0 && !b.Expires {
		s.file.Add(`// sweep deletes some of the records that have expired, and returns how many.
func (s *store) sweep(ctx @context.Context) (swept int, err error) { return s.db.Sweep(ctx) }`)
	}
}

type store struct {
	*schema.Entity
	file *golang.File
}

func (s *store) begin(name string) {
	s.file.Add("// store keeps the records of %s.\ntype store struct{ db *@%s.DB }", s.Desc.FullName(), name)
	if s.TTL > 0 {
		s.file.Add("// ttl is how long a record lives after its last write.\nconst ttl = %s", golang.Duration(s.TTL))
	}
	var b strings.Builder
	for _, x := range s.Indexes {
		fmt.Fprintf(&b, "%s @tuple.Key = %s\n", prefix(x), strconv.Quote(x.SQLName+"\x00"))
	}
	s.file.Add("// What the keys begin with: those of records, and those of each index.\nconst (\ntable @tuple.Key = %s\n%s)",
		strconv.Quote(s.Table+"\x00"), b.String())
}

// prefix is the constant that the keys of an index begin with: byStatus.
func prefix(x *schema.Index) string { return "by" + strings.TrimPrefix(x.GoName, "findBy") }

func (s *store) keys() {
	s.file.Add(`// recordKey returns the key that the record with key k stands under.
func recordKey(k *key) @tuple.Key {
	return table%s
}`, tuple(s.Key(), "k."))
	if s.Has(schema.CanBatch) {
		s.file.Add(`// recordKeys returns the keys that the records with the keys stand under.
func recordKeys(keys []key) []@tuple.Key {
	encoded := make([]@tuple.Key, len(keys))
	for i := range keys {
		encoded[i] = recordKey(&keys[i])
	}
	return encoded
}`)
	}
}

// record prints what puts a record into its indexes.
func (s *store) record() {
	var b strings.Builder
	if s.TTL > 0 {
		b.WriteString("stored.ExpireAfter(ttl)\n")
	}
	for _, x := range s.Indexes {
		fields := x.Equality
		if !x.Unique {
			fields = s.order(x)
		}
		key := prefix(x)
		var present []string
		for _, f := range fields {
			p, value := ofRecord(f)
			if p != "" {
				present = append(present, p)
			}
			key += element(f, value)
		}
		add := fmt.Sprintf("stored.Index(%s)\n", key)
		if x.Unique {
			add = fmt.Sprintf("stored.Unique(%q, %s)\n", x.Name, key)
		}
		if len(present) > 0 {
			add = fmt.Sprintf("if %s {\n%s}\n", strings.Join(present, " && "), add)
		}
		b.WriteString(add)
	}
	s.file.Add(`// newRecord returns r as it is stored, with its place in each index that has no
// absent field.
func newRecord(r *record) *@bytestore.Record {
	stored := @bytestore.NewRecord(recordKey(&r.key), r.bytes)
	%sreturn stored
}`, b.String())
}

// order returns the fields that the entries of an index are ordered by, which
// end with what of the key is not among them.
func (s *store) order(x *schema.Index) []*schema.Field {
	for _, l := range s.Lists() {
		if l.Index == x {
			return slices.Concat(l.Equal, l.Order)
		}
	}
	return nil
}

// ofRecord returns the expression that tells whether r has the field, "" if
// every record has it, and the one for its value.
func ofRecord(f *schema.Field) (present, value string) {
	value = "r." + f.GoName
	switch {
	case f.Role == schema.Key, !f.Presence && f.Type != schema.Timestamp:
		return "", value
	case f.Type == schema.Text || f.Type == schema.Bytes:
		return value + " != nil", value
	case f.Type == schema.Timestamp:
		return value + ".Set", value
	}
	return value + ".Set", value + ".Value"
}

// singles prints the operations on one record.
func (s *store) singles() {
	s.file.Add(`// put stores r whatever was there.
func (s *store) put(ctx @context.Context, r *record) (@keyvalue.Written, error) {
	return s.db.Put(ctx, newRecord(r))
}`)
	if s.Has(schema.CanSwap) {
		s.file.Add(`// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (@keyvalue.Written, error) {
	return s.db.CompareAndSwap(ctx, newRecord(r), expected)
}`)
	}
	s.file.Add(`// get adds the record with key k.
func (s *store) get(ctx @context.Context, k *key, add @runtime.Rows) error {
	return s.db.Get(ctx, recordKey(k), add)
}

// delete removes the record with key k, if ifVersion is 0 or its version, and
// reports whether it was there.
func (s *store) delete(ctx @context.Context, k *key, ifVersion int64) (existed bool, err error) {
	return s.db.Delete(ctx, recordKey(k), ifVersion)
}`)
}

func (s *store) batches() {
	s.file.Add(`// batchPut stores all records or none, in their order.
func (s *store) batchPut(ctx @context.Context, records []record) ([]@keyvalue.Written, error) {
	stored := make([]*@bytestore.Record, len(records))
	for i := range records {
		stored[i] = newRecord(&records[i])
	}
	return s.db.BatchPut(ctx, %q, stored)
}

// batchGet adds a row for each key until one is not taken.
func (s *store) batchGet(ctx @context.Context, keys []key, add @runtime.Rows) error {
	return s.db.BatchGet(ctx, recordKeys(keys), add)
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) ([]bool, error) {
	return s.db.BatchDelete(ctx, recordKeys(keys))
}`, s.Labels)
}

// find prints the Find of a unique index.
func (s *store) find(x *schema.Index) {
	s.file.Fill(`// $find adds the record with the values.
func (s *store) $find(ctx @context.Context, r *$request, add @runtime.Rows) error {
	return s.db.Get(ctx, $key, add)
}`, golang.Holes{"find": x.GoName, "request": x.Go("request"), "key": prefix(x) + tuple(x.Equality, "r.")})
}

// list prints the method of a list, whose records stand between two keys.
func (s *store) list(l *schema.List) {
	all, within := "table"+tuple(l.Equal, "r.partition."), ""
	if l.Index != nil {
		all = prefix(l.Index) + tuple(l.Equal, "r.")
	}
	if len(l.Equal) > 0 {
		within = fmt.Sprintf("all := %s\n", all)
		all = "all"
	}
	var order []string
	for _, f := range l.Order {
		order = append(order, f.Name)
	}
	s.file.Fill(`// $list adds the records that r asks for to page, by $order.
func (s *store) $list(ctx @context.Context, r *$request, page *@page.Page) error {
	${within}from, to := $all$from, $all.End()
	if r.bounded {
		to = $all$to
	}
	return s.db.List(ctx, from, to, page)
}`, golang.Holes{
		"list": l.GoName, "order": strings.Join(order, ", "), "request": l.Request(), "within": within,
		"all": all, "from": tuple(l.Order, "r.from."), "to": tuple(l.Order, "r.to."),
	})
}

// tuple is the chain of calls that adds the fields of the variable that prefix
// selects from to a key.
func tuple(fields []*schema.Field, prefix string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(element(f, prefix+f.GoName))
	}
	return b.String()
}

func element(f *schema.Field, value string) string {
	return fmt.Sprintf(".%s(%s)", methods[f.Type], value)
}

// methods are those of tuple.Key, by the type that they add.
var methods = map[schema.Type]string{
	schema.Text:      "Text",
	schema.Int:       "Int",
	schema.Uint:      "Uint",
	schema.Bool:      "Bool",
	schema.Timestamp: "Time",
	schema.Bytes:     "Text",
}
