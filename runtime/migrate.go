package runtime

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// verbs are what migrate is followed by, and what each does with a namespace.
// has says whether its store has what the verb is for.
var verbs = []struct {
	name string
	has  func(*Namespace) bool
	none string // said of a store that has not
	run  func(ctx context.Context, n *Namespace, env *Env, out io.Writer) error
}{
	{"up", func(n *Namespace) bool { return n.Migrate != nil }, "has no migrations", migrateUp},
	{"status", func(n *Namespace) bool { return n.Status != nil }, "has no migrations", migrationStatus},
	{"verify", func(n *Namespace) bool { return n.Verify != nil }, "has no checksums", verifyRecords},
	{"bump-versions", func(n *Namespace) bool { return n.BumpVersions != nil }, "begins with other versions at every start", bumpVersions},
}

func migrateCommand(ctx context.Context, d *Deployment, flags *flag.FlagSet, args []string, out io.Writer) error {
	data := dataDirFlags(flags)
	only := flags.String("namespace", "", "the one namespace to work on; unset: all")
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	i := -1
	if len(args) > 0 {
		i = slices.Index(names, args[0])
	}
	if i < 0 {
		if err := parse(flags, args); errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{"migrate is followed by one of " + strings.Join(names, ", ")}
	}
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	if *only != "" && !slices.ContainsFunc(d.Namespaces, func(n Namespace) bool { return n.Name == *only }) {
		return usageError{fmt.Sprintf("--namespace %s is none of deployment %s", *only, d.Name)}
	}
	of := *d
	of.Namespaces = slices.DeleteFunc(slices.Clone(d.Namespaces), func(n Namespace) bool { return *only != "" && n.Name != *only })
	dir, err := data.choose(&of)
	if err != nil {
		return err
	}
	env := NewEnv(d.Name, dir)
	namespaces, err := of.Resolve(env)
	if err != nil {
		return err
	}
	var failed []error
	for _, n := range namespaces {
		switch v := verbs[i]; {
		case !v.has(&n):
			fmt.Fprintf(out, "%s: %s %s\n", n.Name, n.Backend, v.none)
		default:
			if err := v.run(ctx, &n, env, out); err != nil {
				failed = append(failed, n.fault(err))
				if v.name != "verify" { // which finds all that is damaged
					return failed[0]
				}
			}
		}
	}
	return errors.Join(failed...)
}

func migrateUp(ctx context.Context, n *Namespace, env *Env, out io.Writer) error {
	applied, err := n.Migrate(ctx, env)
	for _, f := range applied {
		fmt.Fprintf(out, "%s: %s applied\n", n.Name, f.Name)
	}
	if err == nil && len(applied) == 0 {
		fmt.Fprintf(out, "%s: up to date\n", n.Name)
	}
	return err
}

func migrationStatus(ctx context.Context, n *Namespace, env *Env, out io.Writer) error {
	states, err := n.Status(ctx, env)
	for _, s := range states {
		fmt.Fprintf(out, "%s: %s %s\n", n.Name, s.Name, s.State)
	}
	return err
}

func verifyRecords(ctx context.Context, n *Namespace, env *Env, out io.Writer) error {
	damaged := 0
	tables, err := n.Verify(ctx, env, func(table string, version int64) {
		damaged++
		fmt.Fprintf(out, "%s: damaged: the record of table %s with prism_version %d\n", n.Name, table, version)
	})
	for _, v := range tables {
		fmt.Fprintf(out, "%s: table %s: %d records, %d without a checksum, %d damaged\n", n.Name, v.Table, v.Records, v.Unchecked, v.Damaged)
	}
	if err == nil && damaged > 0 {
		err = fmt.Errorf("%d records are damaged; write them again, delete them, or restore them from a backup", damaged)
	}
	return err
}

func bumpVersions(ctx context.Context, n *Namespace, env *Env, out io.Writer) error {
	err := n.BumpVersions(ctx, env)
	if err == nil {
		fmt.Fprintf(out, "%s: versions have leapt\n", n.Name)
	}
	return err
}
