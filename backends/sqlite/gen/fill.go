package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/sql"
)

// fill prints what migrations of the phase fill need: the statement that writes the
// columns of a row that differ from what its record gives.
func (s *store) fill() {
	rest := s.Columns()[len(s.Key()):]
	columns := dialect.Names(rest)
	params := sql.Params("?", 1, len(columns))
	var sets []string
	for i, c := range columns {
		sets = append(sets, c+" = "+params[i])
	}
	differ := "false"
	if len(columns) > 0 {
		differ = sql.Tuple(columns) + " IS NOT " + sql.Tuple(params)
	}
	row := len(columns) + 1
	ttl := ""
	if since := s.Expiry.Since; since > 0 {
		when, expires := fmt.Sprintf(`"prism_release" < %d`, since), dialect.Never
		if s.TTL > 0 { // a column that was taken back and added again has no times
			when += ` OR "prism_expires" = ` + dialect.Never
			expires = fmt.Sprintf("?%d", row+1)
			ttl = fmt.Sprintf(", Expires: %d, TTL: %s", row+1, golang.Duration(s.TTL))
		}
		differ += " OR " + when
		sets = append(sets, fmt.Sprintf(`"prism_expires" = CASE WHEN %s THEN %s ELSE "prism_expires" END`, when, expires))
	}
	sets = append(sets, fmt.Sprintf(`"prism_release" = %d`, s.Release))
	s.file.Fill("var fillWrite = @sqlite.NewStatement(`UPDATE $table SET $sets\nWHERE rowid = ?$row AND ($differ)`)", golang.Holes{
		"table": sql.Quote(s.Table), "sets": strings.Join(sets, ", "), "row": row, "differ": differ,
	})
	var binds strings.Builder
	for i, f := range rest {
		fmt.Fprintf(&binds, "%s\n", bind(i+1, f, "r."+f.GoName, true))
	}
	s.file.Fill(`// Fill computes columns from records, for the migrations that ask for it.
var Fill = @sqlite.Fill{Table: "$table", Write: fillWrite, Row: $row${ttl}, Columns: columnsOf}

// columnsOf binds the columns of the record in b. unheld is the first field of which
// an index cannot hold the value.
func columnsOf(q *@sqlite.Query, b []byte) (unheld string, err error) {
	var r record
	if err := r.read(b); err != nil {
		return "", err
	}
	${held}${binds}return unheld, nil
}`, golang.Holes{"table": s.Table, "row": row, "ttl": ttl, "held": sql.Held(s.Entity), "binds": binds.String()})
}
