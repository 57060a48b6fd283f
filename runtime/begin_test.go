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
	embedded := &Deployment{Name: "test", Namespaces: []Namespace{{Name: "a", Embedded: true}}}
	choose := func(d *Deployment, args ...string) (string, error) {
		flags := flag.NewFlagSet("serve", flag.ContinueOnError)
		data := dataDirFlags(flags)
		data.begin = flags.Bool("init", false, "")
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		return data.choose(d)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := choose(embedded); err == nil || !strings.Contains(err.Error(), filepath.Join(here, "data")+"; start where the data is, write --data-dir, or --init to begin an empty one there") {
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
