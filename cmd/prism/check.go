package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
)

func newCheck() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check [prism.yaml...]",
		Short: "Report every fault in schemas and prism.yaml; write nothing",
		Long: `Check compiles deployments and writes nothing. It reports all diagnostics at once
on standard error, one per line:

  file:line:column: PRISM2010 [key.missing] what is wrong; the rule; what to write instead

With -o json it prints them to standard output as one array, for editors and CI.`,
		Example: `  prism check
  prism check schemas/shop/prism.yaml
  prism check -o json | jq -r '.[].code'`,
		ValidArgsFunction: completeConfigs,
	}
	outputFlag(cmd, &output, "text", "json")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		outputs, faults, err := compileAll(cmd, args, generator.Command{})
		if err != nil {
			return err
		}
		if output == "json" {
			if err := printJSON(cmd.OutOrStdout(), faults); err != nil {
				return err
			}
		} else {
			printText(cmd.ErrOrStderr(), faults)
			for _, o := range outputs {
				d := o.Deployment
				fmt.Fprintf(cmd.OutOrStdout(), "%s: no fault (entities: %d, namespaces: %d)\n", d.Name, len(d.Entities()), len(d.Namespaces))
			}
		}
		if schema.HasError(faults) {
			return errFaults
		}
		return nil
	})
	return cmd
}

// compileAll compiles the deployments that args name and returns the outputs of
// those without faults, and the diagnostics of all.
func compileAll(cmd *cobra.Command, args []string, command generator.Command) (outputs []*compiled, faults []schema.Diagnostic, err error) {
	deployments, err := find(args)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range deployments {
		done := progress(cmd, "compiling "+d.place)
		out, found := d.compile(cmd.Context(), command)
		done()
		for _, other := range outputs {
			if out != nil && other.root == d.root {
				found = append(found, d.shown(out.Beside(other.Output))...)
			}
		}
		if out != nil && !schema.HasError(found) {
			outputs = append(outputs, &compiled{d, out})
		}
		faults = append(faults, found...)
	}
	schema.SortDiagnostics(faults)
	return outputs, slices.Compact(faults), nil // deployments share schemas, and so their faults
}

// compiled is a deployment with what it compiles to.
type compiled struct {
	deployment
	*generator.Output
}

func printText(w io.Writer, faults []schema.Diagnostic) {
	for _, f := range faults {
		if f.Severity == schema.Warning {
			fmt.Fprintf(w, "%s (warning)\n", f)
		} else {
			fmt.Fprintln(w, f)
		}
	}
}

// diagnostic is one element of the output of check -o json.
type diagnostic struct {
	File     string `json:"file"`   // "": it has no position
	Line     int    `json:"line"`   // from 1; 0: the whole file
	Column   int    `json:"column"` // from 1, in bytes
	Severity string `json:"severity"`
	Code     string `json:"code"` // "": a file cannot be read, or the compiler has failed
	Slug     string `json:"slug"`
	What     string `json:"what"`
	Rule     string `json:"rule"`
	Fix      string `json:"fix"`
}

func printJSON(w io.Writer, faults []schema.Diagnostic) error {
	all := []diagnostic{}
	for _, f := range faults {
		all = append(all, diagnosticOf(f))
	}
	return encode(w, all)
}

func diagnosticOf(f schema.Diagnostic) diagnostic {
	d := diagnostic{
		File: f.File, Line: f.Line, Column: f.Column, Severity: f.Severity.String(),
		Slug: f.Slug, What: f.What, Rule: f.Rule, Fix: f.Fix,
	}
	if f.Number > 0 {
		d.Code = code(f.Number)
	}
	return d
}

// code formats a rule's number as diagnostics show it.
func code(number int) string { return fmt.Sprintf("PRISM%04d", number) }
