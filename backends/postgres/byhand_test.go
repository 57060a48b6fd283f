package postgres_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// storyFolders have the files that people read: generator/testdata/releases.
const storyFolders = "../../generator/testdata/releases/*/postgres/*"

// release is what one release adds to a folder of migrations, without what is
// dropped behind it, and that.
type release struct{ files, contract []string }

// releasesIn returns the releases of a folder, whose files say of which they are.
func releasesIn(t *testing.T, folder string) (all []release) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.up.sql"))
	if err != nil || len(names) == 0 {
		t.Fatal(folder, err)
	}
	last := ""
	for _, name := range names {
		if of := regexp.MustCompile(`, release [0-9]+,`).FindString(read(t, name)); of != last || len(all) == 0 {
			all, last = append(all, release{}), of
		}
		now := &all[len(all)-1]
		if strings.HasSuffix(name, "_contract.up.sql") {
			now.contract = append(now.contract, name)
		} else {
			now.files = append(now.files, name)
		}
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hand is somebody with psql at a database of their own.
type hand struct {
	*testing.T
	psql, url string
	conn      *pgx.Conn
}

func newHand(t *testing.T) *hand {
	h := &hand{T: t, url: postgrestest.Start(t), psql: postgrestest.Program(t, "psql")}
	conn, err := pgx.Connect(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	h.conn = conn
	t.Cleanup(func() { conn.Close(t.Context()) })
	return h
}

// run runs a file as it says that it is run.
func (h *hand) run(name string, flags ...string) (out string, err error) {
	h.Helper()
	args := append([]string{"-X", "-q", "-d", h.url, "-f", name}, flags...)
	if strings.Contains(read(h.T, name), ": one transaction") {
		args = append(args, "-1")
	}
	text, err := exec.CommandContext(h.Context(), h.psql, args...).CombinedOutput()
	return string(text), err
}

// apply runs a file. A fill fails, and is then recorded as the proxy would.
func (h *hand) apply(name string) {
	h.Helper()
	out, err := h.run(name, "-v", "ON_ERROR_STOP=1")
	if !strings.HasSuffix(name, "_fill.up.sql") {
		if err != nil || out != "" {
			h.Fatalf("%s: %v\n%s", name, err, out)
		}
		return
	}
	if err == nil || !strings.Contains(out, `"only migrate complete of the proxy does this" does not exist`) {
		h.Fatalf("%s: %v\n%s", name, err, out)
	}
	before := h.recorded()
	if out, _ := h.run(name); strings.Count(out, "ERROR") != 2 { // it does not stop by itself
		h.Fatalf("%s: %s", name, out)
	}
	if now := h.recorded(); !slices.Equal(before, now) {
		h.Fatalf("%s: by hand it is recorded: %q", name, now)
	}
	text := read(h.T, name)
	h.exec(text[strings.Index(text, "INSERT INTO"):])
}

func (h *hand) exec(sql string) {
	h.Helper()
	if _, err := h.conn.Exec(h.Context(), sql); err != nil {
		h.Fatalf("%s: %v", sql, err)
	}
}

func (h *hand) recorded() []string {
	h.Helper()
	rows, err := h.conn.Query(h.Context(), `SELECT "name" FROM "prism_migrations" ORDER BY "number"`)
	if err != nil {
		h.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.Fatal(err)
	}
	return names
}

// fill puts a row of release 1 into every table of records, which only needs what a
// table asks for.
func (h *hand) fill() {
	h.Helper()
	rows, err := h.conn.Query(h.Context(), `SELECT format('INSERT INTO %I (%s) VALUES (%s)', table_name, string_agg(format('%I', column_name), ', '),
  string_agg(CASE data_type WHEN 'text' THEN '''a''' WHEN 'bytea' THEN '''\x''' WHEN 'timestamp with time zone' THEN 'now()' ELSE '1' END, ', '))
FROM information_schema.columns WHERE table_schema = 'public' AND is_nullable = 'NO' AND table_name NOT LIKE 'prism\_%' GROUP BY table_name`)
	if err != nil {
		h.Fatal(err)
	}
	inserts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(inserts) == 0 {
		h.Fatal(inserts, err)
	}
	for _, insert := range inserts {
		h.exec(insert)
	}
}

// Each file runs by psql in the way that its head says, beside records: the files of a
// release there, back, and there again.
func TestReleasesByHand(t *testing.T) {
	folders, err := filepath.Glob(storyFolders)
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, folder := range folders {
		t.Run(strings.TrimPrefix(folder, "../../generator/testdata/releases/"), func(t *testing.T) {
			h := newHand(t)
			var want []string
			for i, r := range releasesIn(t, folder) {
				for _, name := range r.files {
					h.apply(name)
				}
				if i == 0 {
					h.fill()
				} else {
					for _, name := range slices.Backward(r.files) {
						h.apply(strings.TrimSuffix(name, "up.sql") + "down.sql")
					}
					if got := h.recorded(); !slices.Equal(got, want) {
						t.Fatalf("behind %q, and back, %q is recorded", r.files, got)
					}
					for _, name := range r.files {
						h.apply(name)
					}
				}
				for _, name := range r.contract {
					h.apply(name)
				}
				for _, name := range append(r.files, r.contract...) {
					want = append(want, strings.TrimSuffix(filepath.Base(name), ".up.sql"))
				}
				slices.Sort(want)
			}
			if got := h.recorded(); !slices.Equal(got, want) {
				t.Errorf("recorded: %q, want %q", got, want)
			}
		})
	}
}

// psql goes on behind a statement that fails. An index that was not built is not
// recorded all the same.
func TestFailedBuildByHand(t *testing.T) {
	h := newHand(t)
	folder := "../../generator/testdata/releases/unique/postgres/user-profiles/"
	for _, name := range []string{"0001_init_expand", "0002_user_profiles_expand"} {
		h.apply(folder + name + ".up.sql")
	}
	for _, id := range []string{"a", "b"} {
		h.exec(fmt.Sprintf(`INSERT INTO "user_profiles" ("user_id", "sms", "prism_record", "prism_version", "prism_release") VALUES ('%s', '+4930', '', 1, 2)`, id))
	}
	const index = "0005_user_profiles_sms_index"
	if out, err := h.run(folder + index + ".up.sql"); err != nil || !strings.Contains(out, "could not create unique index") {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := h.recorded(); slices.Contains(got, index) {
		t.Errorf("recorded: %q", got)
	}
	h.exec(`UPDATE "user_profiles" SET "sms" = NULL WHERE "user_id" = 'b'`)
	h.exec(`DROP INDEX CONCURRENTLY "user_profiles_sms"`)
	h.apply(folder + index + ".up.sql")
	if got := h.recorded(); !slices.Contains(got, index) {
		t.Errorf("recorded: %q", got)
	}
}
