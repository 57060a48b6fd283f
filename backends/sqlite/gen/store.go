package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// keyValue adds the store of e, with each statement beside the method that runs
// it.
func keyValue(f *golang.File, e *schema.Entity) {
	f.Import(golang.Imports{
		"context": "context", "time": "time",
		"sqlite":   golang.Module + "/backends/sqlite",
		"runtime":  golang.Module + "/runtime",
		"keyvalue": golang.Module + "/runtime/keyvalue",
		"page":     golang.Module + "/runtime/page",
		"wire":     golang.Module + "/runtime/wire",
	})
	s := &store{Entity: e, file: f}
	s.begin()
	s.put()
	s.swap()
	s.get()
	s.delete()
	if e.Has(schema.CanBatch) {
		s.batches()
	}
	s.finds()
	for _, l := range e.Lists() {
		s.list(l)
	}
	if e.TTL > 0 {
		s.sweep()
	}
	if e.Fence > 0 {
		s.fill()
	}
}

type store struct {
	*schema.Entity
	file *golang.File
}

func (s *store) begin() {
	ttl := ""
	if s.TTL > 0 {
		ttl = ", TTL: " + golang.Duration(s.TTL)
	}
	s.file.Fill(`// store keeps the records of $entity.
type store struct{ db *@sqlite.DB }

// table is where they are.
var table = @sqlite.Table{Name: "$table"$ttl, VersionOf: versionOf, Remove: remove}

// bind binds the values that find k.
func (k *key) bind(q *@sqlite.Query) {
	${binds}}`, golang.Holes{"entity": s.Desc.FullName(), "table": s.Table, "ttl": ttl, "binds": s.bindHere(s.Key(), "k.")})
}

// put prints the statement that writes a record.
func (s *store) put() {
	columns := s.Columns()
	last := len(columns)
	stored := []string{`"prism_record"`, `"prism_version"`, `"prism_release"`}
	values := []string{params(1, last+2), fmt.Sprint(s.Release)}
	if s.TTL > 0 {
		stored = append(stored, `"prism_expires"`)
		values = append(values, fmt.Sprintf("?%d", last+3))
	}
	stored = append(stored, `"prism_checksum"`)
	checksum := last + len(values) + 1
	values = append(values, fmt.Sprintf("?%d", checksum))
	if s.Expiry.Ended {
		stored = append(stored, `"prism_expires"`)
		values = append(values, dialect.Never)
	}
	var sets []string
	for _, f := range columns {
		if f.Role != schema.Key {
			sets = append(sets, sql.Excluded(sql.Quote(f.Column)))
		}
	}
	for _, c := range stored {
		sets = append(sets, sql.Excluded(c))
	}
	var binds strings.Builder
	for i, f := range columns {
		fmt.Fprintf(&binds, "%s\n", bind(i+1, f, "r."+f.GoName, true))
	}
	fmt.Fprintf(&binds, "q.Blob(%d, r.bytes)\nq.Int(%d, w.Version)\n", last+1, last+2)
	expired := ""
	if s.TTL > 0 {
		fmt.Fprintf(&binds, "q.Time(%d, w.Expires)\n", last+3)
		if len(s.Guards()) > 0 {
			expired = "r.freeExpired(c)\n"
		}
	}
	fmt.Fprintf(&binds, "q.Checksum(%d, r.bytes, w.Version)\n", checksum)
	taken := ""
	if len(s.Guards()) > 0 {
		taken = "if q.UniqueViolation() {\nreturn r.taken(c)\n}\n"
	}
	if unique := s.Guards(); len(unique) == 1 {
		taken = fmt.Sprintf("if q.UniqueViolation() {\nreturn @runtime.Taken(%q)\n}\n", unique[0].Name)
	}
	s.file.Fill("var put = @sqlite.NewStatement(`INSERT INTO $table ($columns, $stored)\nVALUES ($values)\nON CONFLICT ($key) DO UPDATE SET\n  $sets`)", golang.Holes{
		"table": sql.Quote(s.Table), "columns": names(columns), "stored": strings.Join(stored, ", "),
		"values": strings.Join(values, ", "), "key": names(s.Key()), "sets": sql.Wrap(sets, "\n  "),
	})
	s.file.Fill(`// put stores r whatever was there.
func (s *store) put(ctx @context.Context, r *record) (@keyvalue.Written, error) {
	return s.db.Put(ctx, &table, r.write)
}

// write stores r as w says, in the transaction of c.
func (r *record) write(c *@sqlite.Conn, w @keyvalue.Written) error {
	${expired}q := c.Query(put)
	${binds}q.Exec()
	${taken}return nil
}`, golang.Holes{"expired": expired, "binds": binds.String(), "taken": taken})
	s.unique()
}

