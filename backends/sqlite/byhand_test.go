package sqlite_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// storyFolders have the files that people read: generator/testdata/releases.
const storyFolders = "../../generator/testdata/releases/*/sqlite/*"

// hand is somebody with sqlite3, Debian's, at a file of their own.
type hand struct {
	*testing.T
	store string
}

func newHand(t *testing.T) *hand {
	if _, err := exec.LookPath("sqlite3"); err != nil && os.Getenv("PRISM_REQUIRE") != "all" {
		t.Skip("SKIPPED, NOT PASSED: no sqlite3 on this machine; run make engines")
	}
	return &hand{t, filepath.Join(t.TempDir(), "shop.db")}
}

// sqlite3 runs the program with arguments behind those that everybody gives it.
func (h *hand) sqlite3(args ...string) (out string, err error) {
	h.Helper()
	text, err := exec.CommandContext(h.Context(), "sqlite3", append([]string{"-init", os.DevNull, "-batch"}, args...)...).CombinedOutput()
	return string(text), err
}

// apply runs a file in a transaction. A fill fails, and is then recorded as the proxy
// would.
func (h *hand) apply(name string) {
	h.Helper()
	out, err := h.sqlite3("-bail", h.store, "BEGIN", ".read "+name, "COMMIT")
	if !strings.HasSuffix(name, "_fill.up.sql") {
		if err != nil || out != "" {
			h.Fatalf("%s: %v\n%s", name, err, out)
		}
		return
	}
	if err == nil || !strings.Contains(out, "no such table: only migrate complete of the proxy does this") {
		h.Fatalf("%s: %v\n%s", name, err, out)
	}
	before := h.recorded()
	text, err := os.ReadFile(name)
	if err != nil {
		h.Fatal(err)
	}
	h.pipe(string(text)) // does not stop by itself
	if now := h.recorded(); !slices.Equal(before, now) {
		h.Fatalf("%s: by hand it is recorded: %q", name, now)
	}
	h.ask(string(text[bytes.Index(text, []byte("INSERT INTO")):]))
}

// pipe gives text to the program, whatever comes of it.
func (h *hand) pipe(text string) {
	h.Helper()
	cmd := exec.CommandContext(h.Context(), "sqlite3", "-init", os.DevNull, "-batch", h.store)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("only migrate complete")) {
		h.Fatalf("%v\n%s", err, out)
	}
}

// ask returns the rows of what must succeed.
func (h *hand) ask(sql string) []string {
	h.Helper()
	out, err := h.sqlite3("-bail", h.store, sql)
	if err != nil {
		h.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.Fields(out)
}

func (h *hand) recorded() []string {
	h.Helper()
	return h.ask(`SELECT "name" FROM "prism_migrations" ORDER BY "number"`)
}

// fill puts a row of release 1 into every table of records, which only needs what a
// table asks for.
func (h *hand) fill() {
	h.Helper()
	for _, table := range h.ask(`SELECT "name" FROM "sqlite_schema" WHERE "type" = 'table' AND "name" NOT LIKE 'prism\_%' ESCAPE '\'`) {
		var columns, values []string
		for _, column := range h.ask(`SELECT "name" || ':' || "type" FROM pragma_table_info('` + table + `') WHERE "notnull" = 1`) {
			name, kind, _ := strings.Cut(column, ":")
			columns = append(columns, `"`+name+`"`)
			values = append(values, map[string]string{"TEXT": "'a'", "BLOB": "x''", "INTEGER": "1"}[kind])
		}
		h.ask(`INSERT INTO "` + table + `" (` + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")")
	}
}

// Each file runs by Debian's sqlite3, in order, beside records; and those that lead
// back from what is last do so, down to a file that nothing takes back.
func TestReleasesByHand(t *testing.T) {
	folders, err := filepath.Glob(storyFolders)
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, folder := range folders {
		t.Run(strings.TrimPrefix(folder, "../../generator/testdata/releases/"), func(t *testing.T) {
			names, err := filepath.Glob(filepath.Join(folder, "*.up.sql"))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			h := newHand(t)
			var want, back []string
			for i, name := range names {
				if h.apply(name); i == 0 {
					h.fill()
				}
				want = append(want, strings.TrimSuffix(filepath.Base(name), ".up.sql"))
			}
			if got := h.recorded(); !slices.Equal(got, want) {
				t.Errorf("recorded: %q, want %q", got, want)
			}
			for _, name := range slices.Backward(names) {
				down := strings.TrimSuffix(name, "up.sql") + "down.sql"
				if _, err := os.Stat(down); err != nil {
					break
				}
				h.apply(down)
				back = append(back, name)
			}
			if got, want := h.recorded(), want[:len(want)-len(back)]; !slices.Equal(got, want) {
				t.Errorf("back from %q, %q is recorded, want %q", back, got, want)
			}
			for _, name := range slices.Backward(back) {
				h.apply(name)
			}
		})
	}
}
