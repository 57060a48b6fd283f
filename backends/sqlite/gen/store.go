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
			"context": "context", "time": "time",
			"sqlite":   golang.Module + "/backends/sqlite",
			"runtime":  golang.Module + "/runtime",
			"keyvalue": golang.Module + "/runtime/keyvalue",
			"wire":     golang.Module + "/runtime/wire",
		}),
	}
	s.begin()
	s.put()
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
	s.file.Add("// store keeps the records of %s in table %s.\ntype store struct{ db *@sqlite.DB }", s.Desc.FullName(), s.Table)
	if s.TTL > 0 {
		s.file.Add("// ttl is how long a record lives after its last write.\nconst ttl = %s", golang.Duration(s.TTL))
	}
}

// put prints the one statement that writes a record.
func (s *store) put() {
	columns := s.Columns()
	last := len(columns)
	stored := []string{`"prism_record"`, `"prism_version"`, `"prism_release"`}
	values := []string{params(1, last+2), "1"}
	if s.TTL > 0 {
		stored = append(stored, `"prism_expires"`)
		values = append(values, fmt.Sprintf("?%d", last+3))
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
	expires, expired := "", ""
	if s.TTL > 0 {
		fmt.Fprintf(&binds, "q.Time(%d, w.Expires)\n", last+3)
		expires = ", Expires: c.Expires(ttl)"
		if len(s.Unique()) > 0 {
			expired = "s.freeExpired(c, r)\n"
		}
	}
	taken := ""
	if len(s.Unique()) > 0 {
		taken = "if q.UniqueViolation() {\nreturn s.taken(c, r)\n}\n"
	}
	if unique := s.Unique(); len(unique) == 1 {
		taken = fmt.Sprintf("if q.UniqueViolation() {\nreturn @runtime.Taken(%q)\n}\n", unique[0].Name)
	}
	s.file.Add("const put = `INSERT INTO %s (%s, %s)\nVALUES (%s)\nON CONFLICT (%s) DO UPDATE SET\n  %s`",
		sql.Quote(s.Table), names(columns), strings.Join(stored, ", "), strings.Join(values, ", "), names(s.Key()), sql.Wrap(sets, "\n  "))
	s.file.Add(`// put stores r whatever was there.
func (s *store) put(ctx @context.Context, r *record) (w @keyvalue.Written, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return w, err
	}
	defer c.End(&err)
	w = s.next(c)
	return w, s.write(c, r, w)
}

// next issues the version of the one record that is written.
func (s *store) next(c *@sqlite.Conn) @keyvalue.Written {
	return @keyvalue.Written{Version: c.Versions(%[1]q, 1)%[2]s}
}

// write stores r as w says, in the transaction of c.
func (s *store) write(c *@sqlite.Conn, r *record, w @keyvalue.Written) error {
	%[3]sq := c.Query(put)
	%[4]sq.Exec()
	%[5]sreturn nil
}`, s.Table, expires, expired, binds.String(), taken)
	s.unique()
}

// unique prints what tells which unique index another record stands in, and
// what frees the values of records that have expired.
func (s *store) unique() {
	indexes := s.Unique()
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
		s.file.Add("const %sTaken = `SELECT 1 FROM %s WHERE %s AND NOT (%s)`",
			x.GoName, sql.Quote(s.Table), equal(x.Equality, 1), equal(s.Key(), len(x.Equality)+1))
		fmt.Fprintf(&probes, "q %s c.Query(%sTaken)\n%sif q.Next() {\nreturn @runtime.Taken(%q)\n}\n",
			map[bool]string{true: ":=", false: "="}[probes.Len() == 0], x.GoName, binds.String(), x.Name)
	}
	if len(indexes) > 1 {
		s.file.Add("// taken says in which unique index another record has the values of r.\nfunc (s *store) taken(c *@sqlite.Conn, r *record) error {\n%sreturn @runtime.Taken(%q)\n}",
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
		s.file.Add("const %sFree = `DELETE FROM %s WHERE %s AND \"prism_expires\" <= ?%d`", x.GoName, sql.Quote(s.Table), equal(x.Equality, 1), n+1)
		fmt.Fprintf(&frees, "q %s c.Query(%sFree)\n%sq.Time(%d, c.Now())\nq.Exec()\n",
			map[bool]string{true: ":=", false: "="}[i == 0], x.GoName, binds.String(), n+1)
	}
	s.file.Add("// freeExpired deletes the records that have expired with a unique value of r.\nfunc (s *store) freeExpired(c *@sqlite.Conn, r *record) {\n%s}", frees.String())
}

func (s *store) swap() {
	s.file.Add("const versionOf = `SELECT \"prism_version\" FROM %s WHERE %s`", sql.Quote(s.Table), s.here(s.Key()))
	s.file.Add(`// versionOf returns the version of the record with key k, if it is there.
func (s *store) versionOf(c *@sqlite.Conn, k *key) (version int64, exists bool) {
	q := c.Query(versionOf)
	%sexists = q.Next()
	return q.ColumnInt(0), exists
}

// compareAndSwap stores r if the record has the expected version, or if it is
// absent and expected is 0.
func (s *store) compareAndSwap(ctx @context.Context, r *record, expected int64) (w @keyvalue.Written, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return w, err
	}
	defer c.End(&err)
	switch version, exists := s.versionOf(c, &r.key); {
	case exists && expected == 0:
		return w, @runtime.AlreadyExists(version)
	case exists && expected != version:
		return w, @runtime.Mismatch(version)
	case !exists && expected != 0:
		return w, @runtime.Absent()
	}
	w = s.next(c)
	return w, s.write(c, r, w)
}`, s.bindKey("k."))
}

// here is the condition on the fields, and on life with a ttl, with parameters
// from 1.
func (s *store) here(fields []*schema.Field) string {
	condition := equal(fields, 1)
	if s.TTL > 0 {
		condition += fmt.Sprintf(` AND "prism_expires" > ?%d`, len(fields)+1)
	}
	return condition
}

// bindKey binds the parameters of here for the key.
func (s *store) bindKey(prefix string) string { return s.bindAll(s.Key(), prefix) }

func (s *store) bindAll(fields []*schema.Field, prefix string) string {
	var b strings.Builder
	for i, f := range fields {
		fmt.Fprintf(&b, "%s\n", bind(i+1, f, prefix+f.GoName, false))
	}
	if s.TTL > 0 {
		fmt.Fprintf(&b, "q.Time(%d, c.Now())\n", len(fields)+1)
	}
	return b.String()
}

// columns is what every statement that reads records selects.
func (s *store) columns() string {
	if s.TTL > 0 {
		return `"prism_version", "prism_record", "prism_expires"`
	}
	return `"prism_version", "prism_record"`
}

// written is the expression for the current row.
func (s *store) written() string {
	if s.TTL > 0 {
		return "@keyvalue.Written{Version: q.ColumnInt(0), Expires: q.ColumnTime(2)}"
	}
	return "@keyvalue.Written{Version: q.ColumnInt(0)}"
}

func (s *store) get() {
	s.file.Add("const get = `SELECT %s FROM %s WHERE %s`", s.columns(), sql.Quote(s.Table), s.here(s.Key()))
	s.file.Add(`// get appends the record with key k to out, as a reply.
func (s *store) get(ctx @context.Context, k *key, out []byte) (_ []byte, err error) {
	c, err := s.db.Reader(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	q := c.Query(get)
	%sif !q.Next() {
		return nil, @runtime.Absent()
	}
	return @keyvalue.AppendRecord(out, %s, q.ColumnBlob(1)), nil
}`, s.bindKey("k."), s.written())
}

func (s *store) delete() {
	s.file.Add("const remove = `DELETE FROM %s WHERE %s`", sql.Quote(s.Table), s.here(s.Key()))
	s.file.Add(`// delete removes the record with key k, if ifVersion is 0 or its version, and
// reports whether it was there.
func (s *store) delete(ctx @context.Context, k *key, ifVersion int64) (existed bool, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer c.End(&err)
	if ifVersion != 0 {
		version, exists := s.versionOf(c, k)
		if exists && version != ifVersion {
			return false, @runtime.Mismatch(version)
		}
	}
	return s.remove(c, k), nil
}

// remove deletes the record with key k, in the transaction of c.
func (s *store) remove(c *@sqlite.Conn, k *key) (existed bool) {
	q := c.Query(remove)
	%sreturn q.Changed() > 0
}`, s.bindKey("k."))
}

func (s *store) batches() {
	expires, w := "", "@keyvalue.Written{Version: first + int64(i)}"
	if s.TTL > 0 {
		expires, w = "expires := c.Expires(ttl)\n", "@keyvalue.Written{Version: first + int64(i), Expires: expires}"
	}
	write := "if err := s.write(c, &records[i], written[i]); err != nil {\nreturn nil, err\n}\n"
	if len(s.Unique()) > 0 {
		write = fmt.Sprintf("if err := s.write(c, &records[i], written[i]); err != nil {\nreturn nil, @runtime.InItem(%q, i, err)\n}\n", s.Labels)
	}
	s.file.Add(`// batchPut stores all records or none, in their order.
func (s *store) batchPut(ctx @context.Context, records []record) (_ []@keyvalue.Written, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	first := c.Versions(%[1]q, len(records))
	%[2]swritten := make([]@keyvalue.Written, len(records))
	for i := range records {
		written[i] = %[3]s
		%[4]s}
	return written, nil
}

// batchGet adds the records with the keys to results until one does not fit.
func (s *store) batchGet(ctx @context.Context, keys []key, results *@keyvalue.Results) (err error) {
	c, err := s.db.Reader(ctx)
	if err != nil {
		return err
	}
	defer c.End(&err)
	for i := range keys {
		k := &keys[i]
		q := c.Query(get)
		%[5]sif !q.Next() {
			results.AddAbsent()
		} else if !results.Add(%[6]s, q.ColumnBlob(1)) {
			break
		}
	}
	return nil
}

// batchDelete removes all records with the keys or none, and reports which
// were there.
func (s *store) batchDelete(ctx @context.Context, keys []key) (_ []bool, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	existed := make([]bool, len(keys))
	for i := range keys {
		existed[i] = s.remove(c, &keys[i])
	}
	return existed, nil
}`, s.Table, expires, w, write, s.bindKey("k."), s.written())
}

// finds prints the Finds of unique indexes.
func (s *store) finds() {
	for _, x := range s.Unique() {
		var arguments strings.Builder
		for _, f := range x.Equality {
			fmt.Fprintf(&arguments, ", %s %s", f.GoName, record.PlainType(f))
		}
		s.file.Add("const %s = `SELECT %s FROM %s WHERE %s`", x.GoName, s.columns(), sql.Quote(s.Table), s.here(x.Equality))
		s.file.Add(`// %[1]s appends the record with the values to out, as a reply.
func (s *store) %[1]s(ctx @context.Context%[2]s, out []byte) (_ []byte, err error) {
	c, err := s.db.Reader(ctx)
	if err != nil {
		return nil, err
	}
	defer c.End(&err)
	q := c.Query(%[1]s)
	%[3]sif !q.Next() {
		return nil, @runtime.Absent()
	}
	return @keyvalue.AppendRecord(out, %[4]s, q.ColumnBlob(1)), nil
}`, x.GoName, arguments.String(), s.bindAll(x.Equality, ""), s.written())
	}
}

func (s *store) sweep() {
	s.file.Add("const sweep = `DELETE FROM %s WHERE rowid IN (\n  SELECT rowid FROM %[1]s WHERE \"prism_expires\" <= ?1 LIMIT 1000\n)`", sql.Quote(s.Table))
	s.file.Add(`// sweep deletes some of the records that have expired, and returns how many.
func (s *store) sweep(ctx @context.Context) (swept int, err error) {
	c, err := s.db.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer c.End(&err)
	q := c.Query(sweep)
	q.Time(1, c.Now())
	return q.Changed(), nil
}`)
}
