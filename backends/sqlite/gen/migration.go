package gen

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
)

// meta makes the tables that every store of Prism has. They may be there: the
// file also runs by hand.
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

// Migration returns the statements that make the tables of n.
func (Backend) Migration(d *schema.Deployment, n *schema.Namespace, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, meta, d.Name)
	for _, e := range n.Entities {
		b.WriteByte('\n')
		table(&b, e)
	}
	fmt.Fprintf(&b, `
INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('%s', 1, '%s', 'applied', strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now'));
`, n.Name, name)
	return b.String()
}

// column is one line of a CREATE TABLE.
type column struct{ name, typ, comment string }

// table prints the table of e, its indexes and its counter of versions.
func table(b *strings.Builder, e *schema.Entity) {
	var columns []column
	for _, f := range e.Columns() {
		c := column{quote(f.Column), sqlType(f), fmt.Sprintf("field %d", f.Number)}
		if f.Role == schema.Key {
			c.typ += " NOT NULL"
		}
		switch f.Role {
		case schema.Key:
			c.comment += ", key"
		case schema.Indexed:
			c.comment += ", indexed"
		}
		columns = append(columns, c)
	}
	columns = append(columns,
		column{`"prism_record"`, "BLOB NOT NULL", ""},
		column{`"prism_version"`, "INTEGER NOT NULL", ""},
		column{`"prism_release"`, "INTEGER NOT NULL", ""})
	if e.TTL > 0 {
		columns = append(columns, column{`"prism_expires"`, "TEXT NOT NULL", ""})
	}
	fmt.Fprintf(b, "-- %s\n-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it\n", e.Desc.FullName())
	fmt.Fprintf(b, "CREATE TABLE %s (\n", quote(e.Table))
	nameWidth, typeWidth := 0, 0
	for _, c := range columns {
		nameWidth = max(nameWidth, len(c.name))
		if c.comment != "" {
			typeWidth = max(typeWidth, len(c.typ)+1)
		}
	}
	for _, c := range columns {
		line := fmt.Sprintf("  %-*s %s,", nameWidth, c.name, c.typ)
		if c.comment != "" {
			line = fmt.Sprintf("  %-*s %-*s -- %s", nameWidth, c.name, typeWidth, c.typ+",", c.comment)
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(b, "  PRIMARY KEY (%s)\n) STRICT;\n", names(e.Key()))
	for _, x := range e.Indexes {
		unique, fields := "", x.Fields()
		if x.Unique {
			unique = "UNIQUE "
		} else {
			fields = withKey(e, fields)
		}
		fmt.Fprintf(b, "CREATE %sINDEX %s ON %s (%s);\n", unique, quote(x.SQLName), quote(e.Table), names(fields))
	}
	if e.TTL > 0 {
		fmt.Fprintf(b, "CREATE INDEX %s ON %s (\"prism_expires\");\n", quote(e.Table+"_prism_expires"), quote(e.Table))
	}
	fmt.Fprintf(b, "INSERT INTO \"prism_versions\" (\"table\", \"last\") VALUES ('%s', 0);\n", e.Table)
}

// withKey ends the columns of an index with the key, so that pages of it are
// stable.
func withKey(e *schema.Entity, fields []*schema.Field) []*schema.Field {
	all := append([]*schema.Field(nil), fields...)
	for _, k := range e.Key() {
		if !contains(all, k) {
			all = append(all, k)
		}
	}
	return all
}

func contains(fields []*schema.Field, f *schema.Field) bool {
	for _, g := range fields {
		if g == f {
			return true
		}
	}
	return false
}

// sqlType is the column type of a field: STRICT tables know no others.
func sqlType(f *schema.Field) string {
	switch f.Type {
	case schema.Text, schema.Timestamp: // a time is RFC 3339 of one width
		return "TEXT"
	case schema.Uint: // 8 bytes, big-endian
		return "BLOB"
	}
	return "INTEGER"
}

// quote quotes an identifier. Names were checked; a quote in one is doubled
// all the same.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// names lists the columns of fields.
func names(fields []*schema.Field) string {
	var list []string
	for _, f := range fields {
		list = append(list, quote(f.Column))
	}
	return strings.Join(list, ", ")
}
