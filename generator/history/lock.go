// Package history is what a deployment's folder keeps of its releases: the lock
// beside prism.yaml, the migrations, and the schema of every release. What is closed
// in it never changes.
package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// Format is the format of locks that this package writes. It reads those of
// before as well, as every later compiler will read this one; what a format
// cannot say takes a new one.
const Format = 3

// LockName is the name of the lock, which stands beside prism.yaml.
const LockName = "prism.lock.json"

// LockPath returns where the lock of the deployment in the folder dir stands,
// both with slashes from the module's root.
func LockPath(dir string) string { return path.Join(dir, LockName) }

// Lock is a deployment's state: what its stores held at the last release, and
// what the open migrations make of that. Its names are frozen: those of
// members by Format, those of tables, columns and indexes by the release that
// first had them.
type Lock struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	Release    int    `json:"release"` // the last one; 0: none yet
	// Closed is the state at the last release, absent before the first.
	Closed *Closed `json:"closed,omitempty"`
	// Open is the model that the open migrations lead to, of release Release+1. It
	// equals the closed one where nothing has changed since.
	Open storage.Model `json:"open"`
	// Chains are the migrations, by folder.
	Chains []Chain `json:"migrations"`
}

// Closed is a release.
type Closed struct {
	// Sum is the hash of the release and of all before it: see Sum.
	Sum string `json:"sum"`
	storage.Model
}

// Chain is the migrations of a store, in the order of their numbers.
type Chain struct {
	Folder string `json:"folder"`
	Files  []File `json:"files"`
}

// File is one migration. Its checksums are those of its statements, as runners have
// them, in lower-case hex, and absent while it is open.
type File struct {
	Name       string `json:"name"`    // 0001_init_expand, whose number is its place in the chain
	Release    int    `json:"release"` // that it belongs to
	SHA256     string `json:"sha256,omitempty"`
	DownSHA256 string `json:"down_sha256,omitempty"` // of the file that takes it back, if there is one
}

// Releases returns the number of the last migration of each release through last, 0
// where there was none yet.
func (c *Chain) Releases(last int) []int {
	numbers := make([]int, last)
	for i, f := range c.Files {
		for release := f.Release; release <= last; release++ {
			numbers[release-1] = i + 1
		}
	}
	return numbers
}

// Chain returns the chain of the folder, or nil.
func (l *Lock) Chain(folder string) *Chain {
	for i := range l.Chains {
		if l.Chains[i].Folder == folder {
			return &l.Chains[i]
		}
	}
	return nil
}

// Last returns what stores are known to hold: the closed model or, before the first
// release, the open one, which teams run before they release anything.
func (l *Lock) Last() storage.Model {
	if l.Closed != nil {
		return l.Closed.Model
	}
	return l.Open
}

// Marshal returns the lock's text, which is the same for equal locks.
func (l *Lock) Marshal() ([]byte, error) {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// ReadLock reads the text of the lock at file. An unknown member is a fault, as
// is a format that this compiler does not know: what it does not understand it
// would lose.
func ReadLock(text []byte, file string) (*Lock, []schema.Diagnostic) {
	fault := func(at schema.Source, what, fix string) (*Lock, []schema.Diagnostic) {
		return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleLockFormat, at, what, fix)}
	}
	if mark := conflictMark.FindIndex(text); mark != nil {
		return fault(Place(text, file, mark[0]), "a merge left the file in conflict",
			"run git checkout --ours "+file+", then prism generate, which adds what the other branch has from the merged schema")
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fault(jsonPlace(text, file, err), jsonText(err), "restore the file from version control")
	}
	switch what := fmt.Sprintf("the lock has format %d", head.Format); {
	case head.Format < 1:
		return fault(Member(text, file, "format"), what, "restore the file from version control")
	case head.Format > Format:
		return nil, []schema.Diagnostic{schema.NewDiagnostic(schema.RuleLockNewer, Member(text, file, "format"),
			fmt.Sprintf("%s, and this compiler reads up to %d", what, Format), "use the compiler that wrote it, or a later one")}
	}
	decode := func(to any) []schema.Diagnostic {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(to); err != nil {
			_, faults := fault(jsonPlace(text, file, err), jsonText(err), "restore the file from version control")
			return faults
		}
		return nil
	}
	if head.Format < Format {
		var f former
		if faults := decode(&f); faults != nil {
			return nil, faults
		}
		if f.Release != 0 {
			return fault(Member(text, file, "release"), fmt.Sprintf("release %d is closed in format %d, in which nothing was", f.Release, f.Format),
				"restore the file from version control")
		}
		return f.lock(), nil
	}
	l := new(Lock)
	if faults := decode(l); faults != nil {
		return nil, faults
	}
	if l.Release < 0 || (l.Release > 0) != (l.Closed != nil) {
		return fault(Member(text, file, "release"), fmt.Sprintf("release %d does not agree with closed", l.Release),
			"restore the file from version control")
	}
	return l, nil
}

// conflictMark matches where version control begins, or ends, what two branches
// have changed: no line of a lock begins so.
var conflictMark = regexp.MustCompile(`(?m)^(<<<<<<<|>>>>>>>) `)

func jsonText(err error) string {
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) && kind.Field != "" {
		return kind.Field + " is a " + kind.Value
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// jsonPlace returns where err found its fault, or the file.
func jsonPlace(text []byte, file string, err error) schema.Source {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return Place(text, file, int(syntax.Offset)-1)
	case errors.As(err, &kind):
		return Place(text, file, int(kind.Offset)-1)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Place(text, file, len(text))
	}
	return schema.Source{File: file}
}

// Member returns where the outermost member of that name stands: this compiler
// writes those of the lock itself before all others.
func Member(text []byte, file, name string) schema.Source {
	if i := bytes.Index(text, []byte(`"`+name+`"`)); i >= 0 {
		return Place(text, file, i)
	}
	return schema.Source{File: file}
}

// Place returns where the offset of a file's text is.
func Place(text []byte, file string, offset int) schema.Source {
	before := text[:min(max(offset, 0), len(text))]
	return schema.Source{
		File:   file,
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
	}
}
