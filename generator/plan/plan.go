// Package plan emits plan.md: what the compiler decided for a deployment and
// why, in the words that a reviewer approves. Every figure stands there as
// value = formula(inputs).
package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Emit returns out/<deployment>/plan.md, and beside it a page of each namespace in
// plan/. Every backend that d names is in backends.
func Emit(d *schema.Deployment, backends map[string]*emit.Backend) []emit.File {
	p := &page{}
	p.add("<!--%s -->\n\n# Plan of %s\n", strings.TrimPrefix(golang.Header, "//"), d.Name)
	p.add("Compiled from `%s` in module `%s`. Serves %s on `%s`.\n", path.Join(d.Dir, "prism.yaml"), d.ImportPath, code(d.Packages), d.Listen)
	p.memory(d)
	p.namespaces(d)
	p.personal(d, backends)
	p.limits()
	dir := path.Join("out", d.Name)
	files := []emit.File{{Path: path.Join(dir, "plan.md"), Content: []byte(p.text.String())}}
	for _, n := range d.Namespaces {
		p := &page{}
		p.add("<!--%s -->\n", strings.TrimPrefix(golang.Header, "//"))
		p.namespace(n, backends[n.Backend])
		files = append(files, emit.File{Path: path.Join(dir, "plan", n.Name+".md"), Content: []byte(p.text.String())})
	}
	return files
}

// namespaces adds what there is in each namespace, and where its page is.
func (p *page) namespaces(d *schema.Deployment) {
	var rows [][]string
	for _, n := range d.Namespaces {
		var entities []string
		for _, e := range n.Entities {
			entities = append(entities, e.Name)
		}
		rows = append(rows, []string{fmt.Sprintf("[%s](plan/%s.md)", n.Name, n.Name), n.Backend, strings.Join(entities, ", ")})
	}
	p.add("## Namespaces\n")
	p.table([]string{"namespace", "backend", "entities"}, rows)
}

type page struct{ text strings.Builder }

