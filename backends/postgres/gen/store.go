package gen

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// Store returns store.go of e: its statements, each beside the method that
// runs it.
func (Backend) Store(e *schema.Entity, dir, importPath string) (emit.File, error) {
	s := &store{
		Entity: e,
		file: golang.NewFile(importPath, e.GoPackage, "", golang.Imports{
			"context": "context", "time": "time",
			"postgres": golang.Module + "/backends/postgres",
			"keyvalue": golang.Module + "/runtime/keyvalue",
			"wire":     golang.Module + "/runtime/wire",
		}),
	}
	s.begin()
	s.put()
	s.unique()
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
	content, err := s.file.Bytes()
	return emit.File{Path: path.Join(dir, "store.go"), Content: content}, err
}

type store struct {
	*schema.Entity
	file *golang.File
}

func (s *store) begin() {
	ttl := ""
	if s.TTL > 0 {
		ttl = " TTL: " + golang.Duration(s.TTL) + ","
	}
	unique := ""
	for _, x := range s.Unique() {
		free := ""
		if s.TTL > 0 {
			free = ", Free: " + x.Go("free")
		}
		unique += fmt.Sprintf("{Name: %q, Index: %q, Columns: []int{%s}, Taken: %s%s},\n", x.Name, x.SQLName, s.columnsOf(x), x.Go("taken"), free)
	}
	if unique != "" {
		unique = "Unique: []@postgres.Unique{\n" + unique + "},\n"
	}
	s.file.Add(`// store keeps the records of %s.
type store struct{ db *@postgres.DB }

// table is where they are.
var table = @postgres.Table{
	Name: %q,%s Key: %d,
	Put: put, Create: create, Swap: swap,
	VersionOf: versionOf, Remove: remove, RemoveVersion: removeVersion,
	%s}

// values are the parameters that find k.
func (k *key) values() []any {
	return []any{%s}
}`, s.Desc.FullName(), s.Table, ttl, s.keyWidth(), unique, values(s.Key(), "k."))
	fields := strings.Split(recordValues(s.Columns(), "r.")+", @postgres.Record(r.bytes)", ", ")
	s.file.Add("// values are the parameters that write r: its columns and its bytes.\nfunc (r *record) values() []any {\nreturn []any{\n%s,\n}\n}",
		sql.Wrap(fields, "\n"))
}

// columnsOf returns the places among the values of a record of those of x.
func (s *store) columnsOf(x *schema.Index) string {
	var places []string
	columns := dialect.Names(s.Columns())
	for _, name := range dialect.Names(x.Equality) {
		places = append(places, fmt.Sprint(slices.Index(columns, name)))
	}
	return strings.Join(places, ", ")
}

// width is how many parameters the values of a record are.
func (s *store) width() int { return len(dialect.Names(s.Columns())) + 1 }

// keyWidth is how many parameters the values of a key are.
func (s *store) keyWidth() int { return len(dialect.Names(s.Key())) }

func (s *store) nextval() string {
	return "nextval('" + strings.ReplaceAll(sql.Quote(s.Table+"_version"), "'", "''") + "')"
}

// assignments are the parts of a SET list, with the values of the columns that
// value gives, by parameter.
func (s *store) assignments(indent string, value func(column string, parameter int) string) string {
	var sets []string
	columns := dialect.Names(s.Columns())
	for i, c := range columns[s.keyWidth():] {
		sets = append(sets, c+" = "+value(c, s.keyWidth()+i+1))
	}
	sets = append(sets, `"prism_record" = `+value(`"prism_record"`, s.width()), `"prism_version" = `+s.nextval(), `"prism_release" = 1`)
	if s.TTL > 0 {
		sets = append(sets, `"prism_expires" = `+value(`"prism_expires"`, s.width()+1))
	}
	return sql.Wrap(sets, "\n"+indent)
}

