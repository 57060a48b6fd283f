package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
)

func newExplain() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "explain [diagnostic]",
		Short: "Explain a diagnostic, with a bad and a good example",
		Long: `Explain shows the rule behind a diagnostic. Without an argument it lists all
rules. With -o markdown it prints all rules and their examples, as in
docs/diagnostics.md.`,
		Example: `  prism explain PRISM2010
  prism explain key.missing
  prism explain`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case output != "text" && output != "markdown":
				return fmt.Errorf("--output is %q; write text or markdown", output)
			case output == "markdown":
				return cobra.NoArgs(cmd, args)
			case len(args) == 1:
				if _, ok := findRule(args[0]); !ok {
					return fmt.Errorf("no diagnostic is named %q; prism explain lists all", args[0])
				}
				return nil
			}
			return cobra.MaximumNArgs(1)(cmd, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var numbers []string
			for _, r := range schema.Rules() {
				numbers = append(numbers, cobra.CompletionWithDesc(code(r.Number), r.Slug))
			}
			return numbers, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if output == "markdown" {
				_, err := io.WriteString(cmd.OutOrStdout(), document())
				return err
			}
			if len(args) == 0 {
				return listRules(cmd.OutOrStdout())
			}
			rule, _ := findRule(args[0])
			bad, good := rule.Examples()
			guide := rule.Guide()
			if guide != "" {
				guide = "\n" + guide
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s [%s] (%s)\n\nThe rule: %s.\n\nBad:\n\n%s\nGood:\n\n%s%s",
				code(rule.Number), rule.Slug, rule.Severity, rule.Text, indent(bad), indent(good), guide)
			return err
		}),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or markdown")
	return cmd
}

// document returns docs/diagnostics.md.
func document() string {
	var b strings.Builder
	b.WriteString(`# Diagnostics

<!-- Written by prism explain -o markdown; make generate keeps it. -->

What the compiler says of a schema or of prism.yaml has the form

    file:line:column: PRISM2010 [key.missing] what is wrong; the rule; what to write instead

All is said at once. The column is exact in the CLI and with buf; protoc knows the statement only. An error lets nothing be written, a warning stops nothing. A number is never given again. Faults that the protobuf language itself has found are PRISM5008.

Below each rule is what mends an example of its fault, as a change; ` + "`prism explain PRISM2010`" + ` prints both whole.
`)
	for _, r := range schema.Rules() {
		bad, good := r.Examples()
		fmt.Fprintf(&b, "\n## %s %s\n\n%s: %s.\n\n```diff\n%s```\n",
			code(r.Number), r.Slug, strings.ToUpper(r.Severity.String()[:1])+r.Severity.String()[1:], r.Text, change(shown(bad), shown(good)))
		if r.Guide() != "" {
			b.WriteString("\nTo go on all the same: [moving, renaming and removing](moving.md).\n")
		}
	}
	return b.String()
}

// change returns the change from bad to good as a diff: what differs, and a few
// lines around it.
func change(bad, good string) string {
	const around = 2
	lines := difference(strings.Split(strings.TrimSuffix(bad, "\n"), "\n"), strings.Split(strings.TrimSuffix(good, "\n"), "\n"))
	differs := func(line string) bool { return line[0] != ' ' }
	var b strings.Builder
	for i, line := range lines {
		if slices.ContainsFunc(lines[max(0, i-around):min(len(lines), i+around+1)], differs) {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

// difference returns the lines of both texts, those of before only with a minus and
// those of after only with a plus. The longest part that both have divides them.
func difference(before, after []string) []string {
	var from, to, n int
	for i := range before {
		for j := range after {
			k := 0
			for i+k < len(before) && j+k < len(after) && before[i+k] == after[j+k] {
				k++
			}
			if k > n {
				from, to, n = i, j, k
			}
		}
	}
	if n == 0 {
		return append(marked("-", before), marked("+", after)...)
	}
	return slices.Concat(difference(before[:from], after[:to]), marked(" ", before[from:from+n]), difference(before[from+n:], after[to+n:]))
}

func marked(mark string, lines []string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = mark + line
	}
	return all
}

// findRule returns the rule with a name such as PRISM2010, 2010 or key.missing.
func findRule(name string) (schema.Rule, bool) {
	for _, r := range schema.Rules() {
		if strings.EqualFold(name, code(r.Number)) || name == fmt.Sprint(r.Number) || name == r.Slug {
			return r, true
		}
	}
	return schema.Rule{}, false
}

func listRules(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range schema.Rules() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", code(r.Number), r.Slug, r.Text)
	}
	return t.Flush()
}

// indent indents the lines of text and makes invisible characters visible.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(shown(text)) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// shown is text with invisible characters made visible.
func shown(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.Is(unicode.Cf, r) {
			fmt.Fprintf(&b, "<%U>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the compiler's version and the backends it knows",
		Example: "  prism version",
		Args:    cobra.NoArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			var names []string
			for _, b := range backends.All() {
				names = append(names, b.Name)
			}
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "prism     %s\nbackends  %s\ngo        %s\n",
				generator.Version, strings.Join(names, ", "), goVersion)
			return err
		}),
	}
}
