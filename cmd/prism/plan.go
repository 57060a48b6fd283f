package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
)

func newPlan() *cobra.Command {
	return &cobra.Command{
		Use:   "plan [prism.yaml...]",
		Short: "Show what would be decided and why, and write nothing",
		Long: `Plan compiles deployments and prints what generate would write to plan.md and, a
page for each namespace, below plan/: the settings of every store, the columns
and indexes of every entity with what they are for, sizes as value =
formula(inputs), and the inventory of personal data.`,
		Example: `  prism plan
  prism plan schemas/shop | less`,
		ValidArgsFunction: completeConfigs,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			outputs, err := compileClean(cmd, args, generator.Command{})
			if err != nil {
				return err
			}
			for i, c := range outputs {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if _, err := fmt.Fprint(cmd.OutOrStdout(), planText(c.Output)); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// planText returns plan.md and the namespaces' pages, without the lines that
// say who wrote the files.
func planText(out *generator.Output) string {
	var pages []string
	dir := path.Join("out", out.Deployment.Name)
	for _, f := range out.Files { // by path: plan.md is first
		if f.Path == path.Join(dir, "plan.md") || path.Dir(f.Path) == path.Join(dir, "plan") {
			_, text, _ := strings.Cut(string(f.Content), "\n\n")
			pages = append(pages, text)
		}
	}
	return strings.Join(pages, "\n")
}

// completeConfigs completes the module's deployments, or other paths if none
// fits.
func completeConfigs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	deployments, err := find(nil)
	dir, e := os.Getwd()
	if err != nil || e != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var places []string
	for _, d := range deployments {
		file := filepath.Join(d.root, filepath.FromSlash(d.place))
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if place, err := filepath.Rel(dir, file); err == nil {
			places = append(places, place)
		}
	}
	return places, cobra.ShellCompDirectiveDefault
}
