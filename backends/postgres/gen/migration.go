package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/emit/sql"
	"github.com/prism-proxy/prism/generator/schema"
)

// meta makes the tables that every store of Prism has. They may exist, made by
// another namespace in the same database. The key of page tokens is 32
// unpredictable bytes, from the server's strong random numbers.
const meta = `-- class: safe · lock: none, the tables are new · reversible: yes
CREATE TABLE IF NOT EXISTS "prism_meta" (
  "name"  text COLLATE "C" NOT NULL,
  "value" text NOT NULL,
  PRIMARY KEY ("name")
);
INSERT INTO "prism_meta" ("name", "value") VALUES ('deployment', '%[1]s') ON CONFLICT DO NOTHING;
INSERT INTO "prism_meta" ("name", "value")
VALUES ('page_key_1', encode(sha256((gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text)::bytea), 'hex'))
ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS "prism_migrations" (
  "namespace"  text COLLATE "C" NOT NULL,
  "number"     integer NOT NULL,
  "name"       text NOT NULL,
  "sha256"     text,
  "state"      text NOT NULL,
  "applied_at" timestamptz NOT NULL,
  PRIMARY KEY ("namespace", "number")
);
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
VALUES ('%s', 1, '%s', 'applied', now());
`, n.Name, name)
	return b.String()
}

// dialect is how columns are written for Postgres. A time has two columns,
// since the type has only microseconds.
var dialect = sql.Dialect{
	Columns: func(f *schema.Field) []sql.Column {
		columns := []sql.Column{sql.FieldColumn(f, f.Column, sqlTypes[f.Type], sql.Use(f))}
		if f.Type == schema.Timestamp {
			columns = append(columns, sql.FieldColumn(f, f.NanosColumn(), "smallint", ", its nanoseconds below the microsecond"))
		}
		return columns
	},
	Record: "bytea", Version: "bigint", Release: "integer", Expires: "timestamptz",
	Before: "CREATE SEQUENCE \"%s_version\";\n",
	Close:  ");",
}

var sqlTypes = map[schema.Type]string{
	schema.Text:      `text COLLATE "C"`,
	schema.Int:       "bigint",
	schema.Uint:      "numeric(20,0)",
	schema.Bool:      "boolean",
	schema.Timestamp: "timestamptz",
	schema.Bytes:     "bytea",
	schema.Float:     "double precision",
}

// names lists the columns of fields.
func names(fields []*schema.Field) string { return strings.Join(dialect.Names(fields), ", ") }
