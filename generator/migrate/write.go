package migrate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
	"github.com/prism-proxy/prism/sqltext"
)

// initial is what the migration that makes a namespace's tables is about.
const initial = "init"

// writer writes the open migrations of a namespace.
type writer struct {
	*run
	namespace *schema.Namespace
	dialect   emit.Dialect
	chain     *history.Chain
}

// write writes a file for each phase and subject of the steps, which are in that
// order. The first file of a store makes all tables.
func (w *writer) write(steps []storage.Step) {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s storage.Step) bool { return s.In() != w.namespace.Name })
	if len(w.chain.Files) == 0 {
		isTable := func(s storage.Step) bool { return s.Kind == storage.CreateTable }
		w.file(initial, slices.DeleteFunc(slices.Clone(steps), func(s storage.Step) bool { return !isTable(s) }))
		steps = slices.DeleteFunc(steps, isTable)
	}
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && steps[n].Phase() == steps[0].Phase() && steps[n].Subject() == steps[0].Subject() {
			n++
		}
		w.file(steps[0].Subject(), steps[:n])
		steps = steps[n:]
	}
}

// file writes the files that take the steps, and take them back.
func (w *writer) file(what string, steps []storage.Step) {
	number, phase := len(w.chain.Files)+1, storage.PhaseExpand
	alone := false
	if len(steps) > 0 {
		phase, alone = steps[0].Phase(), steps[0].Alone()
	}
	name := fmt.Sprintf("%04d_%s_%s", number, what, phase)
	w.chain.Files = append(w.chain.Files, history.File{Name: name, Release: w.release})
	w.plan.Open = append(w.plan.Open, Migration{Path: path.Join(w.Deployment.Dir, history.UpPath(w.chain.Folder, name)), Name: name, Phase: phase, Steps: steps})

	var up, down strings.Builder
	switch {
	case what == initial:
		up.WriteString("\n" + w.dialect.Init(w.Deployment.Name))
	case phase == storage.PhaseFill:
		up.WriteString(w.dialect.Unending())
	default:
		up.WriteString(w.dialect.Begin(alone))
	}
	down.WriteString(w.dialect.Begin(alone))
	for _, s := range steps {
		if text := w.dialect.Up(s); text != "" {
			up.WriteString("\n" + text)
		}
	}
	for _, s := range slices.Backward(steps) {
		if text := w.dialect.Down(s); text != "" {
			down.WriteString("\n" + text)
		}
	}
	up.WriteString("\n" + w.dialect.Enter(w.namespace.Name, number, name, steps))
	down.WriteString("\n" + w.dialect.Remove(w.namespace.Name, number))
	how := "one transaction, which the runner opens"
	if alone && w.dialect.Concurrent() {
		how = "no transaction"
	}
	if w.takenBack(what, phase) {
		w.add(history.DownPath(w.chain.Folder, name), []byte(w.head(number, what, phase, true, how)+down.String()))
	}
	if phase == storage.PhaseFill {
		how = "by the proxy, a batch at a time"
	}
	w.add(history.UpPath(w.chain.Folder, name), []byte(w.head(number, what, phase, false, how)+up.String()))
}

// takenBack reports whether there is a file that takes the file back: before the first
// release there was nothing, and behind contract nobody goes back.
func (w *writer) takenBack(what string, phase storage.Phase) bool {
	return phase != storage.PhaseContract && (what != initial || w.release > 1)
}

// head is what a file begins with: what it does, by which command, and how it is run.
func (w *writer) head(number int, what string, phase storage.Phase, down bool, how string) string {
	does, release, command := "Migration", "", ""
	if what != initial {
		release = fmt.Sprintf("release %d, ", w.release)
		command = ", of migrate " + verb(phase)
	}
	if down {
		does, command = "Takes back migration", ", of migrate down"
	}
	return fmt.Sprintf("--%s\n-- %s %04d of namespace %s, deployment %s, %son %s.\n-- Phase %s%s: %s.\n",
		strings.TrimPrefix(golang.Header, "//"), does, number, w.namespace.Name, w.Deployment.Name, release, w.namespace.Backend, phase, command, how)
}

// verb returns the words behind migrate that apply files of the phase.
func verb(phase storage.Phase) string {
	switch phase {
	case storage.PhaseExpand:
		return "up"
	case storage.PhaseContract:
		return "complete --contract"
	}
	return "complete"
}

// embed adds the package through which a proxy holds its migrations.
func (r *run) embed() error {
	patterns := ""
	for _, n := range r.Deployment.Namespaces {
		folder := r.plan.Lock.Open.Namespace(n.Name).Folder
		if folder == "" {
			continue
		}
		for _, f := range r.plan.Lock.Chain(folder).Files { // by name, so that no other file is ever applied
			patterns += " " + folder + "/" + f.Name + ".up.sql"
			if r.checksum(history.DownPath(folder, f.Name)) != "" {
				patterns += " " + folder + "/" + f.Name + ".down.sql"
			}
		}
	}
	if patterns == "" {
		return nil
	}
	d := r.Deployment
	f := golang.NewFile(path.Join(d.ImportPath, d.Dir, history.MigrationsDir), "migrations",
		fmt.Sprintf("Package migrations holds the migrations of deployment %s.", d.Name), golang.Imports{"embed": "embed"})
	f.Add("// Files has a folder of migrations for each namespace.\n//\n//go:embed%s\nvar Files @embed.FS", patterns)
	content, err := f.Bytes()
	if err != nil {
		return fmt.Errorf("embed.go: %w", err)
	}
	r.add(path.Join(history.MigrationsDir, "embed.go"), content)
	return nil
}

// checksum is that of the statements of a file, or "".
func (r *run) checksum(name string) string {
	name = path.Join(r.Deployment.Dir, name)
	i := slices.IndexFunc(r.plan.Files, func(f emit.File) bool { return f.Path == name })
	if i < 0 {
		return ""
	}
	return sqltext.Checksum(string(r.plan.Files[i].Content))
}

// close closes the open release: its files have their checksums, and its schema is
// kept.
func (r *run) close() {
	lock := r.plan.Lock
	lock.Release = r.release
	for i := range lock.Chains {
		for j := range lock.Chains[i].Files {
			f := &lock.Chains[i].Files[j]
			if f.Release != r.release {
				continue
			}
			f.SHA256 = r.checksum(history.UpPath(lock.Chains[i].Folder, f.Name))
			f.DownSHA256 = r.checksum(history.DownPath(lock.Chains[i].Folder, f.Name))
		}
	}
	r.add(history.ReleasedPath(r.release), r.schema)
	lock.Closed = &history.Closed{Sum: lock.Sum(append(r.History.Released, r.schema)), Model: lock.Open}
	r.plan.Closed = true
	r.Deployment.Open = false
}
