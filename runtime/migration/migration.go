// Package migration reads the migrations that a proxy embeds and compares them
// with those that a store has applied. Backends apply them.
package migration

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/sqltext"
)

// File is one migration of a namespace.
type File struct {
	Number int
	Name   string // 0001_init_expand
	SQL    string
	SHA256 string // of the statements, in lower-case hex

	namespace string
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
	State  string `json:"state"` // applied, pending, changed, unknown
}

var fileName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+_expand\.up\.sql$`)

// Read returns the migrations in folder namespace of fsys, by number. An error
// means a broken build: a name or number that no compiler wrote.
func Read(fsys fs.FS, namespace string) ([]File, error) {
	names, err := fs.Glob(fsys, path.Join(namespace, "*.sql"))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var files []File
	for i, name := range names {
		base := path.Base(name)
		m := fileName.FindStringSubmatch(base)
		if m == nil {
			return nil, fmt.Errorf("migration %s: the name is not NNNN_<what>_expand.up.sql", name)
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, i+1)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		sql := strings.ReplaceAll(string(text), "\r\n", "\n") // undoes a checkout with CRLF
		files = append(files, File{
			Number: number, Name: strings.TrimSuffix(base, ".up.sql"), SQL: sql, SHA256: sqltext.Checksum(sql), namespace: namespace,
		})
	}
	return files, nil
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
		states = append(states, State{f.Number, f.Name, state})
	}
	for _, a := range applied {
		if _, ok := byNumber[a.Number]; ok {
			states = append(states, State{a.Number, a.Name, "unknown"})
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
