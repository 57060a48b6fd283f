package runtime

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prism-proxy/prism/runtime/migration"
)

func TestCommandLine(t *testing.T) {
	d := &Deployment{Name: "test", Listen: "127.0.0.1:0"}
	tests := []struct {
		args []string
		want int
	}{
		{[]string{"version"}, exitOK},
		{[]string{"help"}, exitOK},
		{nil, exitUsage},
		{[]string{"nonsense"}, exitUsage},
		{[]string{"migrate"}, exitUsage},
		{[]string{"migrate", "down"}, exitUsage},
		{[]string{"migrate", "status", "more"}, exitUsage},
		{[]string{"serve", "--no-such-flag"}, exitUsage},
		{[]string{"version", "more"}, exitUsage},
		{[]string{"serve", "more"}, exitUsage},
		{[]string{"serve", "--drain-delay", "6s"}, exitUsage},
		{[]string{"serve", "-h"}, exitOK},
		{[]string{"migrate", "-h"}, exitOK},
		{[]string{"migrate", "up", "--help"}, exitOK},
		{[]string{"serve", "--listen", "0.0.0.0:0"}, exitUsage},
		{[]string{"serve", "--listen", "8980"}, exitUsage},
		{[]string{"health", "--address", "127.0.0.1:1", "--timeout", "50ms"}, exitFailure},
	}
	for _, test := range tests {
		if got := Main(d, test.args); got != test.want {
			t.Errorf("%v exits with %d, want %d", test.args, got, test.want)
		}
	}
}

