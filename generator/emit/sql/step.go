package sql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/storage"
)

// Init is emit.Dialect's.
func (d Dialect) Init(deployment string) string { return fmt.Sprintf(d.Meta, deployment) }

// Own is emit.Dialect's.
func (d Dialect) Own() []string { return slices.Sorted(maps.Keys(d.OwnTables)) }

// Enter is emit.Dialect's.
func (d Dialect) Enter(namespace string, number int, name string) string {
	return fmt.Sprintf(`INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('%s', %d, '%s', 'applied', %s);
`, namespace, number, name, d.Now)
}

// Remove is emit.Dialect's.
func (d Dialect) Remove(namespace string, number int) string {
	return fmt.Sprintf("DELETE FROM \"prism_migrations\" WHERE \"namespace\" = '%s' AND \"number\" = %d;\n", namespace, number)
}

// Begin is emit.Dialect's.
func (d Dialect) Begin(alone bool) string {
	text := d.Catalog
	if alone {
		text = d.Build
	}
	if text != "" {
		text = "\n" + text
	}
	return text
}

// Concurrent is emit.Dialect's.
func (d Dialect) Concurrent() bool { return d.Concurrently }

// Up is emit.Dialect's.
func (d Dialect) Up(s storage.Step) string {
	e := s.Entity
	switch s.Kind {
	case storage.CreateTable:
		return d.table(e)
	case storage.CreateOwn:
		return d.note("Prism's own", "safe", d.lock("none, the table is new"), "yes") + d.OwnTables[s.Own]
	case storage.AddColumn:
		c := e.Column(s.Column)
		var b strings.Builder
		b.WriteString(d.note(field(e, c), "safe", d.catalog(), "yes"))
		for _, column := range d.Columns(*c) {
			fmt.Fprintf(&b, "ALTER TABLE %s ADD COLUMN %s %s%s;\n", Quote(e.Table), Quote(column.Name), column.Type, d.zero(c))
		}
		return b.String()
	case storage.AddExpires:
		return d.note(e.Name+": when a record expires", "safe", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s ADD COLUMN \"prism_expires\" %s NOT NULL DEFAULT %s;\n", Quote(e.Table), d.Expires, d.Never)
	case storage.AddFence:
		if !d.Concurrently {
			return d.note(e.Name, "safe", "none, since one proxy serves the store", "yes")
		}
		return d.note(fmt.Sprintf("%s: no writes of releases before %d", e.Name, s.Fence), "blocking", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (\"prism_release\" >= %d) NOT VALID;\n", Quote(e.Table), fence(e, s.Fence), s.Fence)
	case storage.Fill:
		// Run by hand, it fails with a text that says who can do it.
		return d.note(e.Name+": columns from records", "data-dependent", d.lock("rows, a batch at a time"), "yes") +
			"SELECT * FROM \"only migrate complete of the proxy does this\";\n"
	case storage.CreateIndex:
		x := *e.Index(s.Index)
		class := "safe"
		if x.Unique {
			class = "data-dependent"
		}
		return d.note(index(e, x), class, d.building(), "yes") + d.index(e, x, d.concurrently())
	case storage.IndexExpires:
		return d.note(e.Name+": when a record expires", "safe", d.building(), "yes") + d.expiresIndex(e, d.concurrently())
	case storage.DropIndex:
		return d.note(index(e, *e.Index(s.Index)), "contract", d.building(), "no") +
			fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(s.Index))
	case storage.DropColumn:
		c := e.Column(s.Column)
		var b strings.Builder
		b.WriteString(d.note(field(e, c)+", which records keep", "contract", d.catalog(), "no"))
		for _, column := range d.Columns(*c) {
			fmt.Fprintf(&b, "ALTER TABLE %s DROP COLUMN %s;\n", Quote(e.Table), Quote(column.Name))
		}
		return b.String()
	case storage.DropTable:
		return d.note(e.Name+", and all its records", "destructive", d.catalog(), "no") +
			fmt.Sprintf("DROP TABLE %s;\n", Quote(e.Table)) + strings.ReplaceAll(d.Gone, "%s", e.Table)
	case storage.DropFence:
		if !d.Concurrently {
			return ""
		}
		return d.note(fmt.Sprintf("%s: what the fence of release %d covers", e.Name, e.Fence), "contract", d.catalog(), "no") +
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;\n", Quote(e.Table), fence(e, s.Fence))
	}
	panic(fmt.Sprintf("sql: no step %d", s.Kind))
}

