package emit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/emit"
)

// What a dialect prints is taken apart again: the note, and every statement.
func TestTake(t *testing.T) {
	note := emit.Note{What: "shop.v1.Order, field 2", Class: "safe", Lock: "SHARE, for a moment", Rewrite: "rows that differ", Scan: "the table", Reversible: "no, its records go with it"}
	for _, tt := range []struct {
		name, text string
		note       emit.Note
		statements []string
	}{
		{"one", note.String() + "DROP TABLE \"orders\";\n", note, []string{`DROP TABLE "orders"`}},
		{"several, with comments", note.String() + "CREATE TABLE \"orders\" (\n  \"id\"   TEXT, -- field 1, key\n  PRIMARY KEY (\"id\")\n);\nCREATE INDEX \"a\" ON \"orders\" (\"id\");\n", note,
			[]string{`CREATE TABLE "orders" ( "id" TEXT, PRIMARY KEY ("id") )`, `CREATE INDEX "a" ON "orders" ("id")`}},
		{"none", note.String(), note, nil},
		{"one that touches no row", "-- shop.v1.Order\n-- class: safe · lock: none · rewrite or scan: none · reversible: yes\n", emit.Note{What: "shop.v1.Order", Class: "safe", Lock: "none", Reversible: "yes"}, nil},
		{"no note", "DROP TABLE \"orders\";\n", emit.Note{}, []string{`DROP TABLE "orders"`}},
		{"nothing", "", emit.Note{}, nil},
	} {
		got, statements := emit.Take(tt.text)
		if got != tt.note {
			t.Errorf("%s: note %+v, want %+v", tt.name, got, tt.note)
		}
		if diff := cmp.Diff(tt.statements, statements); diff != "" {
			t.Errorf("%s: statements (-want +got):\n%s", tt.name, diff)
		}
	}
}
