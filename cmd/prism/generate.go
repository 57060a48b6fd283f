package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

func newGenerate() *cobra.Command {
	var check bool
	var abandon []string
	cmd := &cobra.Command{
		Use:   "generate [prism.yaml...]",
		Short: "Write contracts, proxies, plans and open migrations",
		Long: `Generate compiles deployments and writes what has changed: contracts in
out/contract, the proxy and plan.md in out/<deployment>, and the lock and the
open migrations next to prism.yaml: what leads from the last release to this
schema, written anew each time until prism release closes it. It deletes files
that are no longer produced, and, where it takes all the deployments of a module,
the output in out of those that are gone; locks and migrations it leaves to you.
With any fault in a schema it generates nothing, and it never
overwrites a file that it did not generate. Nor does it move records: what
would leave them behind it refuses, unless --abandon names the namespace or the
entity (shop.v1.Order). It lists the changed files, or counts
them by folder if there are more than 40.

If schemas, or a folder that you name, has no prism.yaml, generate first writes
one and says so. It serves the one package with entities on sqlite, with the
import path from go.mod. The deployment is named after the folder; for schemas,
after the folder above it, which for a module means its path. If the folders of
the .proto files are named after their packages and so say another root, it
writes that, too. Generate refuses if several packages have entities, and if the
module has another prism.yaml, a prism.lock.json or out/contract: the path may be
mistyped, or a file lost. It then prints what you can write yourself.`,
		Example: `  prism generate
  prism generate schemas/shop/prism.yaml
  prism generate --check            # in CI: fails if a generated file is out of date
  prism generate --abandon orders   # namespace orders is gone, and so may be its records`,
		ValidArgsFunction: completeConfigs,
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; fail if something would be written, or a copy of options.proto is not the compiler's")
	cmd.Flags().StringSliceVar(&abandon, "abandon", nil, "a namespace or entity whose records may be left behind")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		if !check {
			if err := beginAll(cmd, args); err != nil {
				return err
			}
		}
		outputs, err := compileClean(cmd, args, generator.Command{Abandon: abandon})
		if err == nil {
			err = abandoned(outputs, abandon)
		}
		if err != nil {
			return err
		}
		if outputs, err = withRest(outputs); err != nil {
			return err
		}
		if !check {
			return writeAll(cmd, outputs)
		}
		err = checkFresh(cmd, outputs)
		if err == nil && slices.ContainsFunc(outputs, func(c *compiled) bool { return len(c.copies()) > 0 }) {
			err = fmt.Errorf("a copy of %s is out of date; run prism init", prismv1.Path)
		}
		return err
	})
	return cmd
}

// beginAll writes the prism.yaml files that are missing.
func beginAll(cmd *cobra.Command, args []string) error {
	deployments, err := find(args)
	if err != nil {
		return err
	}
	for _, d := range deployments {
		draft, faults, err := d.begin(cmd)
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			printText(cmd.ErrOrStderr(), faults)
			if draft != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s for all entities there would be:\n\n%s", d.place, draft)
			}
			return errFaults
		}
	}
	return nil
}

// withRest adds the output of deployments that are gone, for each module of which
// outputs has all deployments.
func withRest(outputs []*compiled) ([]*compiled, error) {
	modules := map[string][]*generator.Output{}
	taken := map[deployment]bool{}
	for _, c := range outputs {
		modules[c.root] = append(modules[c.root], c.Output)
		taken[c.deployment] = true
	}
	for _, root := range slices.Sorted(maps.Keys(modules)) {
		all, err := below(root, ".")
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(d deployment) bool { return !taken[d] }) {
			continue
		}
		rest, err := generator.Rest(os.DirFS(root), modules[root])
		if err != nil {
			return nil, err
		}
		if rest != nil {
			outputs = append(outputs, &compiled{deployment{root: root}, rest})
		}
	}
	return outputs, nil
}

// abandoned checks that every name was one that leaves records behind, so that
// a misspelled or needless one is not ignored.
func abandoned(outputs []*compiled, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(outputs, func(c *compiled) bool { return slices.Contains(c.Plan.Abandoned, name) }) {
			return fmt.Errorf("nothing leaves records of %s behind; remove --abandon %[1]s", name)
		}
	}
	return nil
}

