package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/diff"
	"github.com/prism-proxy/prism/generator/schema"
)

func newDiff() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "diff [prism.yaml...]",
		Short: "Show each change since the last release, and write nothing",
		Long: `Diff compares deployments with their last releases. For each change it prints its
place, the statements that a store needs for it, in the migrations that generate
writes, with what they lock; who serves beside it while it is rolled out; how it
is undone, and what is lost; and what it means for records and clients of before.
A migration that several changes need is shown with each. Statements "before" run
ahead of the rollout (migrate up), those "after" behind it (migrate complete),
those "later" when nobody goes back (migrate complete --contract). Numbers of rows
are those that capacity declares. Before the first release it lists what that will
have.

With -o markdown it prints a table for a pull request, with -o json an object for
each deployment, with the members release, changes, files and findings.

Exit codes: 0; 1 if a finding must stop a release, or the schema or a file is at
fault.`,
		Example: `  prism diff
  prism diff schemas/shop
  prism diff -o markdown schemas/shop   # in CI: a comment of a pull request
  prism diff -o json | jq -r '.changes[] | select(.class != "safe") | .what'`,
		ValidArgsFunction: completeConfigs,
	}
	outputFlag(cmd, &output, "text", "markdown", "json")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		outputs, err := compileClean(cmd, args, generator.Command{Unjudged: true})
		if err != nil {
			return err
		}
		show := map[string]func(io.Writer, *compared) error{"text": diffText, "markdown": diffMarkdown, "json": diffJSON}[output]
		blocks := false
		for i, c := range outputs {
			d, err := c.compare()
			if err != nil {
				return err
			}
			if i > 0 && output != "json" {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			if err := show(cmd.OutOrStdout(), d); err != nil {
				return err
			}
			blocks = blocks || d.Blocks()
		}
		if blocks {
			return errFaults
		}
		return nil
	})
	return cmd
}

// compared is a deployment and what has changed of it, with places as they are shown.
type compared struct {
	*compiled
	*diff.Diff
}

func (c *compiled) compare() (*compared, error) {
	d, err := diff.Since(c.Deployment, backends.All(), c.Plan, c.Output.Findings)
	if err != nil {
		return nil, err
	}
	for i := range d.Changes {
		d.Changes[i].Source.File = c.shownFile(d.Changes[i].Source.File)
		for j := range d.Changes[i].Steps {
			s := &d.Changes[i].Steps[j]
			s.File = c.shownFile(s.File)
		}
	}
	for i := range d.Files {
		d.Files[i] = c.shownFile(d.Files[i])
	}
	for i := range d.Findings {
		d.Findings[i].File = c.shownFile(d.Findings[i].File)
	}
	return &compared{c, d}, nil
}

// shownFile is shown for one file.
func (d deployment) shownFile(file string) string {
	return d.shown([]schema.Diagnostic{{File: file}})[0].File
}

// placeText returns a place as diagnostics have it.
func placeText(s schema.Source) string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
}

// finding is one element of findings in the output of diff -o json.
type finding struct {
	diagnostic
	Entity       string  `json:"entity"`
	Field        []int32 `json:"field"`
	Release      int     `json:"release"`      // that it is found against; 0: an acknowledgement is stale
	Acknowledged string  `json:"acknowledged"` // the reason; "": it is not
	Blocks       bool    `json:"blocks"`
}

func findingOf(f compat.Finding) finding {
	return finding{
		diagnostic: diagnosticOf(f.Diagnostic), Entity: f.Entity, Field: append([]int32{}, f.Field...),
		Release: f.Release, Acknowledged: f.Acknowledged, Blocks: f.Blocks(),
	}
}

func diffJSON(w io.Writer, d *compared) error {
	type change struct {
		Place string `json:"place"`
		diff.Change
	}
	changes := []change{}
	for _, c := range d.Changes {
		changes = append(changes, change{placeText(c.Source), c})
	}
	findings := []finding{}
	for _, f := range d.Findings {
		findings = append(findings, findingOf(f))
	}
	return encode(w, struct {
		Release  int       `json:"release"`
		Changes  []change  `json:"changes"`
		Files    []string  `json:"files"`
		Findings []finding `json:"findings"`
	}{d.Release, changes, d.Files, findings})
}
