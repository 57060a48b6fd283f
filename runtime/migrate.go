package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prism-proxy/prism/runtime/migration"
)

// verb is a word that follows migrate, and what it does with a namespace.
type verb struct {
	name  string
	flags func(flags *flag.FlagSet, run *migration.Run) // nil: it does not migrate
	has   func(*Namespace) bool                         // whether it applies to the namespace's store
	none  string                                        // printed if it does not apply
	do    func(ctx context.Context, n *Namespace, env *Env, run migration.Run, out *report) error
}

var verbs = []verb{
	{"up", upFlags, hasMigrations, "has no migrations", migrateNamespace},
	{"complete", completeFlags, hasMigrations, "has no migrations", migrateNamespace},
	{"down", downFlags, hasMigrations, "has no migrations", migrateNamespace},
	{"plan", planFlags, hasMigrations, "has no migrations", migrateNamespace},
	{"status", nil, func(n *Namespace) bool { return n.Status != nil }, "has no migrations", migrationStatus},
	{"verify", nil, func(n *Namespace) bool { return n.Verify != nil }, "has no checksums", verifyRecords},
	{"bump-versions", nil, func(n *Namespace) bool { return n.BumpVersions != nil }, "begins with other versions at every start", bumpVersions},
}

func hasMigrations(n *Namespace) bool { return n.Migrate != nil }

func upFlags(flags *flag.FlagSet, run *migration.Run) {
	flags.DurationVar(&run.Wait, "wait", 10*time.Minute, "how long to try to get the lock of a table that others use")
	flags.BoolVar(&run.DryRun, "dry-run", false, "change nothing, and print what would be done")
}

func completeFlags(flags *flag.FlagSet, run *migration.Run) {
	upFlags(flags, run)
	run.Through = migration.Index
	flags.BoolFunc("contract", "also drop what no release uses; there is no way back", func(text string) error {
		contract, err := strconv.ParseBool(text)
		if err == nil && contract {
			run.Through = migration.Contract
		}
		return err
	})
	flags.Float64Var(&run.Pace, "pace", 1, "how long to pause behind each batch of a fill, as a multiple of the time that it took")
	flags.BoolVar(&run.LeaveOut, "leave-out", false, "leave values out of an index that it cannot hold")
	fenceFlag(flags, run)
}

func downFlags(flags *flag.FlagSet, run *migration.Run) {
	upFlags(flags, run)
	flags.IntVar(&run.To, "to", 0, "the release to go back to")
	fenceFlag(flags, run)
}

func planFlags(_ *flag.FlagSet, run *migration.Run) {
	run.Through, run.DryRun = migration.Contract, true
}

func fenceFlag(flags *flag.FlagSet, run *migration.Run) {
	flags.BoolVar(&run.FenceNow, "fence-now", false, "go on although proxies of another release are connected")
}

// report is what a verb prints: lines, or states as JSON if that is asked for.
type report struct {
	io.Writer
	json   bool
	states []namespaceState
}

// namespaceState is an element of what -o json prints: all migrations of a
// namespace, or those that a run has applied, undone, or would.
type namespaceState struct {
	Namespace  string            `json:"namespace"`
	Backend    string            `json:"backend"`
	Migrations []migration.State `json:"migrations"` // [] if the store has none
	Error      string            `json:"error,omitempty"`
}

// errPending and errChanged are how status ends if the stores are not as the proxy
// needs them: a run brings them there, or cannot.
var (
	errPending = errors.New("migrations are pending")
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
	v, output, run := verbs[i], "text", migration.Run{}
	if v.flags != nil || v.name == "status" {
		flags.StringVar(&output, "o", "text", "how to print: text or json")
	}
	if v.flags != nil {
		v.flags(flags, &run)
	}
	if err := parse(flags, args[1:]); err != nil {
		return err
	}
	if v.name == "down" && (run.To < 1 || run.To >= d.Release) {
		return usageError{fmt.Sprintf("--to is %d; name a release before %d, which is this proxy's", run.To, d.Release)}
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
		if err := v.do(ctx, &n, env, run, r); err != nil {
			failed = append(failed, n.fault(err))
		}
	}
	switch {
	case v.name == "status":
		if r.json {
			return errors.Join(r.encode(), r.outcome(failed))
		}
		return r.outcome(failed)
	case r.json:
		return errors.Join(append(failed, r.encode())...)
	case v.flags != nil && !run.DryRun && len(namespaces) > 1:
		fmt.Fprintf(out, "%d of %d namespaces are up to date\n", len(namespaces)-len(failed), len(namespaces))
	}
	return errors.Join(failed...)
}

// outcome is how status ends: with what failed, or else with what is to do.
func (r *report) outcome(failed []error) error {
	if failed != nil {
		return errors.Join(failed...)
	}
	var pending []migration.Phase
	for _, n := range r.states {
		for _, m := range n.Migrations {
			switch m.State {
			case "changed":
				return errChanged
			case "pending":
				pending = append(pending, m.Phase)
			}
		}
	}
	if pending != nil {
		return fmt.Errorf("%w; run migrate %s", errPending, slices.Min(pending).Verb())
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

// migrateNamespace does what run says, and prints a line for each file and for what
// lasts.
func migrateNamespace(ctx context.Context, n *Namespace, env *Env, run migration.Run, out *report) error {
	state := "applied"
	switch {
	case run.To > 0:
		state = "undone"
	case run.DryRun:
		state = "pending"
	}
	if out.json {
		return out.run(ctx, n, env, run, state)
	}
	var mu sync.Mutex
	line := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%s: %s\n", n.Name, fmt.Sprintf(format, args...))
	}
	run.Progress = func(text string) { line("%s", text) }
	run.Done = func(f migration.File) {
		if !run.DryRun {
			line("%s %s", f.Name, state)
			return
		}
		if run.To > 0 {
			line("down: %s", f.Name)
			return
		}
		line("%s: %s", f.Phase.Verb(), f.Name)
		for _, note := range f.Notes() {
			line("  %s", note)
		}
	}
	done, err := n.Migrate(ctx, env, run)
	switch {
	case err != nil:
		line("failed")
	case len(done) == 0:
		line("up to date")
	}
	return err
}

// run is migrateNamespace for programs: the files are printed when all is done.
func (r *report) run(ctx context.Context, n *Namespace, env *Env, run migration.Run, state string) error {
	done, err := n.Migrate(ctx, env, run)
	one := namespaceState{n.Name, n.Backend, []migration.State{}, ""}
	for _, f := range done {
		one.Migrations = append(one.Migrations, migration.State{Number: f.Number, Name: f.Name, Phase: f.Phase, State: state})
	}
	if err != nil {
		one.Error = err.Error()
	}
	r.states = append(r.states, one)
	return err
}

func migrationStatus(ctx context.Context, n *Namespace, env *Env, _ migration.Run, out *report) error {
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

func verifyRecords(ctx context.Context, n *Namespace, env *Env, _ migration.Run, out *report) error {
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

func bumpVersions(ctx context.Context, n *Namespace, env *Env, _ migration.Run, out *report) error {
	err := n.BumpVersions(ctx, env)
	if err == nil {
		fmt.Fprintf(out, "%s: versions have leapt\n", n.Name)
	}
	return err
}
