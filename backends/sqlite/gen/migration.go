package gen

import (
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

// dialect is how migrations are written for SQLite, of version 3.37 or later, which
// STRICT needs.
var dialect = sql.Dialect{
	// The types are those that STRICT tables know.
	Types: map[schema.Type]string{
		schema.Text:      "TEXT",
		schema.Int:       "INTEGER",
		schema.Uint:      "BLOB", // 8 bytes, big-endian
		schema.Bool:      "INTEGER",
		schema.Timestamp: "TEXT", // RFC 3339, of fixed width
		schema.Bytes:     "BLOB",
		schema.Float:     "REAL",
	},
	Zeros: map[schema.Type]string{
		schema.Text: "''", schema.Int: "0", schema.Uint: "x'0000000000000000'", schema.Bool: "0", schema.Bytes: "x''", schema.Float: "0.0",
	},
	Record: "BLOB", Version: "INTEGER", Release: "INTEGER", Expires: "TEXT",
	Never:   "'9999-12-31T23:59:59.999999999Z'",
	Close:   ") STRICT;",
	After:   "INSERT INTO \"prism_versions\" (\"table\", \"last\") VALUES ('%s', 0);\n",
	Gone:    "DELETE FROM \"prism_versions\" WHERE \"table\" = '%s';\n",
	Meta:    meta,
	Unended: "SAVEPOINT \"by_hand\";\n",
	Now:     "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
}

// names lists the columns of fields.
func names(fields []*schema.Field) string { return strings.Join(dialect.Names(fields), ", ") }
