package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/runtime/migration"
)

// verbs are the words that follow migrate, and what each does with a namespace.
// has reports whether the verb applies to its store.
var verbs = []struct {
	name string
	has  func(*Namespace) bool
	none string // printed if it does not apply
	run  func(ctx context.Context, n *Namespace, env *Env, out *report) error
}{
	{"up", func(n *Namespace) bool { return n.Migrate != nil }, "has no migrations", migrateUp},
	{"status", func(n *Namespace) bool { return n.Status != nil }, "has no migrations", migrationStatus},
	{"verify", func(n *Namespace) bool { return n.Verify != nil }, "has no checksums", verifyRecords},
	{"bump-versions", func(n *Namespace) bool { return n.BumpVersions != nil }, "begins with other versions at every start", bumpVersions},
}

// report is what a verb prints: lines, or status as JSON if that is asked for.
type report struct {
	io.Writer
	json   bool
	states []namespaceState
}

// namespaceState is an element of what migrate status -o json prints.
type namespaceState struct {
	Namespace  string            `json:"namespace"`
	Backend    string            `json:"backend"`
	Migrations []migration.State `json:"migrations"` // [] if the store has none
	Error      string            `json:"error,omitempty"`
}

// errPending and errChanged are how status ends if the stores are not as the proxy
// needs them: up brings them there, or cannot.
var (
	errPending = errors.New("migrations are pending; run migrate up")
	errChanged = errors.New("a migration was changed after it was applied, and migrate up refuses it; deploy the proxy that was built before the change, or begin with an empty store and copy")
)

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
	v, output := verbs[i], "text"
	if v.name == "status" {
		flags.StringVar(&output, "o", "text", "how to print: text or json")
	}
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	if output != "text" && output != "json" {
		return usageError{fmt.Sprintf("-o is %q; write text or json", output)}
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
	r := &report{Writer: out, json: output == "json", states: []namespaceState{}}
	var failed []error
	for _, n := range namespaces {
		if !v.has(&n) {
			r.none(&n, v.none)
			continue
		}
		if err := v.run(ctx, &n, env, r); err != nil {
			failed = append(failed, n.fault(err))
		}
	}
	switch {
	case r.json:
		return errors.Join(r.encode(), r.outcome(failed))
	case v.name == "status":
		return r.outcome(failed)
	case v.name == "up" && len(namespaces) > 1:
		fmt.Fprintf(out, "%d of %d namespaces are up to date\n", len(namespaces)-len(failed), len(namespaces))
	}
	return errors.Join(failed...)
}

// outcome is how status ends: with what failed, or else with what is to do.
func (r *report) outcome(failed []error) error {
	if failed != nil {
		return errors.Join(failed...)
	}
	has := func(state string) bool {
		return slices.ContainsFunc(r.states, func(n namespaceState) bool {
			return slices.ContainsFunc(n.Migrations, func(m migration.State) bool { return m.State == state })
		})
	}
	switch {
	case has("changed"):
		return errChanged
	case has("pending"):
		return errPending
	}
	return nil
}

func (r *report) encode() error {
	encoder := json.NewEncoder(r)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r.states)
}

// none prints that the verb does not apply to the namespace's store.
func (r *report) none(n *Namespace, why string) {
	if r.json {
		r.states = append(r.states, namespaceState{n.Name, n.Backend, []migration.State{}, ""})
		return
	}
	fmt.Fprintf(r, "%s: %s %s\n", n.Name, n.Backend, why)
}

func migrateUp(ctx context.Context, n *Namespace, env *Env, out *report) error {
	applied, err := n.Migrate(ctx, env)
	for _, f := range applied {
		fmt.Fprintf(out, "%s: %s applied\n", n.Name, f.Name)
	}
	switch {
	case err != nil:
		fmt.Fprintf(out, "%s: failed\n", n.Name)
	case len(applied) == 0:
		fmt.Fprintf(out, "%s: up to date\n", n.Name)
	}
	return err
}

func migrationStatus(ctx context.Context, n *Namespace, env *Env, out *report) error {
	states, err := n.Status(ctx, env)
	one := namespaceState{n.Name, n.Backend, append([]migration.State{}, states...), ""}
	if err != nil {
		one.Error = err.Error()
	}
	out.states = append(out.states, one)
	if out.json {
		return err
	}
	for _, s := range states {
		fmt.Fprintf(out, "%s: %s %s\n", n.Name, s.Name, s.State)
	}
	return err
}

func verifyRecords(ctx context.Context, n *Namespace, env *Env, out *report) error {
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

func bumpVersions(ctx context.Context, n *Namespace, env *Env, out *report) error {
	err := n.BumpVersions(ctx, env)
	if err == nil {
		fmt.Fprintf(out, "%s: versions have leapt\n", n.Name)
	}
	return err
}
