package postgres_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// serveItems opens the store of the namespace items at url, and closes it again.
func serveItems(t *testing.T, p *backendtest.Proxy, url string) error {
	t.Helper()
	env := p.Env()
	env.Getenv = func(string) string { return url }
	all := backendtest.Namespaces(t, "postgres", env)
	i := slices.IndexFunc(all, func(n runtime.Namespace) bool { return n.Name == "items" })
	store, err := all[i].Open(t.Context(), env)
	if err != nil {
		return err
	}
	return store.Close()
}

func putItem(t *testing.T, p *backendtest.Proxy, id string) int64 {
	t.Helper()
	out, err := p.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: id}})
	if err != nil {
		t.Fatal(err)
	}
	return out.GetVersion()
}

// mending matches the statement that an error says to run.
var mending = regexp.MustCompile(`run ((?:SELECT|ALTER|CREATE) [^;]+);`)

// A sequence that would issue versions again or out of order is refused at
// start; the error has the statement that repairs it, ready to paste.
func TestSequenceBehindItsTable(t *testing.T) {
	const setBack = `SELECT setval('"items_version"', 1)::text`
	const twice, disorder = "versions would be issued twice", "out of order"
	p := backendtest.Open(t, conformance)
	store := p.Getenv(urlVariable)
	putItem(t, p, "a")
	verify := func(t *testing.T, broken, want string) {
		t.Helper()
		last := putItem(t, p, "a")
		p.Stop(t)
		query(t, store, broken)
		wantError(t, serveItems(t, p, store), want)
		_, err := p.Namespace(t, "items").Migrate(t.Context(), p.Env(), migration.Run{})
		wantError(t, err, want)
		statement := mending.FindStringSubmatch(fmt.Sprint(err))
		if statement == nil {
			t.Fatalf("the error names no statement: %v", err)
		}
		query(t, store, "DO $$ BEGIN "+strings.Replace(statement[1], "SELECT", "PERFORM", 1)+"; END $$")
		if strings.HasPrefix(statement[1], "CREATE") {
			if err := p.Namespace(t, "items").BumpVersions(t.Context(), p.Env()); err != nil {
				t.Fatal(err)
			}
		}
		p.Start(t)
		if got := putItem(t, p, "a"); got <= last {
			t.Errorf("version %d is issued, and %d was", got, last)
		}
	}
	for _, c := range []struct{ name, broken, want string }{
		{"set back by hand", setBack, twice},
		{"never used, as behind a restore of tables", `SELECT setval('"items_version"', 1, false)::text`, twice},
		{"gone", `DROP SEQUENCE "items_version"`, `has no sequence "items_version"`},
		{"with a cache in every session", `ALTER SEQUENCE "items_version" CACHE 20`, disorder},
		{"that cycles", `ALTER SEQUENCE "items_version" CYCLE`, disorder},
		{"that counts down", `ALTER SEQUENCE "items_version" INCREMENT BY -1`, disorder},
	} {
		t.Run(c.name, func(t *testing.T) { verify(t, c.broken, c.want) })
	}

	// A table that is too large to be read at every start is read if its sequence
	// is not the one that migrate up found ahead of it.
	query(t, store, `INSERT INTO "items" ("item_id", "prism_record", "prism_version", "prism_release")
SELECT 'large' || n, convert_to(repeat('x', 1200), 'UTF8'), nextval('"items_version"'), 1 FROM generate_series(1, 9000) AS n`)
	p.Restart(t)
	for _, c := range []struct{ name, broken string }{
		{"large, and made anew", `DO $$ BEGIN DROP SEQUENCE "items_version"; CREATE SEQUENCE "items_version"; END $$`},
		{"large, and restarted", `ALTER SEQUENCE "items_version" RESTART`},
		{"large, and of another database", `UPDATE "prism_meta" SET "value" = '7/1/2/3' WHERE "name" = 'sequence_of_items' AND setval('"items_version"', 1) > 0`},
	} {
		t.Run(c.name, func(t *testing.T) { verify(t, c.broken, twice) })
	}
	t.Run("large, and set back by hand", func(t *testing.T) { // the cost of not reading it
		query(t, store, setBack)
		if err := serveItems(t, p, store); err != nil {
			t.Error(err)
		}
	})
}

