package gen

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/record"
	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// Store returns store.go of e: its statements, each beside the method that
// runs it.
func (Backend) Store(e *schema.Entity, dir, importPath string) (emit.File, error) {
	s := &store{
		Entity: e,
		file: golang.NewFile(importPath, e.GoPackage, "", golang.Imports{
			"bytes": "bytes", "context": "context", "slices": "slices", "time": "time",
			"postgres": golang.Module + "/backends/postgres",
			"runtime":  golang.Module + "/runtime",
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
	s.batches()
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
	s.file.Add("// store keeps the records of %s in table %s.\ntype store struct{ db *@postgres.DB }", s.Desc.FullName(), s.Table)
	if s.TTL > 0 {
		s.file.Add("// ttl is how long a record lives after its last write.\nconst ttl = %s", golang.Duration(s.TTL))
	}
	s.file.Add("// values are the parameters that find k.\nfunc (k *key) values() []any {\nreturn []any{%s}\n}", values(s.Key(), "k."))
	fields := strings.Split(recordValues(s.Columns(), "r.")+", @postgres.Record(r.bytes)", ", ")
	s.file.Add("// values are the parameters that write r: its columns and its bytes.\nfunc (r *record) values() []any {\nreturn []any{\n%s,\n}\n}",
		sql.Wrap(fields, "\n"))
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
func (s *store) put(ctx @context.Context, r *record) (w @keyvalue.Written, err error) {
	%sw.Version, err = s.db.Version(ctx, put, %s)
	%s}`, s.expires(), s.written("r", ""), s.result("put", "r"))
}

// expires sets when what is written expires.
func (s *store) expires() string {
	if s.TTL == 0 {
		return ""
	}
	return "w.Expires = s.db.Expires(ttl)\n"
}

// written is the arguments of a statement that writes the record, and of more.
func (s *store) written(record, more string) string {
	var extra []string
	if s.TTL > 0 {
		extra = append(extra, "@postgres.Time(w.Expires)")
	}
	if more != "" {
		extra = append(extra, more)
	}
	if len(extra) == 0 {
		return record + ".values()..."
	}
	return fmt.Sprintf("append(%s.values(), %s)...", record, strings.Join(extra, ", "))
}

// result prints what follows the statement of method, which wrote a record.
func (s *store) result(method, arguments string) string {
	if len(s.Unique()) == 0 {
		return "return w, err\n"
	}
	return fmt.Sprintf(`if err == nil {
		return w, nil
	}
	again, err := s.again(ctx, err, 0, *r)
	if again {
		return s.%s(ctx, %s)
	}
	return w, err
`, method, arguments)
}

// unique prints what is done about a write that a unique index refused.
func (s *store) unique() {
	if len(s.Unique()) == 0 {
		return
	}
	var cases strings.Builder
	for _, x := range s.Unique() {
		where, n, free := equal(x.Equality, 1), len(dialect.Names(x.Equality)), ""
		given, now := recordValues(x.Equality, "r."), ""
		if s.TTL > 0 {
			now = ", s.db.Now()"
			s.file.Add("const %sFree = `DELETE FROM %s WHERE %s AND \"prism_expires\" <= $%d RETURNING \"prism_version\"`",
				x.GoName, sql.Quote(s.Table), where, n+1)
			free = fmt.Sprintf(`if err := s.db.Free(ctx, %q, %sFree, len(records), func(i int) []any {
			return []any{%s%s}
		}); err != nil {
			return false, err
		}
`, s.Table, x.GoName, recordValues(x.Equality, "records[i]."), now)
			n++
		}
		s.file.Add("const %sTaken = `SELECT \"prism_version\" FROM %s WHERE %s%s AND NOT (%s)`",
			x.GoName, sql.Quote(s.Table), where, s.live(n), equal(s.Key(), n+1))
		fmt.Fprintf(&cases, `case %q:
		%sbefore := @slices.ContainsFunc(records[:item], func(b record) bool { return %s })
		return s.db.Again(ctx, @runtime.Taken(%q), before, %sTaken, append([]any{%s%s}, r.key.values()...)...)
`, x.SQLName, free, same(x.Equality), x.Name, x.GoName, given, now)
	}
	freed := ""
	if s.TTL > 0 {
		freed = "\n// Records that have expired with the value are deleted before."
	}
	s.file.Add(`// again reports whether a write of records, of which item failed with err, is to
// be tried again: a unique index refused it, and no other record has the value
// any more. If not, it returns the error to answer.%s
func (s *store) again(ctx @context.Context, err error, item int, records ...record) (bool, error) {
	r := &records[item]
	switch @postgres.Violated(err) {
	%s}
	return false, err
}`, freed, cases.String())
}

// same is the condition that records b and r have the fields equal.
func same(fields []*schema.Field) string {
	var all []string
	for _, f := range fields {
		if f.Type == schema.Text || f.Type == schema.Bytes {
			all = append(all, fmt.Sprintf("@bytes.Equal(b.%[1]s, r.%[1]s)", f.GoName))
		} else {
			all = append(all, fmt.Sprintf("b.%[1]s == r.%[1]s", f.GoName))
		}
	}
	return strings.Join(all, " && ")
}

// live is the condition that a record has not expired at the time that is the
// given parameter.
func (s *store) live(parameter int) string {
	if s.TTL == 0 {
		return ""
	}
	return fmt.Sprintf(` AND "prism_expires" > $%d`, parameter)
}