// unique prints the code that finds which unique index another record conflicts
// in, and that frees the values of expired records.
func (s *store) unique() {
	indexes := s.Guards()
	if len(indexes) == 0 {
		return
	}
	var probes strings.Builder
	for _, x := range indexes[:len(indexes)-1] {
		var binds strings.Builder
		n := 1
		for _, f := range append(append([]*schema.Field(nil), x.Equality...), s.Key()...) {
			fmt.Fprintf(&binds, "%s\n", bind(n, f, "r."+f.GoName, true))
			n++
		}
		s.file.Fill("var $taken = @sqlite.NewStatement(`SELECT 1 FROM $table WHERE $values AND NOT ($key)`)", golang.Holes{
			"taken": x.Go("taken"), "table": sql.Quote(s.Table), "values": equal(x.Equality, 1), "key": equal(s.Key(), len(x.Equality)+1),
		})
		probes.WriteString(golang.Fill(`q $assign c.Query($taken)
${binds}if q.Next() {
	return @runtime.Taken("$index")
}
`, golang.Holes{"assign": assign(probes.Len() == 0), "taken": x.Go("taken"), "binds": binds.String(), "index": x.Name}))
	}
	if len(indexes) > 1 {
		s.file.Add("// taken says in which unique index another record has the values of r.\nfunc (r *record) taken(c *@sqlite.Conn) error {\n%sreturn @runtime.Taken(%q)\n}",
			probes.String(), indexes[len(indexes)-1].Name)
	}
	if s.TTL == 0 {
		return
	}
	var frees strings.Builder
	for i, x := range indexes {
		n := len(x.Equality)
		var binds strings.Builder
		for j, f := range x.Equality {
			fmt.Fprintf(&binds, "%s\n", bind(j+1, f, "r."+f.GoName, true))
		}
		s.file.Fill("var $free = @sqlite.NewStatement(`DELETE FROM $table WHERE $values AND \"prism_expires\" <= ?$now`)", golang.Holes{
			"free": x.Go("free"), "table": sql.Quote(s.Table), "values": equal(x.Equality, 1), "now": n + 1,
		})
		frees.WriteString(golang.Fill(`q $assign c.Query($free)
${binds}q.Now($now)
q.Exec()
`, golang.Holes{"assign": assign(i == 0), "free": x.Go("free"), "binds": binds.String(), "now": n + 1}))
	}
	s.file.Add("// freeExpired deletes the records that have expired with a unique value of r.\nfunc (r *record) freeExpired(c *@sqlite.Conn) {\n%s}", frees.String())
}

// assign returns := for a variable's first value, and = otherwise.
func assign(first bool) string {
	if first {
		return ":="
	}
	return "="
}

func (s *store) swap() {
	s.file.Add("var versionOf = @sqlite.NewStatement(`SELECT \"prism_version\" FROM %s WHERE %s`)", sql.Quote(s.Table), s.here(s.Key()))
	if !s.Has(schema.CanSwap) {
		return
	}
	s.file.Add(`// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (@keyvalue.Written, error) {
	return s.db.CompareAndSwap(ctx, &table, r.bind, expected, r.write)
}`)
}

// here is the condition on the fields and, with a ttl, that the record has not
// expired, with parameters from 1 on.
func (s *store) here(fields []*schema.Field) string {
	condition := equal(fields, 1)
	if s.TTL > 0 {
		condition += fmt.Sprintf(` AND "prism_expires" > ?%d`, len(fields)+1)
	}
	return condition
}

