package gen

import (
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

// dialect is how migrations are written for Postgres. A time has two columns,
// since the type has only microseconds.
var dialect = sql.Dialect{
	Types: map[schema.Type]string{
		schema.Text:      `text COLLATE "C"`,
		schema.Int:       "bigint",
		schema.Uint:      "numeric(20,0)",
		schema.Bool:      "boolean",
		schema.Timestamp: "timestamptz",
		schema.Bytes:     "bytea",
		schema.Float:     "double precision",
	},
	Nanos: "smallint",
	Zeros: map[schema.Type]string{
		schema.Text: "''", schema.Int: "0", schema.Uint: "0", schema.Bool: "false", schema.Bytes: `'\x'`, schema.Float: "0",
	},
	Record: "bytea", Version: "bigint", Release: "integer", Expires: "timestamptz",
	Never:  "'9999-12-31 23:59:59Z'",
	Before: "CREATE SEQUENCE \"%s_version\";\n",
	Close:  ");",
	Gone:   "DROP SEQUENCE \"%s_version\";\n",
	Meta:   meta,
	Now:    "now()",
	// A statement that waits for its lock holds up all later traffic on the table.
	Catalog:      "SET LOCAL lock_timeout = '100ms';\n",
	Build:        "SET lock_timeout = 0;\nSET statement_timeout = 0;\n",
	Concurrently: true,
	Built:        "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('%s') AND indisvalid)",
	Absent:       "to_regclass('%s') IS NULL",
	Unended:      "BEGIN;\n",
}

// names lists the columns of fields.
func names(fields []*schema.Field) string { return strings.Join(dialect.Names(fields), ", ") }