// compileClean is compileAll for commands that need all deployments to be
// without faults.
func compileClean(cmd *cobra.Command, args []string, command generator.Command) ([]*compiled, error) {
	outputs, faults, err := compileAll(cmd, args, command)
	printText(cmd.ErrOrStderr(), faults)
	if err == nil && schema.HasError(faults) {
		err = errFaults
	}
	if err == nil {
		err = differ(outputs)
	}
	return outputs, err
}

// differ checks that no two deployments write to the same folder of out/.
func differ(outputs []*compiled) error {
	type place struct{ root, name string }
	first := map[place]string{}
	for _, c := range outputs {
		p := place{c.root, c.Deployment.Name}
		if other, ok := first[p]; ok && other != c.place {
			return fmt.Errorf("%s and %s are both deployment %s; rename one", other, c.place, p.name)
		}
		first[p] = c.place
	}
	return nil
}

func writeAll(cmd *cobra.Command, outputs []*compiled) error {
	write := func(root *os.Root, out *generator.Output) ([]generator.Change, []schema.Diagnostic, error) {
		defer progress(cmd, "writing "+out.Deployment.Name)()
		return generator.Write(cmd.Context(), root, out)
	}
	return differences(cmd, outputs, write, func(c *compiled, changes []generator.Change) error {
		for _, l := range summary(changes, func(k generator.Kind) string {
			if k == generator.Orphan {
				return "deleted"
			}
			return "wrote"
		}) {
			if l.files > 1 {
				l.path = fmt.Sprintf("%d files in %s", l.files, l.path)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", l.word, l.path)
		}
		if len(changes) == 0 && c.place != "" {
			fmt.Fprintf(cmd.OutOrStdout(), "%s is up to date\n", c.Deployment.Name)
		}
		return nil
	})
}

func checkFresh(cmd *cobra.Command, outputs []*compiled) error {
	fresh := true
	told := map[string]bool{} // deployments share contracts
	err := differences(cmd, outputs, generator.Diff, func(_ *compiled, changes []generator.Change) error {
		changes = slices.DeleteFunc(changes, func(c generator.Change) bool {
			again := told[c.Path]
			told[c.Path] = true
			return again
		})
		for _, l := range summary(changes, generator.Kind.String) {
			fresh = false
			if l.files > 1 {
				l.word = fmt.Sprintf("%s (%d files)", l.word, l.files)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", l.path, l.word)
		}
		return nil
	})
	if err == nil && !fresh {
		return fmt.Errorf("generated files are out of date; run prism generate")
	}
	return err
}

// differences passes what act finds for each deployment to show.
func differences(cmd *cobra.Command, outputs []*compiled,
	act func(*os.Root, *generator.Output) ([]generator.Change, []schema.Diagnostic, error),
	show func(*compiled, []generator.Change) error,
) error {
	for _, c := range outputs {
		root, err := os.OpenRoot(c.root)
		if err != nil {
			return err
		}
		changes, faults, err := act(root, c.Output)
		root.Close()
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			printText(cmd.ErrOrStderr(), c.fromHere(faults))
			return errFaults
		}
		if err := show(c, changes); err != nil {
			return err
		}
	}
	return nil
}

// maxLines is how many files are listed individually.
const maxLines = 40

// line is about a file, or about several in one folder.
type line struct {
	word, path string
	files      int
}

// summary describes each file by a word. If there are more than maxLines, files
// with the same word are counted per folder, at most three levels deep:
// out/shop/proxy.
func summary(changes []generator.Change, word func(generator.Kind) string) []line {
	var lines []line
	first := map[line]int{} // by word and folder
	for _, c := range changes {
		key := line{word: word(c.Kind), path: c.Path}
		if parts := strings.Split(c.Path, "/"); len(changes) > maxLines {
			key.path = strings.Join(parts[:min(3, len(parts)-1)], "/")
		}
		i, found := first[key]
		if !found {
			first[key] = len(lines)
			lines = append(lines, line{key.word, c.Path, 1})
			continue
		}
		lines[i].path = key.path
		lines[i].files++
	}
	return lines
}
