package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/sqltext"
)

// History is the history of a deployment up to its last release, as its folder has
// it and as the lock says that it was closed.
type History struct {
	Dir  string // the deployment's folder, with slashes, from the module's root
	Lock *Lock  // nil: there is none yet
	Text []byte // of the lock
	// Released are the schemas of the releases, from the first on: what
	// released/NNNN.binpb holds.
	Released [][]byte
	// Migrations are the closed ones, with LF at the ends of lines, by their paths from
	// the folder.
	Migrations map[string][]byte
}

// MigrationsDir and ReleasedDir are folders in that of the deployment.
const (
	MigrationsDir = "migrations"
	ReleasedDir   = "released"
)

// UpPath returns where a migration of a folder stands, from the deployment's folder.
func UpPath(folder, name string) string { return path.Join(MigrationsDir, folder, name+".up.sql") }

// DownPath is UpPath for the file that takes the migration back.
func DownPath(folder, name string) string { return path.Join(MigrationsDir, folder, name+".down.sql") }

// ReleasedPath returns where the schema of a release stands, from the deployment's
// folder: a google.protobuf.FileDescriptorSet.
func ReleasedPath(release int) string { return fmt.Sprintf("%s/%04d.binpb", ReleasedDir, release) }

// Read reads the history in fsys, whose root is the deployment's folder dir. It
// returns every closed file that is not as it was closed. Without a lock there is no
// history; a lock that is gone while migrations are there is a fault: written anew
// it would forget the releases.
func Read(fsys fs.FS, dir string) (*History, []schema.Diagnostic) {
	h := &History{Dir: dir, Migrations: map[string][]byte{}}
	r := reader{History: h, fsys: fsys}
	text, err := fs.ReadFile(fsys, LockName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Glob fails only on a malformed pattern.
		if migrations, _ := fs.Glob(fsys, MigrationsDir+"/*/*.sql"); len(migrations) > 0 {
			r.report(schema.RuleLockFormat, LockName, "restore it from version control, or, if there was no release yet, delete the migrations",
				"the file is gone, and %s is there", path.Join(dir, migrations[0]))
		}
		return h, r.faults
	case err != nil:
		return nil, []schema.Diagnostic{{File: LockPath(dir), What: unread(err)}}
	}
	lock, faults := ReadLock(text, LockPath(dir))
	if len(faults) > 0 {
		return nil, faults
	}
	h.Lock, h.Text = lock, text
	r.closed()
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return h, nil
}

type reader struct {
	*History
	fsys   fs.FS
	faults []schema.Diagnostic
}

func (r *reader) report(number int, file, fix, what string, args ...any) {
	at := schema.Source{File: path.Join(r.Dir, file)}
	r.faults = append(r.faults, schema.NewDiagnostic(number, at, fmt.Sprintf(what, args...), fix))
}

// closed reads what the lock says is closed, and compares it.
func (r *reader) closed() {
	for release := 1; release <= r.Lock.Release; release++ {
		if set := r.file(ReleasedPath(release)); set != nil {
			r.Released = append(r.Released, set)
		}
	}
	for _, c := range r.Lock.Chains {
		for _, f := range c.Files {
			if f.Release > r.Lock.Release {
				continue
			}
			r.migration(UpPath(c.Folder, f.Name), f.SHA256, f.Release)
			if f.DownSHA256 != "" {
				r.migration(DownPath(c.Folder, f.Name), f.DownSHA256, f.Release)
			}
		}
	}
	if len(r.faults) > 0 || r.Lock.Release == 0 {
		return
	}
	if sum := r.Lock.Sum(r.Released); sum != r.Lock.Closed.Sum {
		lock := LockPath(r.Dir)
		r.report(schema.RuleHistorySum, LockName,
			fmt.Sprintf("take the other branch's history and release again: git checkout --theirs %s %s %s && prism generate %[4]s && prism release %[4]s",
				lock, path.Join(r.Dir, MigrationsDir), path.Join(r.Dir, ReleasedDir), r.Dir),
			"release %d is not what was closed: its files are those of two histories", r.Lock.Release)
	}
}

// file reads a closed file.
func (r *reader) file(name string) []byte {
	content, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		r.report(schema.RuleHistoryFile, name, "restore it from version control", "%s", unread(err))
	}
	return content
}

func (r *reader) migration(name, sha256 string, release int) {
	content := r.file(name)
	if content == nil {
		return
	}
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")) // of a checkout
	if sqltext.Checksum(string(content)) != sha256 {
		r.report(schema.RuleHistoryFile, name, "restore it from version control; what it should do otherwise is the work of a later release",
			"the statements of the file have changed since release %d was closed", release)
	}
	r.Migrations[name] = content
}

// Sum returns the hash, in lower-case hex, of the lock's last release and, through
// it, of all before: of their numbers, schemas, and the names and checksums of their
// files. Two histories that were merged without a conflict have another.
func (l *Lock) Sum(released [][]byte) string {
	sum := ""
	for release := 1; release <= l.Release; release++ {
		h := sha256.New()
		writeParts(h, sum, fmt.Sprint(release), string(released[release-1]))
		for _, c := range l.Chains {
			for _, f := range c.Files {
				if f.Release == release {
					writeParts(h, c.Folder, f.Name, f.SHA256, f.DownSHA256)
				}
			}
		}
		sum = hex.EncodeToString(h.Sum(nil))
	}
	return sum
}

// writeParts writes parts so that no others are written alike.
func writeParts(h hash.Hash, parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) // a hash never fails
	}
}

// unread says why a file, which the diagnostic names, was not read.
func unread(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "the file is gone"
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return "the file cannot be read: " + strings.TrimSpace(err.Error())
}
