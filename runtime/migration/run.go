package migration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prism-proxy/prism/sqltext"
)

// Run says what a migrator does with a namespace, and how. The zero value
// applies the expand files, and waits for no lock of a table.
type Run struct {
	// Through is the last phase whose files are applied. A namespace of which
	// nothing is applied has nobody to disturb: there it is Contract.
	Through Phase
	// To, if not 0, is the release to go back to: what was applied after it is
	// undone, and nothing is applied.
	To int
	// Wait is how long a file tries to get a lock that others hold.
	Wait time.Duration
	// DryRun changes nothing, and returns the files that a run would apply or undo.
	DryRun bool
	// Pace is how long a fill pauses behind each batch, as a multiple of the time that
	// the batch took.
	Pace float64
	// LeaveOut lets a fill leave values NULL that an index cannot hold, so that no Find
	// finds their records by them.
	LeaveOut bool
	// FenceNow goes on although proxies of other releases are connected.
	FenceNow bool
	// Done is called with each file, and Progress with a line about what lasts.
	// Either may be nil, and Progress is called by several goroutines at a time.
	Done     func(File)
	Progress func(line string)
}

// Store is what a run asks of a store, which no other migrator changes
// meanwhile.
type Store interface {
	// Applied returns the namespace's rows of prism_migrations, by number; none if
	// there is no such table.
	Applied(ctx context.Context) ([]Applied, error)
	// Apply runs the statements of a step and fills in the checksum of the file
	// where its row has none. All of it happens or nothing, but for statements that
	// no transaction takes: those may be run again behind a crash at any of them.
	Apply(ctx context.Context, s Step) error
	// Fill brings the columns of a table to what its records give, from where an earlier
	// try has ended. It tells progress how many records it has read, and about how many
	// there are, 0 if that is not known.
	Fill(ctx context.Context, table string, progress func(done, all int64)) error
	// Others describes the connected proxies whose release is another.
	Others(ctx context.Context, release int) ([]string, error)
}

// Step is a file to apply or to undo.
type Step struct {
	File
	Statements []string
	Undo       bool
}

// cursor is the row of prism_meta in which a fill keeps how far it came. Its
// file's row says the rest, so recording that, or removing it, removes the cursor.
func (f File) cursor() string {
	return fmt.Sprintf(`DELETE FROM "prism_meta" WHERE "name" = 'fill:%s'`, f.What)
}

// Do does with the store what r says, and returns the files that it applied or
// undid, in order; behind a failure, those before it. files are the namespace's,
// and releases has the number of the last file of each of its releases.
func (r Run) Do(ctx context.Context, s Store, files []File, releases []int) (done []File, err error) {
	rows, err := s.Applied(ctx)
	if err != nil {
		return nil, err
	}
	plan, release := r.apply, max(1, len(releases))
	if r.To > 0 {
		plan, release = r.undo, r.To
	}
	steps, err := plan(files, rows, releases)
	if err != nil {
		return nil, err
	}
	if err := r.alone(ctx, s, steps, rows, release); err != nil {
		return nil, err
	}
	for _, step := range steps {
		if !r.DryRun {
			if err := r.step(ctx, s, step); err != nil {
				return done, fmt.Errorf("migration %s: %w", step.Name, err)
			}
		}
		done = append(done, step.File)
		r.Tell(step.File)
	}
	if r.DryRun || r.To > 0 {
		return done, nil
	}
	r.left(files, rows, done)
	return done, sign(ctx, s, files, rows)
}

func (r Run) step(ctx context.Context, s Store, step Step) error {
	if step.Phase == Fill && !step.Undo {
		m := meter{began: time.Now()}
		err := s.Fill(ctx, step.What, func(done, all int64) {
			if line := m.line(time.Now(), done, all); line != "" {
				r.say("%s: %s", step.What, line)
			}
		})
		if err != nil {
			return err
		}
	}
	return s.Apply(ctx, step)
}

