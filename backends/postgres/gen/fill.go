package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
)

// fill prints what migrations of the phase fill need: the statements that read
// records in the order of their keys, and write the columns that differ.
func (s *store) fill() {
	columns := dialect.Fields(s.Columns())
	key, rest := columns[:s.keyWidth()], columns[s.keyWidth():]
	page := func(after string) string {
		return golang.Fill(`SELECT "prism_version", "prism_record" FROM (
  SELECT $key, "prism_version", "prism_record", sum(octet_length("prism_record")) OVER (ORDER BY $key) AS prism_sum
  FROM (
    SELECT $key, "prism_version", "prism_record" FROM $table${after}
    ORDER BY $key LIMIT 500
  ) AS prism_page
) AS prism_sized
WHERE prism_sum - octet_length("prism_record") < 1048576
ORDER BY $key`, golang.Holes{"key": strings.Join(namesOf(key, ""), ", "), "table": sql.Quote(s.Table), "after": after})
	}
	s.file.Fill("const fillFirst = `$page`", golang.Holes{"page": page("")})
	s.file.Fill("const fillNext = `$page`", golang.Holes{"page": page("\n    WHERE " + compare(namesOf(key, ""), ">", sql.Params("$", 1, len(key))))})

	var arrays, same, sets []string
	for i, c := range columns {
		kind, _, _ := strings.Cut(c.Type, " ")
		if kind == "double" {
			kind = c.Type
		}
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, kind))
	}
	arrays = append(arrays, fmt.Sprintf("$%d::bigint[]", len(columns)+1))
	for _, name := range append(namesOf(key, ""), `"prism_version"`) {
		same = append(same, "t."+name+" = g."+name)
	}
	for _, name := range namesOf(rest, "") {
		sets = append(sets, name+" = g."+name)
	}
	differ := "ROW(" + strings.Join(namesOf(rest, "t."), ", ") + ") IS DISTINCT FROM ROW(" + strings.Join(namesOf(rest, "g."), ", ") + ")"
	if len(rest) == 0 {
		differ = "false"
	}
	if since := s.Expiry.Since; since > 0 {
		when, expires := fmt.Sprintf(`t."prism_release" < %d`, since), dialect.Never
		if s.TTL > 0 { // a column that was taken back and added again has no times
			when += ` OR t."prism_expires" = ` + dialect.Never
			expires = fmt.Sprintf("now() + interval '%d milliseconds'", s.TTL.Milliseconds())
		}
		differ += " OR " + when
		sets = append(sets, fmt.Sprintf(`"prism_expires" = CASE WHEN %s THEN %s ELSE t."prism_expires" END`, when, expires))
	}
	sets = append(sets, fmt.Sprintf(`"prism_release" = %d`, s.Release))
	s.file.Fill("const fillWrite = `WITH prism_given ($all) AS (\n"+`  SELECT * FROM unnest($arrays)
), prism_differ AS MATERIALIZED (
  SELECT $gkey, g."prism_version" FROM $table AS t JOIN prism_given AS g ON $same
  WHERE $differ
), prism_locked AS MATERIALIZED (
  SELECT $tkey, t."prism_version" FROM $table AS t JOIN prism_differ AS g ON $same
  FOR UPDATE OF t SKIP LOCKED
), prism_written AS (
  UPDATE $table AS t SET $sets
  FROM prism_given AS g JOIN prism_locked AS l ON $locked
  WHERE $same RETURNING 1
)
SELECT (SELECT count(*) FROM prism_differ), (SELECT count(*) FROM prism_written)`+"`", golang.Holes{
		"all": strings.Join(append(namesOf(columns, ""), `"prism_version"`), ", "), "arrays": strings.Join(arrays, ", "),
		"gkey": strings.Join(namesOf(key, "g."), ", "), "tkey": strings.Join(namesOf(key, "t."), ", "), "table": sql.Quote(s.Table),
		"same": strings.Join(same, " AND "), "differ": differ,
		"sets": strings.Join(sets, ", "), "locked": strings.ReplaceAll(strings.Join(same, " AND "), "t.", "l."),
	})
	s.file.Fill(`// Fill computes columns from records, for the migrations that ask for it.
var Fill = @postgres.Fill{Table: "$table", First: fillFirst, Next: fillNext, Write: fillWrite, After: afterKey, Columns: columnsOf}

// afterKey returns the parameters that go on behind the record at cursor.
func afterKey(cursor []byte) ([]any, error) {
	var k key
	err := k.read(@wire.Read(cursor))
	return k.values(), err
}

// columnsOf returns what the table holds of the record in b: its columns, and where
// it stands. unheld is the first field of which an index cannot hold the value.
func columnsOf(b []byte) (columns []any, cursor []byte, unheld string, err error) {
	var r record
	if err := r.read(b); err != nil {
		return nil, nil, "", err
	}
	${held}return r.values()[:$width], r.key.append(nil), unheld, nil
}`, golang.Holes{"table": s.Table, "held": sql.Held(s.Entity), "width": len(columns)})
}
