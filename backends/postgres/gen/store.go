package gen

import (
	"fmt"
	"slices"
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
		"postgres": golang.Module + "/backends/postgres",
		"keyvalue": golang.Module + "/runtime/keyvalue",
		"page":     golang.Module + "/runtime/page",
		"runtime":  golang.Module + "/runtime",
		"wire":     golang.Module + "/runtime/wire",
	})
	s := &store{Entity: e, file: f}
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
		ttl = " TTL: " + golang.Duration(s.TTL) + ","
		if s.Expiry.Fill > 0 {
			ttl += fmt.Sprintf(" TTLFrom: %d,", s.Expiry.Fill)
		}
	}
	unique := ""
	for _, x := range s.Guards() {
		free := ""
		if s.TTL > 0 {
			free = ", Free: " + x.Go("free")
		}
		unique += fmt.Sprintf("{Name: %q, Index: %q, Columns: []int{%s}, Taken: %s%s},\n", x.Name, x.SQLName, s.places(x), x.Go("taken"), free)
	}
	if unique != "" {
		unique = "Unique: []@postgres.Unique{\n" + unique + "},\n"
	}
	s.file.Fill(`// store keeps the records of $entity.
type store struct{ db *@postgres.DB }

// table is where they are.
var table = @postgres.Table{
	Name: "$table",$ttl Key: $width,
	Put: put, Create: create, Swap: swap,
	VersionOf: versionOf, Remove: remove, RemoveVersion: removeVersion,
	${unique}}

// values are the parameters that find k.
func (k *key) values() []any {
	return []any{$key}
}`, golang.Holes{
		"entity": s.Desc.FullName(), "table": s.Table, "ttl": ttl, "width": s.keyWidth(), "unique": unique,
		"key": values(s.Key(), "k."),
	})
	fields := strings.Split(recordValues(s.Columns(), "r.")+", @postgres.Record(r.bytes), @keyvalue.Checksum(r.bytes)", ", ")
	s.file.Add("// values are the parameters that write r: its columns, its bytes and their\n// checksum.\nfunc (r *record) values() []any {\nreturn []any{\n%s,\n}\n}",
		sql.Wrap(fields, "\n"))
}

// places returns the positions of x's values among those of a record.
func (s *store) places(x *schema.Index) string {
	var places []string
	columns := dialect.Names(s.Columns())
	for _, name := range dialect.Names(x.Equality) {
		places = append(places, fmt.Sprint(slices.Index(columns, name)))
	}
	return strings.Join(places, ", ")
}

// width is how many parameters a record's values take.
func (s *store) width() int { return len(dialect.Names(s.Columns())) + 2 }

// keyWidth is how many parameters a key's values take.
func (s *store) keyWidth() int { return len(dialect.Names(s.Key())) }

func (s *store) nextval() string { return "nextval(" + s.sequence() + ")" }

// checksum is what is stored beside a record. It includes the version, by
// currval after the nextval in the same row: Postgres evaluates a row's columns
// in the table's order, and this one is the last.
func (s *store) checksum() string { return fmt.Sprintf("$%d # currval(%s)", s.width(), s.sequence()) }

func (s *store) sequence() string {
	return "'" + strings.ReplaceAll(sql.Quote(s.Table+"_version"), "'", "''") + "'"
}

// given is the row to insert, in parameters.
func (s *store) given() string {
	given := params(1, s.width()-1) + ", " + s.nextval() + ", " + fmt.Sprint(s.Release)
	switch {
	case s.TTL > 0:
		given += fmt.Sprintf(", $%d", s.width()+1)
	case s.Expiry.Ended:
		given += ", " + dialect.Never
	}
	return given + ", " + s.checksum()
}

