package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// meta makes the tables that every store of Prism has. They may exist, since
// the file may also be run by hand.
const meta = `-- class: safe · lock: none, the tables are new · reversible: yes
CREATE TABLE IF NOT EXISTS "prism_meta" (
  "name"  TEXT NOT NULL,
  "value" TEXT NOT NULL,
  PRIMARY KEY ("name")
) STRICT;
INSERT INTO "prism_meta" ("name", "value") VALUES ('deployment', '%[1]s') ON CONFLICT DO NOTHING;
INSERT INTO "prism_meta" ("name", "value") VALUES ('page_key_1', lower(hex(randomblob(32)))) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS "prism_migrations" (
  "namespace"  TEXT NOT NULL,
  "number"     INTEGER NOT NULL,
  "name"       TEXT NOT NULL,
  "sha256"     TEXT,
  "state"      TEXT NOT NULL,
  "applied_at" TEXT NOT NULL,
  PRIMARY KEY ("namespace", "number")
) STRICT;
CREATE TABLE IF NOT EXISTS "prism_versions" (
  "table" TEXT NOT NULL,
  "last"  INTEGER NOT NULL,
  PRIMARY KEY ("table")
) STRICT;
`

// migration returns the statements that create the tables of n.
func migration(d *schema.Deployment, n *schema.Namespace, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, meta, d.Name)
	for _, e := range n.Entities {
		b.WriteByte('\n')
		b.WriteString(dialect.Table(e))
	}
	fmt.Fprintf(&b, `
INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('%s', 1, '%s', 'applied', strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now'));
`, n.Name, name)
	return b.String()
}

// dialect is how columns are written for SQLite.
var dialect = sql.Dialect{
	Columns: func(f *schema.Field) []sql.Column {
		return []sql.Column{sql.FieldColumn(f, f.Column, sqlTypes[f.Type], sql.Use(f))}
	},
	Record: "BLOB", Version: "INTEGER", Release: "INTEGER", Expires: "TEXT",
	Close: ") STRICT;",
	After: "INSERT INTO \"prism_versions\" (\"table\", \"last\") VALUES ('%s', 0);\n",
}

// sqlTypes are the column types, limited to those that STRICT tables know.
var sqlTypes = map[schema.Type]string{
	schema.Text:      "TEXT",
	schema.Int:       "INTEGER",
	schema.Uint:      "BLOB", // 8 bytes, big-endian
	schema.Bool:      "INTEGER",
	schema.Timestamp: "TEXT", // RFC 3339, of fixed width
	schema.Bytes:     "BLOB",
	schema.Float:     "REAL",
}

// names lists the columns of fields.
func names(fields []*schema.Field) string { return strings.Join(dialect.Names(fields), ", ") }