// put prints the statements that insert a record: whatever was there, or only
// where none is.
func (s *store) put() {
	into := append(dialect.Names(s.Columns()), `"prism_record"`)
	given := params(1, len(into)) + ", " + s.nextval() + ", 1"
	into = append(into, `"prism_version"`, `"prism_release"`)
	if s.TTL > 0 {
		into = append(into, `"prism_expires"`)
		given += fmt.Sprintf(", $%d", s.width()+1)
	}
	s.file.Add("const insert = `INSERT INTO %s (%s)\nVALUES (%s)\nON CONFLICT (%s) DO `", sql.Quote(s.Table), sql.Wrap(into, "\n  "), given, names(s.Key()))
	s.file.Add("const replace = `UPDATE SET\n  %s`", s.assignments("  ", func(c string, _ int) string { return "excluded." + c }))
	s.file.Add("const put = insert + replace + ` RETURNING \"prism_version\"`")
	s.file.Add(`// put stores r whatever was there.
func (s *store) put(ctx @context.Context, r *record) (@keyvalue.Written, error) {
	return s.db.Put(ctx, &table, r.values())
}`)
}

// unique prints the statements about a write that a unique index refused.
func (s *store) unique() {
	for _, x := range s.Unique() {
		where, n := equal(x.Equality, 1), len(dialect.Names(x.Equality))
		other := n + 1
		if s.TTL > 0 {
			other++
			s.file.Add("const %s = `DELETE FROM %s WHERE %s AND \"prism_expires\" <= $%d RETURNING \"prism_version\"`",
				x.Go("free"), sql.Quote(s.Table), where, n+1)
		}
		s.file.Add("const %s = `SELECT \"prism_version\" FROM %s WHERE %s%s AND NOT (%s)`",
			x.Go("taken"), sql.Quote(s.Table), where, s.live(n+1), equal(s.Key(), other))
	}
}

// live is the condition that a record has not expired at the time that is the
// given parameter.
func (s *store) live(parameter int) string {
	if s.TTL == 0 {
		return ""
	}
	return fmt.Sprintf(` AND "prism_expires" > $%d`, parameter)
}

// swap prints the statement that replaces a version and the one that expects
// none. Both see a record that has expired as absent.
func (s *store) swap() {
	expected := s.width() + 1
	if s.TTL > 0 {
		expected++
	}
	s.file.Add("const versionOf = `SELECT \"prism_version\" FROM %s WHERE %s%s`", sql.Quote(s.Table), equal(s.Key(), 1), s.live(s.keyWidth()+1))
	if s.TTL > 0 {
		s.file.Add("const create = insert + replace + `\nWHERE %s.\"prism_expires\" <= $%d RETURNING \"prism_version\"`", sql.Quote(s.Table), expected)
	} else {
		s.file.Add("const create = insert + `NOTHING RETURNING \"prism_version\"`")
	}
	s.file.Add("const swap = `WITH found AS MATERIALIZED (\n"+
		"  SELECT \"prism_version\" AS version FROM %[1]s WHERE %[2]s%[3]s FOR UPDATE\n"+
		"), swapped AS (\n"+
		"  UPDATE %[1]s SET\n    %[4]s\n"+
		"  FROM found WHERE %[2]s AND found.version = $%[5]d\n"+
		"  RETURNING \"prism_version\"\n"+
		")\nSELECT (SELECT version FROM found), (SELECT \"prism_version\" FROM swapped)`",
		sql.Quote(s.Table), equal(s.Key(), 1), s.live(expected+1),
		s.assignments("    ", func(_ string, p int) string { return fmt.Sprintf("$%d", p) }), expected)
	if !s.Has(schema.CanSwap) {
		return
	}
	s.file.Add(`// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (@keyvalue.Written, error) {
	return s.db.CompareAndSwap(ctx, &table, r.values(), expected)
}`)
}

// columns is what every statement that reads records selects.
func (s *store) columns() string {
	if s.TTL > 0 {
		return `"prism_version", "prism_record", "prism_expires"`
	}
	return `"prism_version", "prism_record"`
}