// apply returns the steps from the present state through r.Through: by phase, and
// then by number. Names in the store are never given twice, so the expand files of
// a release may come before the rest of those before it.
func (r Run) apply(files []File, rows []Applied, _ []int) ([]Step, error) {
	pending, err := Pending(files, rows)
	if err != nil {
		return nil, err
	}
	if err := behind(files, rows); err != nil {
		return nil, err
	}
	slices.SortStableFunc(pending, func(a, b File) int { return int(a.Phase - b.Phase) })
	var steps []Step
	for _, f := range pending {
		if f.Phase > r.Through && len(rows) > 0 {
			break
		}
		statements := sqltext.Statements(f.SQL)
		if f.Phase == Fill { // the last one records the file; those before it are for people
			statements = append([]string{f.cursor()}, statements[max(0, len(statements)-1):]...)
		}
		steps = append(steps, Step{File: f, Statements: statements})
	}
	return steps, nil
}

// undo returns the steps back to release r.To, in the reverse order of apply.
func (r Run) undo(files []File, rows []Applied, releases []int) ([]Step, error) {
	if _, err := Pending(files, rows); err != nil {
		return nil, err
	}
	if r.To > len(releases) {
		return nil, fmt.Errorf("there is no release %d; this proxy is of release %d", r.To, len(releases))
	}
	var undone []File
	for _, a := range rows {
		switch {
		case a.Number <= releases[r.To-1]:
			continue
		case a.Number > len(files):
			return nil, fmt.Errorf("migration %s of a later release is applied; go back with the proxy of that release first", a.Name)
		}
		f := files[a.Number-1]
		switch {
		case f.Phase == Contract:
			return nil, fmt.Errorf("migration %s is applied, and there is no way back behind it: what it dropped is gone", f.Name)
		case f.Down == "":
			return nil, fmt.Errorf("migration %s has no statements that undo it", f.Name)
		}
		undone = append(undone, f)
	}
	slices.SortFunc(undone, func(a, b File) int {
		if a.Phase != b.Phase {
			return int(b.Phase - a.Phase)
		}
		return b.Number - a.Number
	})
	var steps []Step
	for _, f := range undone {
		statements := sqltext.Statements(f.Down)
		if f.Phase == Fill {
			statements = append([]string{f.cursor()}, statements...)
		}
		steps = append(steps, Step{File: f, Statements: statements, Undo: true})
	}
	return steps, nil
}

// alone refuses steps that proxies of other releases than the given one would
// notice while such are connected: those that fence them, and those that undo what
// they use.
func (r Run) alone(ctx context.Context, s Store, steps []Step, rows []Applied, release int) error {
	noticed := func(s Step) bool { return s.Undo || s.Phase > Expand }
	if len(rows) == 0 || !slices.ContainsFunc(steps, noticed) {
		return nil
	}
	others, err := s.Others(ctx, release)
	if err != nil || len(others) == 0 {
		return err
	}
	if r.DryRun || r.FenceNow {
		for _, other := range others {
			r.say("connected: %s", other)
		}
		return nil
	}
	return fmt.Errorf("proxies of another release are connected: %s; replace them first, or go on with --fence-now: their writes are then refused, or their statements fail",
		strings.Join(others, "; "))
}

// left says how many files a run leaves, and to which verbs.
func (r Run) left(files []File, rows []Applied, done []File) {
	verbs := map[string]int{}
	for _, f := range files {
		applied := slices.ContainsFunc(rows, func(a Applied) bool { return a.Number == f.Number })
		if !applied && !slices.ContainsFunc(done, func(d File) bool { return d.Number == f.Number }) {
			verbs[f.Phase.Verb()]++
		}
	}
	for _, p := range []Phase{Index, Contract} {
		switch n := verbs[p.Verb()]; n {
		case 0:
		case 1:
			r.say("1 file is left to migrate %s", p.Verb())
		default:
			r.say("%d files are left to migrate %s", n, p.Verb())
		}
	}
}

// sign fills in the checksums of files that were run by hand.
func sign(ctx context.Context, s Store, files []File, rows []Applied) error {
	for _, a := range rows {
		if a.SHA256 == "" && a.Number <= len(files) {
			if err := s.Apply(ctx, Step{File: files[a.Number-1]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tell calls Done, if there is one.
func (r Run) Tell(f File) {
	if r.Done != nil {
		r.Done(f)
	}
}

func (r Run) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}