func (p *page) add(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// table adds a table; it needs at least one row.
func (p *page) table(head []string, rows [][]string) {
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	for _, row := range append([][]string{head, rule}, rows...) {
		for i, cell := range row {
			row[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		p.add("| %s |", strings.Join(row, " | "))
	}
	p.add("")
}

// code joins names, each set as code.
func code(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + n + "`"
	}
	return strings.Join(quoted, ", ")
}

// memory adds how the memory of connections and calls came about, and what it is
// divided into.
func (p *page) memory(d *schema.Deployment) {
	memory := d.Memory()
	size := fmt.Sprintf("%d MiB", memory.Value>>20)
	p.add("## Memory\n")
	p.table([]string{"of connections and calls", "value = formula"}, [][]string{
		{"memory", fmt.Sprintf("`%s` = %s", size, memory.Formula)},
		{"connections", fmt.Sprintf("`%d` = %s / 4 / %d KiB each", schema.Connections(memory.Value), size, schema.ConnectionCost>>10)},
		{"requests and answers of calls", fmt.Sprintf("`%d MiB` = %s × 3/4, each call with %d KiB besides; the last eighth is for calls that hold less than 96 KiB", memory.Value/4*3>>20, size, schema.CallCost>>10)},
	})
	p.add("Not in it: what a store keeps, the program itself, and what the garbage collector has yet to find. A process takes up to about twice as much and 64 MiB, and a store's memory.\n")
}

func (p *page) namespace(n *schema.Namespace, b *emit.Backend) {
	p.add("# Namespace %s on %s\n", n.Name, n.Backend)
	p.add("An acknowledged write is %s: that is what %s promises with these settings.\n", b.Durability(n.Config), n.Backend)
	var rows [][]string
	if b.Settings != nil {
		for _, s := range b.Settings(n) {
			rows = append(rows, []string{s.Field, fmt.Sprintf("`%s` = %s", s.Value, s.Formula)})
		}
	}
	if bound := n.InFlight(); bound.Value > 0 {
		rows = append(rows, []string{"calls at a time", fmt.Sprintf("`%d` = %s", bound.Value, bound.Formula)})
	}
	if len(rows) > 0 {
		p.table([]string{"setting", "value = formula"}, rows)
	}
	for _, e := range n.Entities {
		p.entity(e, b.Columns)
	}
}

func (p *page) entity(e *schema.Entity, sql bool) {
	p.add("## %s\n", e.Name)
	p.add("`%s`, %s. Table `%s`. %s %s\n", e.Desc.FullName(), e.Source.File, e.Table, durability(e.Durability), life(e))

	var rows [][]string
	for _, f := range e.Stored(sql) {
		rows = append(rows, []string{"`" + f.Column + "`", fmt.Sprint(f.Number), kind(f), why(e, f)})
	}
	p.table([]string{"column", "field", "holds", "because"}, rows)

	access[e.Abstraction](p, e)

	rows = nil
	for _, f := range figures(e, sql) {
		rows = append(rows, []string{f.name, f.value + " = " + f.formula})
	}
	if len(rows) == 0 {
		p.add("No capacity is declared, and so nothing is computed from it.\n")
	} else {
		p.table([]string{"size", "value = formula"}, rows)
	}
	p.rates(e)
}

// rates adds the limits of the methods, those that have the same together.
func (p *page) rates(e *schema.Entity) {
	var limits []schema.Limit
	methods := map[schema.Limit][]string{}
	for _, m := range e.Service.Methods {
		limit := e.Rate(m)
		if limit.Value == 0 {
			continue
		}
		if methods[limit] == nil {
			limits = append(limits, limit)
		}
		methods[limit] = append(methods[limit], m.Name)
	}
	var rows [][]string
	for _, limit := range limits {
		rows = append(rows, []string{code(methods[limit]), fmt.Sprintf("`%d` = %s", limit.Value, limit.Formula)})
	}
	if len(rows) > 0 {
		p.table([]string{"rate limit per method, in calls per second (burst: a quarter of it, at least 5)", "value = formula"}, rows)
	}
}

func durability(d schema.Durability) string {
	if d == schema.AnyDurability {
		return "No durability is declared."
	}
	return "Declared " + d.String() + "."
}

func life(e *schema.Entity) string {
	if e.TTL == 0 {
		return "Records live until they are deleted."
	}
	return fmt.Sprintf("Records live for %s after their last write.", e.Lifetime())
}

// kind says what a column holds.
func kind(f *schema.Field) string {
	words := [...]string{schema.Text: "text", schema.Int: "integer", schema.Uint: "unsigned integer", schema.Bool: "bool", schema.Timestamp: "time", schema.Bytes: "bytes", schema.Float: "number"}
	text := words[f.Type]
	if (f.Type == schema.Text || f.Type == schema.Bytes) && f.MaxLength > 0 {
		text += fmt.Sprintf(", at most %d bytes", f.MaxLength)
	}
	if f.Desc.Enum() != nil {
		text = "enum, by number"
	}
	return text
}

// why says what a field has a column for.
func why(e *schema.Entity, f *schema.Field) string {
	var reasons []string
	if i := slices.Index(e.Partition, f); i >= 0 {
		reasons = append(reasons, fmt.Sprintf("partition key %d", i+1))
	}
	if i := slices.Index(e.Sort, f); i >= 0 {
		reasons = append(reasons, fmt.Sprintf("sort key %d", i+1))
	}
	if found := indexes(e, f); len(found) > 0 {
		reasons = append(reasons, "index "+strings.Join(found, ", "))
	}
	if f.Role == schema.Marked {
		reasons = append(reasons, "marked, for people who query")
	}
	if f.Role == schema.Kept {
		reasons = append(reasons, "kept, for proxies of the release before")
	}
	return strings.Join(reasons, "; ")
}

// indexes returns the names of the indexes that f is declared in.
func indexes(e *schema.Entity, f *schema.Field) []string {
	var found []string
	for _, x := range e.Indexes {
		if slices.Contains(x.Fields(), f) {
			found = append(found, x.Name)
		}
	}
	return found
}

func names(fields []*schema.Field) []string {
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = f.Column
	}
	return columns
}

// personal adds the inventory of personal data.
func (p *page) personal(d *schema.Deployment, backends map[string]*emit.Backend) {
	p.add("## Personal data\n")
	var rows [][]string
	for _, e := range d.Entities() {
		stored := e.Stored(backends[e.Namespace.Backend].Columns)
		for _, row := range e.Personal {
			rows = append(rows, []string{string(e.Desc.FullName()), "`" + row.Path + "`", string(row.Category), row.Protection, stands(e, stored, row)})
		}
	}
	if len(rows) == 0 {
		p.add("None is declared.\n")
		return
	}
	p.table([]string{"entity", "field", "category", "protection", "stands in"}, rows)
	p.add("MASK keeps a value out of logs and recordings. In the store it is in the clear.\n")
}

// stands says where a personal value is stored, beside the record a field
// below the top level nowhere.
func stands(e *schema.Entity, stored []*schema.Field, row schema.Personal) string {
	places := []string{"record"}
	for _, f := range stored {
		if f.Name == row.Path {
			places = append(places, "column `"+f.Column+"`")
			for _, name := range indexes(e, f) {
				places = append(places, "index "+name)
			}
		}
	}
	return strings.Join(places, ", ")
}
