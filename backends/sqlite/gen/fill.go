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
	s.file.Fill("var fillWrite = @sqlite.NewStatement(`UPDATE $table SET $sets, \"prism_release\" = $release\nWHERE rowid = ?$row AND $old IS NOT $new`)", golang.Holes{
		"table": sql.Quote(s.Table), "sets": strings.Join(sets, ", "), "release": s.Release, "row": len(columns) + 1,
		"old": sql.Tuple(columns), "new": sql.Tuple(params),
	})
	var binds strings.Builder
	for i, f := range rest {
		fmt.Fprintf(&binds, "%s\n", bind(i+1, f, "r."+f.GoName, true))
	}
	s.file.Fill(`// Fill computes columns from records, for the migrations that ask for it.
var Fill = @sqlite.Fill{Table: "$table", Write: fillWrite, Row: $row, Columns: columnsOf}

// columnsOf binds the columns of the record in b. unheld is the first field of which
// an index cannot hold the value.
func columnsOf(q *@sqlite.Query, b []byte) (unheld string, err error) {
	var r record
	if err := r.read(b); err != nil {
		return "", err
	}
	${held}${binds}return unheld, nil
}`, golang.Holes{"table": s.Table, "row": len(columns) + 1, "held": sql.Held(s.Entity), "binds": binds.String()})
}
