package plan

import (
	"slices"

	"github.com/prism-proxy/prism/generator/schema"
)

// access adds how records are found, by the abstraction of their entity.
var access = map[*schema.Abstraction]func(*page, *schema.Entity){
	schema.KeyValue: (*page).keyValue,
}

func (p *page) keyValue(e *schema.Entity) {
	rows := [][]string{{"primary key", code(names(e.Key())), "", byKey(e)}}
	for _, x := range e.Indexes {
		fields, unique := x.Fields(), "unique"
		if !x.Unique {
			fields, unique = withKey(e, fields), ""
		}
		rows = append(rows, []string{"`" + x.SQLName + "`", code(names(fields)), unique, "`" + x.Find + "`"})
	}
	p.table([]string{"index", "columns", "", "read by"}, rows)
}

// byKey names what finds records by their key.
func byKey(e *schema.Entity) string {
	uses := "Get, Delete"
	if e.Has(schema.CanSwap) {
		uses += ", CompareAndSwap"
	}
	if e.Has(schema.CanBatch) {
		uses += ", batches"
	}
	if e.Has(schema.CanScan) {
		uses += ", `Scan" + e.Plural + "`"
	}
	return uses
}

// withKey ends the fields of an index with the rest of the key, as stores do.
func withKey(e *schema.Entity, fields []*schema.Field) []*schema.Field {
	for _, k := range e.Key() {
		if !slices.Contains(fields, k) {
			fields = append(fields, k)
		}
	}
	return fields
}
