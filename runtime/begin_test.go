package runtime

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// All that is wrong is reported at once, before any store is opened; after
// that, all that is wrong with the stores.
func TestAllFaultsOfStart(t *testing.T) {
	opened := ""
	backend := func(name string, err error) Backend[io.Closer, string] {
		return Backend[io.Closer, string]{
			Name: "x",
			Resolve: func(env *Env, n Namespace, url string) (string, error) {
				return env.Resolve("url of namespace "+n.Name, url)
			},
			Open: func(_ context.Context, _ *Env, _ Namespace, url string) (io.Closer, error) {
				opened += name + "=" + url + " "
				return io.NopCloser(nil), err
			},
		}
	}
	bind := func(name, url string, err error, n Namespace) Namespace {
		n.Name = name
		return backend(name, err).Bind(n, url)
	}
	d := &Deployment{Name: "test", Listen: "${env:LISTEN:-127.0.0.1:0}", Namespaces: []Namespace{
		bind("a", "${env:A}", nil, Namespace{InFlight: 5, InFlightFrom: Number{"${env:IN_FLIGHT:-5}", 1, 10}}),
		bind("b", "${env:B}", nil, Namespace{RatesFrom: map[string]Number{"GetThing": {"${env:RATE:-5}", 1, 10}}}),
	}}
	values := map[string]string{"IN_FLIGHT": "11", "RATE": "0", "LISTEN": "0.0.0.0:80"}
	env := NewEnv("test", "")
	env.Getenv = func(name string) string { return values[name] }
	listenTo := func() (net.Listener, error) {
		return listenAt(t.Context(), flag.NewFlagSet("serve", flag.ContinueOnError), d.Listen, env)
	}
	_, _, err := begin(t.Context(), d, env, errors.New("no data directory"), listenTo)
	for _, want := range []string{
		"url of namespace a: the environment variable A is not set", "url of namespace b: the environment variable B is not set",
		"limits in_flight of namespace a: ${env:IN_FLIGHT:-5} does not lead to a number that is allowed; write a whole number from 1 to 10",
		"limits rates GetThing of namespace b: ${env:RATE:-5} does not lead to a number that is allowed; write a whole number from 1 to 10",
		"no data directory", "listen of prism.yaml 0.0.0.0:80: without auth",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q among it", err, want)
		}
	}
	if opened != "" {
		t.Errorf("opened %s beside faults", opened)
	}

	values = map[string]string{"A": "one", "B": "two"}
	d.Namespaces = append(d.Namespaces, bind("c", "three", errors.New("c is away"), Namespace{}), bind("d", "four", errors.New("d is away"), Namespace{}))
	_, _, err = begin(t.Context(), d, env, nil, listenTo)
	for _, want := range []string{"namespace c on x: c is away", "namespace d on x: d is away"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q among it", err, want)
		}
	}
	if want := "a=one b=two c=three d=four "; opened != want {
		t.Errorf("opened %s, want %s", opened, want)
	}

	d.Namespaces = d.Namespaces[:2]
	s, l, err := begin(t.Context(), d, env, nil, listenTo)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), l.Close()); err != nil {
		t.Error(err)
	}
}

// A default data directory is not created, since a proxy started elsewhere
// would serve an empty store. Where no store keeps files, that does not matter.
func TestDataDirectoryIsNotBegunBySurprise(t *testing.T) {
	t.Chdir(t.TempDir())
	embedded := &Deployment{Name: "test", Namespaces: []Namespace{{Name: "a", Backend: "sqlite", Embedded: true}, {Name: "b", Backend: "memory"}}}
	choose := func(d *Deployment, args ...string) (string, error) {
		flags := flag.NewFlagSet("serve", flag.ContinueOnError)
		data := dataDirFlags(flags)
		data.begin = new(boolFlag)
		flags.Var(data.begin, "init", "")
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		return data.choose(d)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := choose(embedded); err == nil || !strings.Contains(err.Error(), filepath.Join(here, "data")+", where namespace a on sqlite keeps its file; write --data-dir or set PRISM_DATA_DIR, or --init to begin an empty one here") {
		t.Errorf("%s, %v: want it refused, and both ways out", dir, err)
	}
	if got := Main(embedded, []string{"migrate", "up"}); got != exitFailure {
		t.Errorf("migrate up without a data directory exits with %d, want %d", got, exitFailure)
	}
	for _, c := range []struct {
		d    *Deployment
		args []string
		want string
	}{
		{embedded, []string{"--init"}, "data"},
		{embedded, []string{"--data-dir", "data"}, "data"},
		{embedded, []string{"--data-dir", "/var/lib/x"}, "/var/lib/x"},
		{&Deployment{Namespaces: []Namespace{{Name: "a"}}}, nil, "data"},
	} {
		if got, err := choose(c.d, c.args...); got != c.want || err != nil {
			t.Errorf("%v: %s, %v, want %s", c.args, got, err, c.want)
		}
	}
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := choose(embedded); got != "data" || err != nil {
		t.Errorf("with a data directory: %s, %v", got, err)
	}
}

// A value that a flag cannot have is refused by the name of the flag or of its
// variable, with the value and with what to write.
func TestValuesOfFlags(t *testing.T) {
	d := &Deployment{Name: "test", Listen: "127.0.0.1:0"}
	for _, c := range []struct {
		args           string
		variable, text string
		want           string
	}{
		{"--drain-delay 10", "", "", `invalid value "10" for flag -drain-delay: write a duration with its unit, such as 3s or 500ms, from 0s to 5s`},
		{"--drain-delay 10s", "", "", `invalid value "10s" for flag -drain-delay: write a duration with its unit, such as 3s or 500ms, from 0s to 5s`},
		{"", "PRISM_DRAIN_DELAY", "10", `PRISM_DRAIN_DELAY is "10"; write a duration with its unit, such as 3s or 500ms, from 0s to 5s`},
		{"--init=yes", "", "", `invalid boolean value "yes" for -init: write true or false`},
		{"", "PRISM_INIT", "yes", `PRISM_INIT is "yes"; write true or false`},
	} {
		t.Run(c.args+c.variable, func(t *testing.T) {
			if c.variable != "" {
				t.Setenv(c.variable, c.text)
			}
			err := serveCommand(t.Context(), d, flag.NewFlagSet("serve", flag.ContinueOnError), strings.Fields(c.args))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Setenv("PRISM_TIMEOUT", "3")
	err := healthCommand(t.Context(), d, flag.NewFlagSet("health", flag.ContinueOnError), nil)
	if want := `PRISM_TIMEOUT is "3"; write a duration`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// migrate says for which namespaces it needs a data directory, and how to give
// one.
func TestMigrateNamesItsDataDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	d := &Deployment{Name: "test", Namespaces: []Namespace{
		{Name: "a", Backend: "sqlite", Embedded: true}, {Name: "b", Backend: "sqlite", Embedded: true}, {Name: "c", Backend: "memory"},
	}}
	for args, want := range map[string]string{
		"up":                   "where namespaces a on sqlite, b on sqlite keep their files; write --data-dir or set PRISM_DATA_DIR, where migrate up also begins an empty one",
		"status --namespace b": "where namespace b on sqlite keeps its file; write --data-dir or set PRISM_DATA_DIR",
	} {
		err := migrateCommand(t.Context(), d, flag.NewFlagSet("migrate", flag.ContinueOnError), strings.Fields(args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("migrate %s: %v, want %q", args, err, want)
		}
	}
}
