package runtime

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"strings"
	"testing"
	"time"
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

// What does not end is left behind, and said.
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

// What an operator reads of migrate verify and bump-versions, and what a script
// does: damage is a failure, and all namespaces are read.
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
