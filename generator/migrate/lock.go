package migrate

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
)

// Format is the format of locks that this package writes. It reads those of
// before as well, as every later compiler will read this one; what a format
// cannot say takes a new one. In format 1 entities have no abstraction: there
// was only key_value.
const Format = 2

// LockPath returns where the lock of the deployment in the folder dir stands,
// both with slashes from the module's root.
func LockPath(dir string) string { return path.Join(dir, "prism.lock.json") }

// Lock is a deployment's state: what its stores held at the last release, and
// what the open migration makes of that. Its names are frozen: those of
// members by Format, those of tables, columns and indexes by the release that
// first had them.
type Lock struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	Release    int    `json:"release"` // the last one; 0: none yet
	// Closed is the model at the last release, absent before the first.
	Closed *Model `json:"closed,omitempty"`
	// Open is the model that the open migration leads to, of release
	// Release+1.
	Open Model `json:"open"`
}

// Model is what the stores of a deployment hold.
type Model struct {
	Namespaces []Namespace `json:"namespaces"` // by name
	Entities   []Entity    `json:"entities"`   // by name
	// Retired are the tables of entities that are gone, for ever: an entity
	// that comes with such a name is another one.
	Retired []RetiredEntity `json:"retired,omitempty"`
}

// Namespace is where entities stand and how their store came to hold them.
type Namespace struct {
	Name    string `json:"name"`
	Backend string `json:"backend"`
	// Located are the settings that decide where the records are.
	Located    map[string]string `json:"located,omitempty"`
	Migrations []Migration       `json:"migrations"` // by number, which name begins with; those of release Release+1 are open
}

// Migration is one file of a namespace.
type Migration struct {
	Name    string `json:"name"`             // 0001_init_expand
	Release int    `json:"release"`          // that it belongs to
	SHA256  string `json:"sha256,omitempty"` // of its statements, in lower-case hex; absent while it is open
}

// Entity is what a store holds of an entity beside the records.
type Entity struct {
	Name        string `json:"name"`        // shop.v1.Order
	Abstraction string `json:"abstraction"` // key_value
	Namespace   string `json:"namespace"`
	Table       string `json:"table"`
	// Release is the latest one that changed Columns, Indexes or Expires.
	Release int      `json:"release"`
	Expires bool     `json:"expires"` // records carry an expiry
	Columns []Column `json:"columns"` // the key in its order, then the others by field number
	Indexes []Index  `json:"indexes"` // by name
	// Retired are columns that are gone, for ever: a column that comes with such
	// a name, or a field with the number of one that is gone too, is another one.
	Retired []RetiredColumn `json:"retired,omitempty"`
}

// Column is a field that stands beside the record.
type Column struct {
	Field int32  `json:"field"` // the field's number, which is its identity
	Name  string `json:"name"`  // in the store, whatever the field's name becomes
	Type  string `json:"type"`  // text, int, uint, bool, timestamp, bytes or float
	Role  string `json:"role"`  // partition, sort, indexed or marked
	// Presence says that the column is NULL where the field is absent, and not
	// the zero value.
	Presence bool `json:"presence"`
}

// Index is a secondary index.
type Index struct {
	Name    string  `json:"name"`     // as errors and Finds name it
	SQLName string  `json:"sql_name"` // in the store
	Fields  []int32 `json:"fields"`   // field numbers, in their order; one that is not unique ends with the rest of the key
	Unique  bool    `json:"unique"`
}

// keyValue is an abstraction, as the option in the schema is called.
const keyValue = "key_value"

// RetiredColumn was a column up to a release.
type RetiredColumn struct {
	Field   int32  `json:"field"`
	Name    string `json:"name"`
	Release int    `json:"release"` // the first without it
	// FieldGone says that the field is gone too, and does not live on without a
	// column of its own.
	FieldGone bool `json:"field_gone"`
}

// RetiredEntity was an entity up to a release.
type RetiredEntity struct {
	Name    string `json:"name"`
	Table   string `json:"table"`
	Release int    `json:"release"` // the first without it
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
		return fault(offsetPlace(text, file, mark[0]), "a merge left the file in conflict",
			"run git checkout --ours "+file+", then prism generate, which adds what the other branch has from the merged schema")
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fault(jsonPlace(text, file, err), jsonText(err), "restore the file from version control")
	}
	if head.Format < 1 || head.Format > Format {
		return fault(member(text, file, "format"), fmt.Sprintf("the lock has format %d", head.Format),
			"use the compiler that wrote it, or a later one")
	}
	l := new(Lock)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(l); err != nil {
		return fault(jsonPlace(text, file, err), jsonText(err), "restore the file from version control")
	}
	if l.Release < 0 || (l.Release > 0) != (l.Closed != nil) {
		return fault(member(text, file, "release"), fmt.Sprintf("release %d does not agree with closed", l.Release),
			"restore the file from version control")
	}
	if l.Format == 1 {
		l.Format = Format
		for _, m := range []*Model{l.Closed, &l.Open} {
			if m == nil {
				continue
			}
			for i := range m.Entities {
				m.Entities[i].Abstraction = keyValue
			}
		}
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
		return offsetPlace(text, file, int(syntax.Offset)-1)
	case errors.As(err, &kind):
		return offsetPlace(text, file, int(kind.Offset)-1)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return offsetPlace(text, file, len(text))
	}
	return schema.Source{File: file}
}

// member returns where the outermost member of that name stands: this compiler
// writes those of the lock itself before all others.
func member(text []byte, file, name string) schema.Source {
	if i := bytes.Index(text, []byte(`"`+name+`"`)); i >= 0 {
		return offsetPlace(text, file, i)
	}
	return schema.Source{File: file}
}

func offsetPlace(text []byte, file string, offset int) schema.Source {
	before := text[:min(max(offset, 0), len(text))]
	return schema.Source{
		File:   file,
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
	}
}