// bindHere binds the parameters of here.
func (s *store) bindHere(fields []*schema.Field, prefix string) string {
	var b strings.Builder
	for i, f := range fields {
		fmt.Fprintf(&b, "%s\n", bind(i+1, f, prefix+f.GoName, false))
	}
	if s.TTL > 0 {
		fmt.Fprintf(&b, "q.Now(%d)\n", len(fields)+1)
	}
	return b.String()
}

// columns is what statements that read records select.
func (s *store) columns() string {
	if s.TTL > 0 {
		return `"prism_version", "prism_record", "prism_checksum", "prism_expires"`
	}
	return `"prism_version", "prism_record", "prism_checksum"`
}

func (s *store) get() {
	s.file.Fill("var get = @sqlite.NewStatement(`SELECT $columns FROM $table WHERE $key`)",
		golang.Holes{"columns": s.columns(), "table": sql.Quote(s.Table), "key": s.here(s.Key())})
	s.file.Add(`// get adds the record with key k.
func (s *store) get(ctx @context.Context, k *key, add @runtime.Rows) error {
	return s.db.Record(ctx, add, get, k.bind)
}`)
}

func (s *store) delete() {
	s.file.Add("var remove = @sqlite.NewStatement(`DELETE FROM %s WHERE %s`)", sql.Quote(s.Table), s.here(s.Key()))
	s.file.Add(`// delete removes the record with key k, if ifVersion is 0 or its version, and
// reports whether it was there.
func (s *store) delete(ctx @context.Context, k *key, ifVersion int64) (existed bool, err error) {
	return s.db.Delete(ctx, &table, k.bind, ifVersion)
}`)
}

func (s *store) batches() {
	s.file.Add(`// batchPut stores all records or none.
func (s *store) batchPut(ctx @context.Context, records []record) ([]@keyvalue.Written, error) {
	bind := func(i int, q *@sqlite.Query) { records[i].bind(q) }
	write := func(i int, c *@sqlite.Conn, w @keyvalue.Written) error { return records[i].write(c, w) }
	return s.db.BatchPut(ctx, &table, %q, len(records), bind, write)
}

// batchGet adds a row for each key until one is not taken.
func (s *store) batchGet(ctx @context.Context, keys []key, add @runtime.Rows) error {
	return s.db.Records(ctx, add, get, len(keys), func(i int, q *@sqlite.Query) { keys[i].bind(q) })
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) ([]bool, error) {
	return s.db.BatchDelete(ctx, &table, len(keys), func(i int, q *@sqlite.Query) { keys[i].bind(q) })
}`, s.Labels)
}

// finds prints the Finds by unique indexes.
func (s *store) finds() {
	for _, x := range s.Unique() {
		s.file.Fill("var $find = @sqlite.NewStatement(`SELECT $columns FROM $table WHERE $values`)",
			golang.Holes{"find": x.GoName, "columns": s.columns(), "table": sql.Quote(s.Table), "values": s.here(x.Equality)})
		s.file.Fill(`// $find adds the record with the values.
func (s *store) $find(ctx @context.Context, r *$request, add @runtime.Rows) error {
	return s.db.Record(ctx, add, $find, func(q *@sqlite.Query) {
		${binds}})
}`, golang.Holes{"find": x.GoName, "request": x.Go("request"), "binds": s.bindHere(x.Equality, "r.")})
	}
}

func (s *store) sweep() {
	s.file.Add("var sweep = @sqlite.NewStatement(`DELETE FROM %s WHERE rowid IN (\n  SELECT rowid FROM %[1]s WHERE \"prism_expires\" <= ?1 LIMIT 1000\n)`)", sql.Quote(s.Table))
	s.file.Add(`// sweep deletes some of the records that have expired, and returns how many.
func (s *store) sweep(ctx @context.Context) (swept int, err error) {
	return s.db.Sweep(ctx, sweep)
}`)
}
