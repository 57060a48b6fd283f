package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/diff"
	"github.com/prism-proxy/prism/generator/plan"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// title says how much has changed.
func (c *compared) title() string {
	name, files := c.Deployment.Name, count(len(c.Files), "migration")
	switch {
	case c.Closed:
		return fmt.Sprintf("%s: no change since release %d", name, c.Release)
	case c.Release == 0:
		return fmt.Sprintf("%s: nothing is released yet; release 1 will have %s, %s and %s", name,
			plural(len(c.Deployment.Entities()), "entity", "entities"), count(len(c.Deployment.Namespaces), "namespace"), files)
	case len(c.Changes) == 0:
		return fmt.Sprintf("%s: changes since release %d, of nothing that a store, a record or a client has; generate writes no migration", name, c.Release)
	}
	return fmt.Sprintf("%s: %s since release %d; generate writes %s", name, count(len(c.Changes), "change"), c.Release, files)
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func diffText(w io.Writer, d *compared) error {
	var b strings.Builder
	b.WriteString(d.title() + "\n")
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "%s %s\n", placeText(c.Source), c.What)
		if d.Release == 0 {
			continue
		}
		line := func(name, text string) { fmt.Fprintf(&b, "  %-9s %s\n", name, text) }
		line("store", store(c))
		steps(c, line)
		line("beside", strings.ReplaceAll(c.SideBySide, "; ", ";\n            "))
		line("undo", c.Undo)
		line("lost", c.Lost)
		line("records", c.Records+" · contract: "+c.Contract)
	}
	for _, f := range d.Findings {
		b.WriteString(findingText(f) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// store sums up what a store does for a change.
func store(c diff.Change) string {
	if len(c.Steps) == 0 {
		if c.Class == "safe" {
			return "nothing"
		}
		return c.Class
	}
	text := c.Class
	if c.Rows != nil {
		text += ": reads " + rowsText(*c.Rows)
	}
	if slices.ContainsFunc(c.Steps, func(s diff.Step) bool { return s.Fills }) {
		text += ", writes those that differ"
	}
	if len(c.Refuses) > 0 {
		text += ", refuses " + strings.Join(c.Refuses, " and ") + " values"
	}
	return text
}

func rowsText(r diff.Rows) string {
	if r.Declared == nil {
		return "all rows (how many is not declared)"
	}
	return plan.Grouped(*r.Declared) + " rows (declared)"
}

// when says at which time of a rollout the files of a phase run.
func when(p storage.Phase) string {
	switch p {
	case storage.PhaseExpand:
		return "before"
	case storage.PhaseContract:
		return "later"
	}
	return "after"
}

// steps prints the statements of a change below each other.
func steps(c diff.Change, line func(name, text string)) {
	fileWidth, statementWidth := 0, 0
	for _, s := range c.Steps {
		fileWidth = max(fileWidth, len(diff.FileName(s.File)))
		statementWidth = max(statementWidth, len([]rune(short(s))))
	}
	last := ""
	for _, s := range c.Steps {
		name := when(s.Phase)
		if name == last {
			name = ""
		}
		last = when(s.Phase)
		line(name, fmt.Sprintf("%-*s  %-*s  %s", fileWidth, diff.FileName(s.File), statementWidth, short(s), locks(s)))
	}
}

// locks says what a statement locks, rewrites and scans.
func locks(s diff.Step) string {
	text := s.Lock
	if s.Rewrite != "" {
		text += " · rewrite: " + s.Rewrite
	}
	if s.Scan != "" {
		text += " · scan: " + s.Scan
	}
	return text
}

// short is a statement without the table that it is about, which the file's name has.
func short(s diff.Step) string {
	text := s.Statement
	if rest, ok := strings.CutPrefix(text, "ALTER TABLE "); ok {
		_, text, _ = strings.Cut(rest, " ")
	}
	if rest, ok := strings.CutPrefix(text, "ADD CONSTRAINT "); ok {
		_, text, _ = strings.Cut(rest, " ")
	}
	for _, end := range []string{" (", " ON "} {
		if strings.HasPrefix(text, "CREATE ") {
			text, _, _ = strings.Cut(text, end)
		}
	}
	return text
}

func findingText(f compat.Finding) string {
	text := f.Diagnostic.String()
	switch {
	case f.Acknowledged != "":
		text += " (acknowledged: " + f.Acknowledged + ")"
	case f.Severity == schema.Warning:
		text += " (warning)"
	}
	return text
}

func diffMarkdown(w io.Writer, d *compared) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n", markdown(d.title()))
	if len(d.Changes) > 0 && d.Release == 0 {
		b.WriteString("\n")
	}
	if len(d.Changes) > 0 && d.Release > 0 {
		b.WriteString("\n| change | store | beside | undo | lost | records and clients |\n| --- | --- | --- | --- | --- | --- |\n")
	}
	for _, c := range d.Changes {
		if d.Release == 0 {
			fmt.Fprintf(&b, "- %s, `%s`\n", markdown(c.What), placeText(c.Source))
			continue
		}
		cells := []string{
			markdown(c.What) + "<br>`" + placeText(c.Source) + "`",
			markdown(store(c)), markdown(c.SideBySide), markdown(c.Undo), markdown(c.Lost),
			markdown(c.Records + "; contract: " + c.Contract),
		}
		for _, s := range c.Steps {
			cells[1] += fmt.Sprintf("<br>%s: `%s` `%s`, %s", when(s.Phase), diff.FileName(s.File), short(s), markdown(locks(s)))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(d.Findings) > 0 {
		b.WriteString("\nFindings:\n\n")
	}
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "- %s\n", markdown(findingText(f)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown takes from a text what markdown, or a table of it, would read.
func markdown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "`", "\\`", "*", "\\*", "[", "\\[", "]", "\\]").Replace(text)
}
