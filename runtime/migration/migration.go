// Package migration reads the migrations that a proxy embeds, compares them with
// those that a store has applied, and applies or undoes them in order. What they do
// to a store is its backend's.
package migration

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/sqltext"
)

// Phase is what a migration does beside the proxies that serve. A run applies the
// files of a phase before those of the next.
type Phase int

// The phases, in their order.
const (
	Expand   Phase = iota // tables and columns, beside which the release before serves on
	Fence                 // ends the writes of releases before
	Fill                  // columns from records, by the proxy
	Index                 // builds an index
	Contract              // drops what no release uses, and has no way back
)

var phases = []string{"expand", "fence", "fill", "index", "contract"}

// String returns the phase as it is called in a file's name.
func (p Phase) String() string { return phases[p] }

// MarshalText is String, for JSON.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Verb returns the words behind migrate that apply files of the phase.
func (p Phase) Verb() string {
	switch p {
	case Expand:
		return "up"
	case Contract:
		return "complete --contract"
	}
	return "complete"
}

// File is one migration of a namespace.
type File struct {
	Number int
	Name   string // 0001_init_expand
	Phase  Phase
	What   string // the table of a fill, and what else the name has before the phase
	SQL    string
	Down   string // the statements that undo it; "": there is no way back
	SHA256 string // of the statements, in lower-case hex

	namespace string
}

// Notes returns what reviewers read above each of the statements: their class,
// lock, and way back.
func (f File) Notes() []string {
	var notes []string
	for line := range strings.Lines(f.SQL) {
		if note, ok := strings.CutPrefix(line, "-- class: "); ok {
			notes = append(notes, strings.TrimSpace(note))
		}
	}
	return notes
}

// Applied is one row of prism_migrations. SHA256 is empty if the file was run
// by hand and no runner has seen it yet.
type Applied struct {
	Number int
	Name   string
	SHA256 string
}

// State is a migration as an operator sees it.
type State struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Phase  Phase  `json:"phase"`
	State  string `json:"state"` // applied, pending, changed, unknown; or undone, of one that a run has undone
}

var fileName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)_(expand|fence|fill|index|contract)$`)

// Read returns the migrations in folder namespace of fsys, by number. An error
// means a broken build: a name or number that no compiler wrote.
func Read(fsys fs.FS, namespace string) ([]File, error) {
	names, err := fs.Glob(fsys, path.Join(namespace, "*.sql"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var files []File
	for _, name := range names {
		base, up := strings.CutSuffix(path.Base(name), ".up.sql")
		m := fileName.FindStringSubmatch(base)
		switch _, down := strings.CutSuffix(name, ".down.sql"); {
		case down && slices.Contains(names, strings.TrimSuffix(name, "down.sql")+"up.sql"):
			continue
		case !up || m == nil:
			return nil, fmt.Errorf("migration %s: the name is not NNNN_<what>_<phase>.up.sql, nor that of one that it undoes", name)
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != len(files)+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, len(files)+1)
		}
		f := File{Number: number, Name: base, Phase: phaseOf(base), What: m[2], namespace: namespace}
		if f.SQL, err = read(fsys, name); err != nil {
			return nil, err
		}
		f.SHA256 = sqltext.Checksum(f.SQL)
		if undo := strings.TrimSuffix(name, "up.sql") + "down.sql"; slices.Contains(names, undo) {
			if f.Down, err = read(fsys, undo); err != nil {
				return nil, err
			}
		}
		files = append(files, f)
	}
	return files, nil
}

func read(fsys fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(fsys, name)
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err // undoes a checkout with CRLF
}

// phaseOf returns the phase of a migration by its name, Expand if the name has
// none that is known.
func phaseOf(name string) Phase {
	return Phase(max(0, slices.Index(phases, name[strings.LastIndex(name, "_")+1:])))
}

// Pending returns the files that are not applied, and those that were applied
// in their former form, with the statements that bring them up to date. It
// returns an error if an applied file's statements differ from those the proxy
// holds; nothing may then be written or served. Migrations that the proxy does
// not know are not an error: a newer release has expanded the store, and this
// one goes on serving.
func Pending(files []File, applied []Applied) ([]File, error) {
	byNumber := index(applied)
	var pending []File
	for _, f := range files {
		a, ok := byNumber[f.Number]
		switch {
		case !ok:
			pending = append(pending, f)
		case same(f, a):
		case isFormer(f, a):
			_, f.SQL = f.former()
			pending = append(pending, f)
		default:
			return nil, fmt.Errorf("migration %s was applied with other statements (sha256 %.12s, this proxy has %.12s); "+
				"it was changed after it was applied. The data is as it was: deploy the proxy that was built before the change; or "+
				"let this one begin with an empty database and copy the records from proxy to proxy (docs/moving.md)", f.Name, a.SHA256, f.SHA256)
		}
	}
	return pending, nil
}

// Verify returns why a proxy of the deployment that holds files may not serve a
// store that has applied those: an expand file is missing, one was applied with
// other statements, or one that it does not know keeps it from writing, or has
// dropped what it reads. What it does not know else is ahead of it.
func Verify(files []File, applied []Applied, deployment string) error {
	pending, err := Pending(files, applied)
	if err != nil {
		return err
	}
	for _, f := range pending {
		if f.Phase == Expand {
			return fmt.Errorf("migration %s is not applied to the store; run %s-proxy migrate up", f.Name, deployment)
		}
	}
	return behind(files, applied)
}

// behind refuses a proxy that is older than an applied fence or contract.
func behind(files []File, applied []Applied) error {
	for _, a := range applied {
		phase := phaseOf(a.Name)
		if a.Number > len(files) && (phase == Fence || phase == Contract) {
			return fmt.Errorf("migration %s of a later release is applied, and this proxy could not write or would read what is gone; "+
				"deploy the proxy of that release, or go back with it first (its migrate down)", a.Name)
		}
	}
	return nil
}

// States returns what an operator is shown: every file, then what is applied
// but not known here.
func States(files []File, applied []Applied) []State {
	byNumber := index(applied)
	var states []State
	for _, f := range files {
		state := "pending"
		if a, ok := byNumber[f.Number]; ok {
			switch {
			case same(f, a):
				state = "applied"
			case !isFormer(f, a):
				state = "changed"
			}
			delete(byNumber, f.Number)
		}
		states = append(states, State{f.Number, f.Name, f.Phase, state})
	}
	for _, a := range applied {
		if _, ok := byNumber[a.Number]; ok {
			states = append(states, State{a.Number, a.Name, phaseOf(a.Name), "unknown"})
		}
	}
	return states
}

func same(f File, a Applied) bool {
	return f.Name == a.Name && (a.SHA256 == "" || f.SHA256 == a.SHA256)
}

func isFormer(f File, a Applied) bool {
	sha256, _ := f.former()
	return f.Name == a.Name && sha256 != "" && a.SHA256 == sha256
}

func index(applied []Applied) map[int]Applied {
	byNumber := map[int]Applied{}
	for _, a := range applied {
		byNumber[a.Number] = a
	}
	return byNumber
}
