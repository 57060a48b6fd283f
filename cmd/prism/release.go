package main

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
)

func newRelease() *cobra.Command {
	return &cobra.Command{
		Use:   "release [prism.yaml...]",
		Short: "Close the open release: its migrations never change again",
		Long: `Release closes what has changed since the last release: the open migrations get
their checksums in the lock, and the schema is kept in released/NNNN.binpb, which
later schemas are judged against. What is closed never changes: prism and the
plugin refuse a closed file that did. Commit what it writes before you roll out.

The files must be those that generate writes, so that what is closed is what was
reviewed.`,
		Example: `  prism release
  prism release schemas/shop`,
		ValidArgsFunction: completeConfigs,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			outputs, err := compileClean(cmd, args, generator.Command{})
			if err != nil {
				return err
			}
			if err := checkFresh(cmd, outputs); err != nil {
				return err
			}
			if outputs, err = compileClean(cmd, args, generator.Command{Release: true}); err != nil {
				return err
			}
			return differences(cmd, outputs, func(root *os.Root, out *generator.Output) ([]generator.Change, []schema.Diagnostic, error) {
				return generator.Write(cmd.Context(), root, out)
			}, func(c *compiled, _ []generator.Change) error {
				release, files := c.Deployment.Release, 0
				for _, chain := range c.Plan.Lock.Chains {
					for _, f := range chain.Files {
						if f.Release == release {
							files++
						}
					}
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: release %d closed (%s, %s)\n", c.Deployment.Name, release,
					count(files, "migration"), strings.TrimPrefix(path.Join(c.Deployment.Dir, history.ReleasedPath(release)), "./"))
				return nil
			})
		}),
	}
}

// count is a number and what is counted, in the plural where it is not one.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
