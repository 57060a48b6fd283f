package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
)

// meta makes the tables that every store of Prism has. They may be there: of
// another namespace in the same database. The key of page tokens is 32 bytes
// that nobody can guess, from the server's strong random numbers.
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
VALUES ('%s', 1, '%s', 'applied', now());
`, n.Name, name)
	return b.String()
}

// column is one line of a CREATE TABLE.
type column struct{ name, typ, comment string }

// table prints the table of e, its indexes and its sequence of versions.
func table(b *strings.Builder, e *schema.Entity) {
	var columns []column
	for _, f := range e.Columns() {
		columns = append(columns, columnsOf(f)...)
	}
	columns = append(columns,
		column{`"prism_record"`, "bytea NOT NULL", ""},
		column{`"prism_version"`, "bigint NOT NULL", ""},
		column{`"prism_release"`, "integer NOT NULL", ""})
	if e.TTL > 0 {
		columns = append(columns, column{`"prism_expires"`, "timestamptz NOT NULL", ""})
	}
	fmt.Fprintf(b, "-- %s\n-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it\n", e.Desc.FullName())
	fmt.Fprintf(b, "CREATE SEQUENCE %s;\nCREATE TABLE %s (\n", quote(e.Table+"_version"), quote(e.Table))
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
	fmt.Fprintf(b, "  PRIMARY KEY (%s)\n);\n", names(e.Key()))
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
}

// columnsOf returns the columns of a field. A time has two: the type stops at
// microseconds.
func columnsOf(f *schema.Field) []column {
	null, comment := "", fmt.Sprintf("field %d", f.Number)
	switch f.Role {
	case schema.Key:
		null, comment = " NOT NULL", comment+", key"
	case schema.Indexed:
		comment += ", indexed"
	}
	columns := []column{{quote(f.Column), sqlTypes[f.Type] + null, comment}}
	if f.Type == schema.Timestamp {
		columns = append(columns, column{quote(f.NanosColumn()), "smallint" + null, fmt.Sprintf("field %d, its nanoseconds below the microsecond", f.Number)})
	}
	return columns
}

var sqlTypes = map[schema.Type]string{
	schema.Text:      `text COLLATE "C"`,
	schema.Int:       "bigint",
	schema.Uint:      "numeric(20,0)",
	schema.Bool:      "boolean",
	schema.Timestamp: "timestamptz",
}

// withKey ends the columns of an index with the key, so that pages of it are
// stable.
func withKey(e *schema.Entity, fields []*schema.Field) []*schema.Field {
	all := slices.Clone(fields)
	for _, k := range e.Key() {
		if !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	return all
}

// quote quotes an identifier. Names were checked; a quote in one is doubled
// all the same.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// columnNames returns the quoted columns of fields.
func columnNames(fields []*schema.Field) []string {
	var list []string
	for _, f := range fields {
		for _, c := range columnsOf(f) {
			list = append(list, c.name)
		}
	}
	return list
}

// names lists the columns of fields.
func names(fields []*schema.Field) string { return strings.Join(columnNames(fields), ", ") }