// Down is emit.Dialect's.
func (d Dialect) Down(s storage.Step) string {
	e := s.Entity
	switch s.Kind {
	case storage.CreateTable:
		return d.note(e.Name, "destructive", d.catalog(), "no, its records go with it") +
			fmt.Sprintf("DROP TABLE %s;\n", Quote(e.Table)) + strings.ReplaceAll(d.Gone, "%s", e.Table)
	case storage.AddColumn:
		c := e.Column(s.Column)
		var b strings.Builder
		b.WriteString(d.note(field(e, c)+", which records keep", "safe", d.catalog(), "yes"))
		for _, column := range slices.Backward(d.Columns(*c)) {
			fmt.Fprintf(&b, "ALTER TABLE %s DROP COLUMN %s;\n", Quote(e.Table), Quote(column.Name))
		}
		return b.String()
	case storage.AddExpires:
		return d.note(e.Name+": when a record expires", "destructive", d.catalog(), "no, when records expire goes with it") +
			fmt.Sprintf("ALTER TABLE %s DROP COLUMN \"prism_expires\";\n", Quote(e.Table))
	case storage.IndexExpires:
		return d.note(e.Name+": when a record expires", "safe", d.building(), "yes") +
			fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(e.Table+"_expires"))
	case storage.AddFence:
		if !d.Concurrently {
			return ""
		}
		return d.note(fmt.Sprintf("%s: writes of releases before %d again", e.Name, s.Fence), "safe", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;\n", Quote(e.Table), fence(e, s.Fence))
	case storage.CreateIndex:
		return d.note(index(e, *e.Index(s.Index)), "safe", d.building(), "yes") + fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(s.Index))
	}
	return ""
}

// note is what reviewers read above a statement.
func (d Dialect) note(what, class, lock, reversible string) string {
	return fmt.Sprintf("-- %s\n-- class: %s · lock: %s · reversible: %s\n", what, class, lock, reversible)
}

// lock is what a store with several proxies locks; another one's proxy waits for no
// other.
func (d Dialect) lock(what string) string {
	if d.Concurrently {
		return what
	}
	return "the store, which one proxy serves"
}

func (d Dialect) catalog() string { return d.lock("ACCESS EXCLUSIVE, catalog only") }

func (d Dialect) building() string {
	return d.lock("SHARE UPDATE EXCLUSIVE, stops no read and no write, waits for transactions")
}

func (d Dialect) concurrently() string {
	if d.Concurrently {
		return "CONCURRENTLY "
	}
	return ""
}

// zero is the default of a column that is the zero value where a field is absent, so
// that rows of before need no write.
func (d Dialect) zero(c *storage.Column) string {
	if zero := d.Zeros[c.Kind.Type()]; zero != "" && !c.Presence {
		return " DEFAULT " + zero
	}
	return ""
}

func field(e *storage.Entity, c *storage.Column) string {
	return fmt.Sprintf("%s, field %d", e.Name, c.Field)
}

func index(e *storage.Entity, x storage.Index) string {
	var fields []string
	for _, name := range x.Columns {
		fields = append(fields, fmt.Sprint(e.Column(name).Field))
	}
	word := "field "
	if len(fields) > 1 {
		word = "fields "
	}
	return fmt.Sprintf("%s, index of %s%s", e.Name, word, strings.Join(fields, ", "))
}

func fence(e *storage.Entity, release int) string {
	return Quote(fmt.Sprintf("%s_fence_%d", e.Table, release))
}