func (s *store) get() {
	s.file.Add("const get = `SELECT %s FROM %s WHERE %s%s`", s.columns(), sql.Quote(s.Table), equal(s.Key(), 1), s.live(s.keyWidth()+1))
	s.file.Add(`// get returns the record with key k, as a reply.
func (s *store) get(ctx @context.Context, k *key) ([]byte, error) {
	return s.db.Record(ctx, &table, get, k.values()...)
}`)
}

func (s *store) delete() {
	n := s.keyWidth()
	s.file.Add("const remove = `DELETE FROM %s WHERE %s%s RETURNING \"prism_version\"`", sql.Quote(s.Table), equal(s.Key(), 1), s.live(n+1))
	s.file.Add("const removeVersion = `WITH found AS MATERIALIZED (\n"+
		"  SELECT \"prism_version\" AS version FROM %[1]s WHERE %[2]s%[3]s FOR UPDATE\n"+
		"), removed AS (\n"+
		"  DELETE FROM %[1]s USING found WHERE %[2]s AND found.version = $%[4]d\n"+
		")\nSELECT version FROM found`", sql.Quote(s.Table), equal(s.Key(), 1), s.live(n+2), n+1)
	s.file.Add(`// delete removes the record with key k, if ifVersion is 0 or its version, and
// reports whether it was there.
func (s *store) delete(ctx @context.Context, k *key, ifVersion int64) (existed bool, err error) {
	return s.db.Delete(ctx, &table, k.values(), ifVersion)
}`)
}

func (s *store) batches() {
	s.file.Add(`// batchPut stores all records or none, in their order.
func (s *store) batchPut(ctx @context.Context, records []record) ([]@keyvalue.Written, error) {
	return s.db.BatchPut(ctx, &table, %q, len(records), func(i int) []any { return records[i].values() })
}

// batchGet adds the records with the keys to results until one does not fit.
func (s *store) batchGet(ctx @context.Context, keys []key, results *@keyvalue.Results) error {
	return s.db.Records(ctx, &table, results, get, len(keys), func(i int) []any { return keys[i].values() })
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) ([]bool, error) {
	return s.db.BatchDelete(ctx, &table, len(keys), func(i int) []any { return keys[i].values() })
}`, s.Labels)
}

// finds prints the Finds of unique indexes.
func (s *store) finds() {
	for _, x := range s.Unique() {
		s.file.Add("const %s = `SELECT %s FROM %s WHERE %s%s`", x.GoName, s.columns(), sql.Quote(s.Table), equal(x.Equality, 1), s.live(len(dialect.Names(x.Equality))+1))
		s.file.Add(`// %[1]s returns the record with the values, as a reply.
func (s *store) %[1]s(ctx @context.Context, r *%[2]s) ([]byte, error) {
	return s.db.Record(ctx, &table, %[1]s, %[3]s)
}`, x.GoName, x.Go("request"), values(x.Equality, "r."))
	}
}

// sweep prints the statement that deletes what has expired. The lock is given
// up with the statement; a record that is being written is left for later.
func (s *store) sweep() {
	s.file.Add("const sweep = `WITH turn AS MATERIALIZED (\n"+
		"  SELECT pg_try_advisory_xact_lock(hashtext('prism_sweep'), hashtext('%[2]s')) AS mine\n"+
		")\nDELETE FROM %[1]s WHERE ctid = ANY (ARRAY(\n"+
		"  SELECT %[1]s.ctid FROM %[1]s WHERE (SELECT mine FROM turn) AND \"prism_expires\" <= $1\n"+
		"  LIMIT 1000 FOR UPDATE SKIP LOCKED\n))`", sql.Quote(s.Table), strings.ReplaceAll(s.Table, "'", "''"))
	s.file.Add(`// sweep deletes some of the records that have expired, and returns how many:
// none while another replica sweeps.
func (s *store) sweep(ctx @context.Context) (swept int, err error) {
	return s.db.Sweep(ctx, sweep)
}`)
}