// now is the argument of live.
func (s *store) now() string {
	if s.TTL == 0 {
		return ""
	}
	return "s.db.Now()"
}

// keyValues is the arguments that find a live record by key, and more.
func (s *store) keyValues(key string, more ...string) string {
	if s.TTL > 0 {
		more = append(more, s.now())
	}
	if len(more) == 0 {
		return key + ".values()"
	}
	return fmt.Sprintf("append(%s.values(), %s)", key, strings.Join(more, ", "))
}

// swap prints the statement that replaces a version and the one that expects
// none. Both see a record that has expired as absent.
func (s *store) swap() {
	expected := s.width() + 1
	if s.TTL > 0 {
		expected++
	}
	more, create := "expected", `NOTHING`
	if s.TTL > 0 {
		more = "expected, now"
		create = ""
	}
	s.file.Add("const versionOf = `SELECT \"prism_version\" FROM %s WHERE %s%s`", sql.Quote(s.Table), equal(s.Key(), 1), s.live(s.keyWidth()+1))
	if s.TTL > 0 {
		s.file.Add("const create = insert + replace + `\nWHERE %s.\"prism_expires\" <= $%d RETURNING \"prism_version\"`", sql.Quote(s.Table), expected)
	} else {
		s.file.Add("const create = insert + `%s RETURNING \"prism_version\"`", create)
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
	created, now := "", ""
	if s.TTL > 0 {
		created, now = "now", "now := s.db.Now()\n"
	}
	s.file.Add(`// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (w @keyvalue.Written, err error) {
	%s%sif expected == 0 {
		w.Version, err = s.db.Create(ctx, create, %s, versionOf, %s)
	} else {
		w.Version, err = s.db.Swap(ctx, swap, %s)
	}
	%s}`, s.expires(), now, strings.TrimSuffix(s.written("r", created), "..."), strings.ReplaceAll(s.keyValues("r.key"), "s.db.Now()", "now"), s.written("r", more), s.result("compareAndSwap", "r, expected"))
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
	return s.db.Record(ctx, get, %s...)
}`, s.keyValues("k"))
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
	if ifVersion == 0 {
		removed, err := s.db.Version(ctx, remove, %s...)
		return removed != 0, err
	}
	found, err := s.db.Version(ctx, removeVersion, %s...)
	if found != 0 && found != ifVersion {
		return false, @runtime.Mismatch(found)
	}
	return found != 0, err
}`, s.keyValues("k"), s.keyValues("k", "ifVersion"))
}

func (s *store) batches() {
	s.batchPut()
	s.file.Add(`// batchGet adds the records with the keys to results until one does not fit.
func (s *store) batchGet(ctx @context.Context, keys []key, results *@keyvalue.Results) error {
	return s.db.Records(ctx, results, get, len(keys), func(i int) []any { return %[1]s })
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) ([]bool, error) {
	removed, _, err := s.db.Versions(ctx, %[2]q, remove, len(keys), func(i int) []any { return %[1]s })
	if err != nil {
		return nil, err
	}
	existed := make([]bool, len(keys))
	for i, version := range removed {
		existed[i] = version != 0
	}
	return existed, nil
}`, s.keyValues("keys[i]"), s.Table)
}

func (s *store) batchPut() {
	expires, record, w := "", "records[i].values()", "@keyvalue.Written{Version: version}"
	if s.TTL > 0 {
		expires, w = "expires := s.db.Expires(ttl)\n", "@keyvalue.Written{Version: version, Expires: expires}"
		record = "append(records[i].values(), @postgres.Time(expires))"
	}
	item, refused := "_", "if err != nil {\nreturn nil, err\n}\n"
	if len(s.Unique()) > 0 {
		item = "item"
		refused = fmt.Sprintf(`again, err := s.again(ctx, err, item, records...)
	switch {
	case again:
		return s.batchPut(ctx, records)
	case @postgres.Violated(err) != "":
		return nil, @runtime.InItem(%q, item, err)
	case err != nil:
		return nil, err
	}
`, s.Labels)
	}
	s.file.Add(`// batchPut stores all records or none, in their order.
func (s *store) batchPut(ctx @context.Context, records []record) ([]@keyvalue.Written, error) {
	%sversions, %s, err := s.db.Versions(ctx, %q, put, len(records), func(i int) []any { return %s })
	%swritten := make([]@keyvalue.Written, len(records))
	for i, version := range versions {
		written[i] = %s
	}
	return written, nil
}`, expires, item, s.Table, record, refused, w)
}

// finds prints the Finds of unique indexes.
func (s *store) finds() {
	for _, x := range s.Unique() {
		given := values(x.Equality, "")
		if s.TTL > 0 {
			given += ", s.db.Now()"
		}
		s.file.Add("const %s = `SELECT %s FROM %s WHERE %s%s`", x.GoName, s.columns(), sql.Quote(s.Table), equal(x.Equality, 1), s.live(len(dialect.Names(x.Equality))+1))
		s.file.Add(`// %[1]s returns the record with the values, as a reply.
func (s *store) %[1]s(ctx @context.Context%[2]s) ([]byte, error) {
	return s.db.Record(ctx, %[1]s, %[3]s)
}`, x.GoName, record.Parameters(x.Equality, record.GoName), given)
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
	return s.db.Sweep(ctx, sweep, s.db.Now())
}`)
}
