package diff

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// effects says what a change means, once its steps are known.
func (b *builder) effects(s subject, c *change, findings []compat.Finding) {
	e := b.now[s.entity]
	c.Rows = b.rows(e, c)
	c.SideBySide, c.Undo = b.beside(s, c), b.undo(c)
	if c.Lost = c.loses; c.Lost == "" {
		c.Lost = "nothing"
	}
	c.Records = b.records(e, c, findings)
	slices.Sort(c.contract)
	c.Contract = "as before"
	if c.contract = slices.Compact(c.contract); len(c.contract) > 0 {
		c.Contract = strings.Join(c.contract, "; ")
	}
}

// rows returns how many rows the steps read.
func (b *builder) rows(e *schema.Entity, c *change) *Rows {
	if e == nil || !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Rewrite != "" || s.Scan != "" }) {
		return nil
	}
	if e.Capacity.Records == 0 {
		return &Rows{}
	}
	n := e.Capacity.Records
	return &Rows{&n}
}

// beside says who serves while the change is rolled out.
func (b *builder) beside(s subject, c *change) string {
	before, now := b.deployment.Release-1, b.deployment.Release
	if before == 0 {
		return "nothing serves yet"
	}
	name := s.namespace
	for _, e := range b.open.Entities { // also those that are gone
		if e.Name == s.entity {
			name = e.Namespace
		}
	}
	n := b.open.Namespace(name)
	if n == nil {
		n = b.closed.Namespace(name)
	}
	dialect := b.backends[n.Backend].Dialect
	switch {
	case b.volatile(n):
		return "every proxy has records of its own, and loses them when it stops"
	case dialect != nil && !dialect.Concurrent():
		return fmt.Sprintf("one proxy serves the store: release %d stops before release %d starts", before, now)
	}
	text := fmt.Sprintf("release %d serves beside release %d", before, now)
	if c.kinds[storage.AddFence] {
		text = fmt.Sprintf("release %d serves on until the fence; then its writes are refused (RELEASE_FENCED)", before)
	}
	if i := slices.IndexFunc(c.Steps, func(s Step) bool { return s.Phase == storage.PhaseIndex }); i >= 0 && c.builds != "" {
		text += fmt.Sprintf("; %s answers INDEX_BUILDING until %s", c.builds, FileName(c.Steps[i].File))
	}
	if c.kinds[storage.AddExpires] {
		text += "; no record expires before the fill"
	}
	if c.keeps != "" {
		text += "; " + c.keeps
	}
	return text
}

// FileName is a migration's, as commands show it: 0002_carts_expand.
func FileName(file string) string { return strings.TrimSuffix(path.Base(file), ".up.sql") }

// undo says how one goes back.
func (b *builder) undo(c *change) string {
	before := b.deployment.Release - 1
	switch {
	case before == 0:
		return "nothing to go back to"
	case len(c.Steps) == 0:
		return fmt.Sprintf("deploy release %d again", before)
	case !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Phase != storage.PhaseContract }):
		return fmt.Sprintf("deploy release %d again; not behind migrate complete --contract", before)
	case c.kinds[storage.CreateTable]:
		return fmt.Sprintf("migrate down --to %d; records of the new table go with it", before)
	case c.kinds[storage.AddExpires]:
		return fmt.Sprintf("migrate down --to %d; records that have expired are gone", before)
	}
	text := fmt.Sprintf("migrate down --to %d, nothing is lost", before)
	if slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Phase == storage.PhaseContract }) {
		text += "; not behind migrate complete --contract"
	}
	return text
}

// records says what the change means for records and clients of before.
func (b *builder) records(e *schema.Entity, c *change, findings []compat.Finding) string {
	if e == nil || b.before(e) == nil {
		return "as before"
	}
	var found []string
	for _, f := range findings {
		if f.Entity != c.Entity || !slices.Equal(f.Field, c.Field) {
			continue
		}
		word := "not compatible, " + f.Slug
		switch {
		case f.Acknowledged != "":
			word = f.Slug + ", acknowledged: " + f.Acknowledged
		case f.Severity == schema.Warning:
			word = f.Slug + " (warning)"
		}
		if !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	if len(found) > 0 {
		return strings.Join(found, "; ")
	}
	switch {
	case !e.Compatibility.Promised():
		return "nothing is promised (NONE)"
	case e.Compatibility.Transitive && b.deployment.Release > 2:
		return fmt.Sprintf("compatible (%s, against releases 1 to %d)", e.Compatibility, b.deployment.Release-1)
	}
	return fmt.Sprintf("compatible (%s, against release %d)", e.Compatibility, b.deployment.Release-1)
}