// put prints the statements that insert a record: one that replaces, and one
// that inserts only if there is none.
func (s *store) put() {
	into := append(dialect.Names(s.Columns()), `"prism_record"`)
	var sets []string
	for _, c := range into[s.keyWidth():] {
		sets = append(sets, sql.Excluded(c))
	}
	into = append(into, `"prism_version"`, `"prism_release"`)
	sets = append(sets, `"prism_version" = `+s.nextval(), fmt.Sprintf(`"prism_release" = %d`, s.Release))
	if s.TTL > 0 || s.Expiry.Ended {
		into = append(into, `"prism_expires"`)
		sets = append(sets, sql.Excluded(`"prism_expires"`))
	}
	into = append(into, `"prism_checksum"`)
	sets = append(sets, `"prism_checksum" = `+s.checksum())
	s.file.Add("const insert = `INSERT INTO %s (%s)\n`", sql.Quote(s.Table), sql.Wrap(into, "\n  "))
	s.file.Add("const given = `VALUES (%s)`", s.given())
	s.file.Add("const conflict = `\nON CONFLICT (%s) DO `", names(s.Key()))
	s.file.Add("const replace = `UPDATE SET\n  %s`", sql.Wrap(sets, "\n  "))
	s.file.Add("const put = insert + given + conflict + replace + ` RETURNING \"prism_version\"`")
	s.file.Add(`// put stores r whatever was there.
func (s *store) put(ctx @context.Context, r *record) (@keyvalue.Written, error) {
	return s.db.Put(ctx, &table, r.values())
}`)
}

// unique prints the statements about a write that a unique index refused.
func (s *store) unique() {
	for _, x := range s.Guards() {
		n := len(dialect.Names(x.Equality))
		other := n + 1
		if s.TTL > 0 {
			other++
			s.file.Fill("const $free = `$delete AND \"prism_expires\" <= $$now\nRETURNING \"prism_version\"`",
				golang.Holes{"free": x.Go("free"), "delete": s.deleteAt(x.Equality), "now": n + 1})
		}
		s.file.Fill("const $taken = `$select$live AND NOT ($key)\n$first`", golang.Holes{
			"taken": x.Go("taken"), "select": s.selectAt(`"prism_version"`, x.Equality), "live": s.live(n + 1),
			"key": equal(s.Key(), other), "first": first(x.Equality),
		})
	}
}

// live is the condition that a record has not expired at the time in the given
// parameter.
func (s *store) live(parameter int) string {
	if s.TTL == 0 {
		return ""
	}
	return fmt.Sprintf(` AND "prism_expires" > $%d`, parameter)
}

// swap prints the statement that replaces a version and the one that expects
// none. Both treat an expired record as absent.
func (s *store) swap() {
	key, expected := s.Key(), s.width()+1
	if s.TTL > 0 {
		expected++
	}
	s.file.Fill("const versionOf = `$select$live\n$first`",
		golang.Holes{"select": s.selectAt(`"prism_version"`, key), "live": s.live(s.keyWidth() + 1), "first": first(key)})
	if s.TTL > 0 {
		s.file.Add("const create = insert + given + conflict + replace + `\nWHERE %s.\"prism_expires\" <= $%d RETURNING \"prism_version\"`", sql.Quote(s.Table), expected)
	} else {
		s.file.Add("const create = insert + given + conflict + `NOTHING RETURNING \"prism_version\"`")
	}
	s.file.Fill("const swap = `WITH prism_found AS MATERIALIZED (\n$found\n), swapped AS (\n"+
		"` + insert + `SELECT $given\nFROM prism_found WHERE \"prism_version\" = $$expected` + conflict + replace + `\nRETURNING \"prism_version\"\n"+
		")\nSELECT (SELECT \"prism_version\" FROM prism_found), (SELECT \"prism_version\" FROM swapped)`",
		golang.Holes{"found": s.found(s.live(expected + 1)), "given": s.given(), "expected": expected})
	if !s.Has(schema.CanSwap) {
		return
	}
	s.file.Add(`// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (@keyvalue.Written, error) {
	return s.db.CompareAndSwap(ctx, &table, r.values(), expected)
}`)
}

// found selects the version of the record with a key if it is live, and locks
// it.
func (s *store) found(live string) string {
	key := s.Key()
	return inner(s.selectAt(`"prism_version"`, key) + live + "\n" + first(key) + " FOR UPDATE")
}