// What does not end is left behind and logged.
func TestStopWithin(t *testing.T) {
	ends := func() error { return nil }
	for _, test := range []struct {
		name         string
		serve, close func(hang <-chan struct{}) error
		want         string // in the log and the error, "": it ends by itself
	}{
		{"all ends", nil, nil, ""},
		{"a call hangs", wait, nil, "calls that do not end"},
		{"a store hangs", nil, wait, "stores that do not close"},
	} {
		t.Run(test.name, func(t *testing.T) {
			hang := make(chan struct{})
			defer close(hang)
			stuck := func(f func(<-chan struct{}) error) func() error {
				if f == nil {
					return ends
				}
				return func() error { return f(hang) }
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var logs bytes.Buffer
			err := stopWithin(ctx, 10*time.Millisecond, slog.New(slog.NewTextHandler(&logs, nil)), stuck(test.serve), stuck(test.close))
			if test.want == "" {
				if err != nil || !strings.Contains(logs.String(), "stopped") {
					t.Errorf("got %v\n%s", err, &logs)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(logs.String(), test.want) {
				t.Errorf("got %v, want %q\n%s", err, test.want, &logs)
			}
		})
	}
}

func wait(hang <-chan struct{}) error {
	<-hang
	return nil
}

// What migrate verify and bump-versions tell an operator and a script: damage
// is a failure, and all namespaces are read.
func TestMigrateVerbs(t *testing.T) {
	verified := func(damaged int64) func(context.Context, *Env, func(string, int64)) ([]Verified, error) {
		return func(_ context.Context, _ *Env, report func(string, int64)) ([]Verified, error) {
			for i := range damaged {
				report("things", 7+i)
			}
			return []Verified{{Table: "things", Records: 9, Unchecked: 2, Damaged: damaged}}, nil
		}
	}
	bumped := ""
	bump := func(name string) func(context.Context, *Env) error {
		return func(context.Context, *Env) error { bumped += name; return nil }
	}
	d := &Deployment{Name: "test", Namespaces: []Namespace{
		{Name: "a", Backend: "x", Verify: verified(1), BumpVersions: bump("a")},
		{Name: "b", Backend: "x", Verify: verified(0), BumpVersions: bump("b")},
		{Name: "c", Backend: "memory"},
	}}
	for _, c := range []struct {
		args         string
		out, failure string
	}{
		{"verify", `a: damaged: the record of table things with prism_version 7
a: table things: 9 records, 2 without a checksum, 1 damaged
b: table things: 9 records, 2 without a checksum, 0 damaged
c: memory has no checksums
`, "namespace a on x: 1 records are damaged"},
		{"verify --namespace b", "b: table things: 9 records, 2 without a checksum, 0 damaged\n", ""},
		{"bump-versions --namespace b", "b: versions have leapt\n", ""},
		{"bump-versions", "a: versions have leapt\nb: versions have leapt\nc: memory begins with other versions at every start\n", ""},
		{"bump-versions --namespace d", "", "--namespace d is none of deployment test"},
	} {
		var out bytes.Buffer
		err := migrateCommand(t.Context(), d, flag.NewFlagSet("migrate", flag.ContinueOnError), strings.Fields(c.args), &out)
		if out.String() != c.out {
			t.Errorf("%s prints\n%swant\n%s", c.args, &out, c.out)
		}
		if c.failure == "" && err != nil || c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)) {
			t.Errorf("%s: got %v, want an error with %q", c.args, err, c.failure)
		}
	}
	if bumped != "bab" {
		t.Errorf("bumped %q, want the one and then all", bumped)
	}
}

// A namespace that cannot be migrated does not stop those after it, and status
// tells a script what is left to do.
func TestMigrateGoesOn(t *testing.T) {
	up := func(applied []migration.File, err error) func(context.Context, *Env, migration.Run) ([]migration.File, error) {
		return func(_ context.Context, _ *Env, run migration.Run) ([]migration.File, error) {
			for _, f := range applied {
				if run.Done != nil {
					run.Done(f)
				}
			}
			return applied, err
		}
	}
	status := func(state string, err error) func(context.Context, *Env) ([]migration.State, error) {
		return func(context.Context, *Env) ([]migration.State, error) {
			if err != nil {
				return nil, err
			}
			return []migration.State{{Number: 1, Name: "0001_init_expand", State: state}}, nil
		}
	}
	locked := errors.New("BACKEND_CONTENTION: the store gave way to concurrent writes")
	d := &Deployment{Name: "test", Release: 2, Namespaces: []Namespace{
		{Name: "a", Backend: "x", Migrate: up(nil, locked), Status: status("pending", nil)},
		{Name: "b", Backend: "x", Migrate: up([]migration.File{{Name: "0001_init_expand"}}, nil), Status: status("applied", nil)},
		{Name: "c", Backend: "memory"},
		{Name: "d", Backend: "x", Migrate: up(nil, nil), Status: status("", locked)},
		{Name: "e", Backend: "x", Migrate: up(nil, nil), Status: status("changed", nil)},
	}}
	for _, c := range []struct {
		args, out, failure string
		pending            bool
	}{
		{"up", "a: failed\nb: 0001_init_expand applied\nc: memory has no migrations\nd: up to date\ne: up to date\n4 of 5 namespaces are up to date\n", "namespace a on x: BACKEND_CONTENTION", false},
		{"up --namespace b", "b: 0001_init_expand applied\n", "", false},
		{"status --namespace a", "a: 0001_init_expand pending\n", "migrations are pending", true},
		{"status --namespace b", "b: 0001_init_expand applied\n", "", false},
		{"status --namespace c", "c: memory has no migrations\n", "", false},
		{"status --namespace e", "e: 0001_init_expand changed\n", "changed after it was applied", false},
		{"status", "a: 0001_init_expand pending\nb: 0001_init_expand applied\nc: memory has no migrations\ne: 0001_init_expand changed\n", "namespace d on x: BACKEND_CONTENTION", false},
		{"status -o json --namespace c", "[\n  {\n    \"namespace\": \"c\",\n    \"backend\": \"memory\",\n    \"migrations\": []\n  }\n]\n", "", false},
		{"status -o json --namespace a", "[\n  {\n    \"namespace\": \"a\",\n    \"backend\": \"x\",\n    \"migrations\": [\n      {\n        \"number\": 1,\n        \"name\": \"0001_init_expand\",\n        \"phase\": \"expand\",\n        \"state\": \"pending\"\n      }\n    ]\n  }\n]\n", "migrations are pending", true},
		{"status -o json --namespace d", "[\n  {\n    \"namespace\": \"d\",\n    \"backend\": \"x\",\n    \"migrations\": [],\n    \"error\": \"BACKEND_CONTENTION: the store gave way to concurrent writes\"\n  }\n]\n", "namespace d on x: BACKEND_CONTENTION", false},
		{"status -o yaml", "", "-o is \"yaml\"; write text or json", false},
		{"up -o json --namespace b", "[\n  {\n    \"namespace\": \"b\",\n    \"backend\": \"x\",\n    \"migrations\": [\n      {\n        \"number\": 0,\n        \"name\": \"0001_init_expand\",\n        \"phase\": \"expand\",\n        \"state\": \"applied\"\n      }\n    ]\n  }\n]\n", "", false},
		{"complete --namespace b", "b: 0001_init_expand applied\n", "", false},
		{"plan --namespace b", "b: up: 0001_init_expand\n", "", false},
		{"down --namespace b --to 1", "b: 0001_init_expand undone\n", "", false},
		{"down", "", "--to is 0; name a release before 2", false},
		{"down --to 2", "", "--to is 2; name a release before 2", false},
		{"up --contract", "", "flag provided but not defined", false},
	} {
		var out bytes.Buffer
		err := migrateCommand(t.Context(), d, flag.NewFlagSet("migrate", flag.ContinueOnError), strings.Fields(c.args), &out)
		if out.String() != c.out {
			t.Errorf("%s prints\n%swant\n%s", c.args, &out, c.out)
		}
		if c.failure == "" && err != nil || c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)) {
			t.Errorf("%s: got %v, want an error with %q", c.args, err, c.failure)
		}
		if errors.Is(err, errPending) != c.pending {
			t.Errorf("%s: got %v, exit 3: want %t", c.args, err, c.pending)
		}
	}
	d.Namespaces = d.Namespaces[:1]
	if got := Main(d, []string{"migrate", "status"}); got != exitPending {
		t.Errorf("a pending migration exits with %d, want %d", got, exitPending)
	}
}

// A flag that is not given is read from the environment, and is a fault there as it
// is on the command line.
func TestFlagsFromEnvironment(t *testing.T) {
	t.Setenv("PRISM_DATA_DIR", "elsewhere")
	t.Setenv("PRISM_WAIT", "3s")
	t.Setenv("PRISM_O", "json")
	set := func(args ...string) (dir, o string, wait time.Duration, err error) {
		flags := flag.NewFlagSet("serve", flag.ContinueOnError)
		flags.StringVar(&dir, "data-dir", "data", "")
		flags.StringVar(&o, "o", "text", "")
		flags.DurationVar(&wait, "wait", 0, "")
		err = parse(flags, args)
		return dir, o, wait, err
	}
	if dir, o, wait, err := set("-data-dir", "here"); dir != "here" || o != "text" || wait != 3*time.Second || err != nil {
		t.Errorf("got %s, %s, %s, %v", dir, o, wait, err)
	}
	if dir, _, _, err := set(); dir != "elsewhere" || err != nil {
		t.Errorf("got %s, %v", dir, err)
	}
	t.Setenv("PRISM_WAIT", "10")
	if _, _, _, err := set(); err == nil || !strings.Contains(err.Error(), `PRISM_WAIT is "10"`) {
		t.Errorf("got %v, want a fault of PRISM_WAIT", err)
	}
}
