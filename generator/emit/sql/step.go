package sql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/storage"
)

// Init is emit.Dialect's.
func (d Dialect) Init(deployment string) string { return fmt.Sprintf(d.Meta, deployment) }

// Own is emit.Dialect's.
func (d Dialect) Own() []string { return slices.Sorted(maps.Keys(d.OwnTables)) }

// Enter is emit.Dialect's.
func (d Dialect) Enter(namespace string, number int, name string, steps []storage.Step) string {
	values := fmt.Sprintf("'%s', %d, '%s', 'applied', %s", namespace, number, name, d.Now)
	if d.Concurrently && len(steps) > 0 && steps[0].Alone() {
		// By hand no transaction keeps this from running behind a statement that failed.
		done := d.Built
		if steps[0].Kind == storage.DropIndex {
			done = d.Absent
		}
		values = fmt.Sprintf("SELECT %s\nWHERE %s", values, fmt.Sprintf(done, Quote(steps[0].Subject())))
	} else {
		values = fmt.Sprintf("VALUES (%s)", values)
	}
	return fmt.Sprintf("INSERT INTO \"prism_migrations\" (\"namespace\", \"number\", \"name\", \"state\", \"applied_at\")\n%s;\n", values)
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

// Unending is emit.Dialect's.
func (d Dialect) Unending() string { return "\n" + d.Unended }

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
		now, zero := "NULL", d.zero(c)
		if zero != "" {
			now = "the zero value"
		}
		var b strings.Builder
		b.WriteString(d.note(field(e, c)+": its column, with "+now+" in rows that exist until it is filled", "safe", d.catalog(), "yes"))
		for _, column := range d.Columns(*c) {
			fmt.Fprintf(&b, "ALTER TABLE %s ADD COLUMN %s %s%s;\n", Quote(e.Table), Quote(column.Name), column.Type, zero)
		}
		return b.String()
	case storage.AddExpires:
		return d.note(e.Name+": when a record expires, which is never until it is filled", "safe", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s ADD COLUMN \"prism_expires\" %s NOT NULL DEFAULT %s;\n", Quote(e.Table), d.Expires, d.Never)
	case storage.AddFence:
		if !d.Concurrently {
			return d.note(e.Name+": no fence, since the only proxy of the store is of this release", "safe", "none", "yes")
		}
		return d.note(fmt.Sprintf("%s: from here on, writes of releases before %d are refused", e.Name, s.Fence), "blocking", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (\"prism_release\" >= %d) NOT VALID;\n", Quote(e.Table), fence(e, s.Fence), s.Fence)
	case storage.Fill:
		return d.fill(e)
	case storage.CreateIndex:
		x := *e.Index(s.Index)
		what, class := index(e, x), "safe"
		if x.Unique {
			what, class = what+"; fails if records share a value", "data-dependent"
		}
		return d.note(what, class, d.building(), "yes") + d.index(e, x, d.concurrently())
	case storage.IndexExpires:
		return d.note(e.Name+", index of when a record expires", "safe", d.building(), "yes") + d.expiresIndex(e, d.concurrently())
	case storage.DropIndex:
		return d.note(index(e, *e.Index(s.Index))+", which no release serves any more", "contract", d.unindexing(), "no") +
			fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(s.Index))
	case storage.DropColumn:
		c := e.Column(s.Column)
		return d.note(field(e, c)+": its column, which no release reads any more; records keep its values", "contract", d.dropping(), "no") + d.drop(e, c)
	case storage.DropTable:
		return d.note(e.Name+": its table, and all its records", "destructive", d.catalog(), "no") +
			fmt.Sprintf("DROP TABLE %s;\n", Quote(e.Table)) + strings.ReplaceAll(d.Gone, "%s", e.Table)
	case storage.DropFence:
		if !d.Concurrently {
			return ""
		}
		return d.note(fmt.Sprintf("%s: the fence of release %d, behind that of a later one", e.Name, s.Fence), "contract", d.catalog(), "no") +
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;\n", Quote(e.Table), fence(e, s.Fence))
	}
	panic(fmt.Sprintf("sql: no step %d", s.Kind))
}