// columns is what statements that read records select.
func (s *store) columns() string {
	if s.TTL > 0 {
		return `"prism_version", "prism_record", "prism_checksum", "prism_expires"`
	}
	return `"prism_version", "prism_record", "prism_checksum"`
}

func (s *store) get() {
	key := s.Key()
	s.file.Fill("const get = `$select$live\n$first`",
		golang.Holes{"select": s.selectAt(s.columns(), key), "live": s.live(s.keyWidth() + 1), "first": first(key)})
	s.file.Add(`// get adds the record with key k.
func (s *store) get(ctx @context.Context, k *key, add @runtime.Rows) error {
	return s.db.Record(ctx, &table, add, get, k.values()...)
}`)
}

func (s *store) delete() {
	key, n := s.Key(), s.keyWidth()
	s.file.Add("const remove = `%s%s\nRETURNING \"prism_version\"`", s.deleteAt(key), s.live(n+1))
	s.file.Fill("const removeVersion = `WITH prism_found AS MATERIALIZED (\n$found\n), removed AS (\n"+
		"$delete AND (SELECT \"prism_version\" FROM prism_found) = $$expected\n)\nSELECT \"prism_version\" FROM prism_found`",
		golang.Holes{"found": s.found(s.live(n + 2)), "delete": inner(s.deleteAt(key)), "expected": n + 1})
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

// batchGet adds a row for each key until one is not taken.
func (s *store) batchGet(ctx @context.Context, keys []key, add @runtime.Rows) error {
	return s.db.Records(ctx, &table, add, get, len(keys), func(i int) []any { return keys[i].values() })
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) ([]bool, error) {
	return s.db.BatchDelete(ctx, &table, len(keys), func(i int) []any { return keys[i].values() })
}`, s.Labels)
}

// finds prints the Finds by unique indexes.
func (s *store) finds() {
	for _, x := range s.Unique() {
		s.file.Fill("const $find = `$select$live\n$first`", golang.Holes{
			"find": x.GoName, "select": s.selectAt(s.columns(), x.Equality), "live": s.live(len(dialect.Names(x.Equality)) + 1),
			"first": first(x.Equality),
		})
		s.file.Fill(`// $find adds the record with the values.
func (s *store) $find(ctx @context.Context, r *$request, add @runtime.Rows) error {
	${built}return s.db.Record(ctx, &table, add, $find, $values)
}`, golang.Holes{"find": x.GoName, "request": x.Go("request"), "built": built(x), "values": values(x.Equality, "r.")})
	}
}

// built returns the statements that refuse a Find as long as its index is being built.
func built(x *schema.Index) string {
	if x == nil || x.Migration == 0 {
		return ""
	}
	return fmt.Sprintf("if err := s.db.Built(ctx, %q, %d); err != nil {\nreturn err\n}\n", x.Name, x.Migration)
}

// sweep prints the statement that deletes what has expired. Its lock ends with
// the statement; a record that is being written is left for later.
func (s *store) sweep() {
	s.file.Add("const sweep = `WITH prism_turn AS MATERIALIZED (\n"+
		"  SELECT pg_try_advisory_xact_lock(hashtext('prism_sweep'), hashtext('%[2]s')) AS mine\n"+
		"), swept AS (\n"+
		"  DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(\n"+
		"    SELECT ctid FROM %[1]s WHERE (SELECT mine FROM prism_turn) AND \"prism_expires\" >= $2 AND \"prism_expires\" <= $1\n"+
		"    ORDER BY \"prism_expires\" LIMIT $3 FOR UPDATE SKIP LOCKED\n"+
		"  )) RETURNING \"prism_expires\"\n"+
		")\nSELECT (SELECT mine FROM prism_turn), count(*), max(\"prism_expires\") FROM swept`", sql.Quote(s.Table), strings.ReplaceAll(s.Table, "'", "''"))
	s.file.Add(`// sweep deletes some of the records that have expired, and returns how many:
// none while another replica sweeps.
func (s *store) sweep(ctx @context.Context) (swept int, err error) {
	return s.db.Sweep(ctx, &table, sweep)
}`)
}