// A complete pg_dump includes the sequences; one of tables only does not.
func TestRestoredDump(t *testing.T) {
	dump, err := exec.LookPath("pg_dump")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: no pg_dump on this machine")
	}
	p := backendtest.Open(t, conformance)
	for range 3 {
		putItem(t, p, "a")
	}
	for name, c := range map[string]struct {
		flags []string
		into  bool   // into a database that migrate up made
		want  string // "": it is served
	}{
		"whole":                        {nil, false, ""},
		"of tables":                    {[]string{"-t", "items", "-t", "badges", "-t", "prism_*"}, false, `has no sequence "badges_version"`},
		"of the data":                  {[]string{"--data-only", "-T", "prism_*"}, true, ""},
		"of the data of tables, alone": {[]string{"--data-only", "-t", "items", "-t", "badges"}, true, "versions would be issued twice"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := exec.CommandContext(t.Context(), dump, append(c.flags, "--inserts", p.Getenv(urlVariable))...).Output()
			if err != nil {
				t.Fatal(err)
			}
			restored := postgrestest.Start(t)
			if c.into {
				env := p.Env()
				env.Getenv = func(string) string { return restored }
				for _, n := range backendtest.Namespaces(t, "postgres", env) {
					if _, err := n.Migrate(t.Context(), env, migration.Run{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			psql := exec.CommandContext(t.Context(), "psql", restored, "-q", "-v", "ON_ERROR_STOP=1")
			psql.Stdin = strings.NewReader(string(text))
			if out, err := psql.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			switch err := serveItems(t, p, restored); {
			case c.want != "":
				wantError(t, err, c.want)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// The proxy's role only needs to read the tables and use the sequences.
func TestSequencesAreVerifiedWithoutRights(t *testing.T) {
	p := backendtest.Open(t, conformance)
	store := p.Getenv(urlVariable)
	putItem(t, p, "a")
	query(t, store, `DO $$ BEGIN GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO PUBLIC; END $$`)
	role := with(t, store, "role", "pg_signal_backend") // every server has it, with no right to read
	if err := serveItems(t, p, role); err != nil {
		t.Error(err)
	}
	query(t, store, `SELECT setval('"items_version"', 1, false)::text`)
	wantError(t, serveItems(t, p, role), "versions would be issued twice")
}

// Without fsync a power cut takes back what the sequence has issued, so even
// the weakest class needs it.
func TestFsyncIsNeeded(t *testing.T) {
	store := postgrestest.StartOwn(t).URL
	cfg := config(initSQL)
	cfg.Durability = "LOST_ON_RESTART"
	migrate(t, environment(store), cfg)
	query(t, store, `ALTER SYSTEM SET fsync = off`)
	query(t, store, `SELECT pg_reload_conf()::text`)
	var err error
	for range 100 { // until the server has read it
		db, opened := cfg.Open(t.Context(), environment(store))
		if err = opened; err != nil {
			break
		}
		db.Close()
		time.Sleep(20 * time.Millisecond)
	}
	wantError(t, err, "fsync = off, which is not enough for any store of Prism; set fsync to on")
}

// A proxy that starts while another writes finds the sequence ahead of the
// table, whatever is written between reading the two.
func TestSequenceBesideWriters(t *testing.T) {
	p := backendtest.Open(t, conformance)
	store := p.Getenv(urlVariable)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					putItem(t, p, fmt.Sprint(i))
				}
			}
		})
	}
	for range 30 {
		if err := serveItems(t, p, store); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	writers.Wait()
}