// fill returns what people read of a fill, which no SQL can do, and what fails with a
// text that says who can.
func (d Dialect) fill(e *storage.Entity) string {
	what, class, reversible := "columns from records", "data-dependent", "yes"
	if x := e.Expires; x != nil && x.Since == e.Release && x.Since > e.Since {
		switch x.State {
		case storage.Live:
			what, class, reversible = what+"; a record expires when the ttl has passed from now", "destructive", "lossy, what has expired is gone"
		case storage.Kept:
			what += "; no record expires any more"
		}
	}
	lock := d.lock("rows, a batch at a time") + " · rewrite: rows that differ · scan: the table"
	return d.note(e.Name+": "+what, class, lock, reversible) + "SELECT * FROM \"only migrate complete of the proxy does this\";\n"
}

// drop returns the statements that drop the column of a field's, or both.
func (d Dialect) drop(e *storage.Entity, c *storage.Column) string {
	var b strings.Builder
	for _, column := range slices.Backward(d.Columns(*c)) {
		fmt.Fprintf(&b, "ALTER TABLE %s DROP COLUMN %s;\n", Quote(e.Table), Quote(column.Name))
	}
	return b.String()
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
		return d.note(field(e, c)+": its column; records keep its values", "safe", d.dropping(), "yes") + d.drop(e, c)
	case storage.AddExpires:
		return d.note(e.Name+": when a record expires", "destructive", d.dropping(), "no, when records expire goes with it") +
			fmt.Sprintf("ALTER TABLE %s DROP COLUMN \"prism_expires\";\n", Quote(e.Table))
	case storage.IndexExpires:
		return d.note(e.Name+", index of when a record expires", "safe", d.unindexing(), "yes") +
			fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(e.Table+"_expires"))
	case storage.AddFence:
		if !d.Concurrently {
			return ""
		}
		return d.note(fmt.Sprintf("%s: from here on, writes of releases before %d are taken again", e.Name, s.Fence), "safe", d.catalog(), "yes") +
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;\n", Quote(e.Table), fence(e, s.Fence))
	case storage.Fill:
		return fmt.Sprintf("-- %s: columns stay as they are\n", e.Name)
	case storage.CreateIndex:
		return d.note(index(e, *e.Index(s.Index)), "safe", d.unindexing(), "yes") + fmt.Sprintf("DROP INDEX %s%s;\n", d.concurrently(), Quote(s.Index))
	}
	return ""
}

// note is what reviewers read above a statement. Behind the lock stands what the
// statement rewrites and scans.
func (d Dialect) note(what, class, lock, reversible string) string {
	return emit.Note{What: what, Class: class, Lock: lock, Reversible: reversible}.String()
}

// lock is what a store with several proxies locks; another one's proxy waits for no
// other. What the server of the first locks, reads and rewrites, a test measures.
func (d Dialect) lock(what string) string {
	if d.Concurrently {
		return what
	}
	return whole
}

const (
	whole   = "the store, which one proxy serves"
	beside  = "SHARE UPDATE EXCLUSIVE, beside reads and writes, waits for transactions"
	nothing = " · rewrite or scan: none"
)

func (d Dialect) catalog() string { return d.lock("ACCESS EXCLUSIVE, for a moment") + nothing }

func (d Dialect) building() string {
	if !d.Concurrently {
		return whole + " · scan: the table"
	}
	return beside + " · scan: the table, twice"
}

func (d Dialect) unindexing() string {
	if !d.Concurrently {
		return d.catalog()
	}
	return beside + nothing
}

func (d Dialect) dropping() string {
	if !d.Concurrently {
		return whole + " · rewrite: the table"
	}
	return d.catalog()
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
	what, word := "index", "field"
	if x.Unique {
		what = "unique index"
	}
	if len(fields) > 1 {
		word = "fields"
	}
	return fmt.Sprintf("%s, %s of %s %s", e.Name, what, word, strings.Join(fields, ", "))
}

func fence(e *storage.Entity, release int) string {
	return Quote(fmt.Sprintf("%s_fence_%d", e.Table, release))
}
