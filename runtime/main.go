package runtime

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Exit codes of a proxy's commands.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and failed
	exitUsage   = 2
	exitPending = 3 // migrate status: a migration is pending or was changed
)

// sameSignal is how long after a signal another one counts as the same.
const sameSignal = time.Second

const usage = `%[1]s serves the data of deployment %[1]s over gRPC.

Usage:
  %[1]s-proxy serve                   serve until SIGTERM or SIGINT
  %[1]s-proxy migrate plan            print what up, complete and complete --contract would do
  %[1]s-proxy migrate up              before a rollout: add tables and columns
  %[1]s-proxy migrate complete        after it: fence the release before, fill columns, build indexes
  %[1]s-proxy migrate down --to N     go back to release N
  %[1]s-proxy migrate status          list the migrations and their state; exit 3 if one is pending
  %[1]s-proxy migrate verify          read every record and compare it with its checksum
  %[1]s-proxy migrate bump-versions   before a restored store is served: let versions leap
  %[1]s-proxy health                  exit 0 if a proxy on this machine, or one of its services, is serving
  %[1]s-proxy version                 print what was compiled in

Flags of a command: %[1]s-proxy <command> -h
A flag that is not given is read from the environment: PRISM_DATA_DIR for -data-dir.
`

// Main runs the command in args, which do not include the program's name, and
// returns the exit code: 0 for success, 1 for failure, 2 if args make no sense,
// 3 if migrate status finds something to do.
func Main(d *Deployment, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// A second signal ends the process at once. Within a second it still counts as
	// the first: timeout(1) signals both its child and the child's group.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })()
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	var err error
	switch command {
	case "serve":
		err = serveCommand(ctx, d, flags, args)
	case "migrate":
		err = migrateCommand(ctx, d, flags, args, os.Stdout)
	case "health":
		err = healthCommand(ctx, d, flags, args)
	case "version":
		if err = parse(flags, args); err != nil {
			break
		}
		release := fmt.Sprint(d.Release)
		if d.Open {
			release += " (open)"
		}
		_, err = fmt.Fprintf(os.Stdout, "deployment %s\nschema     %s\nrelease    %s\ngenerator  %s\n", d.Name, d.schema(), release, d.Generator)
	case "help", "-h", "--help":
		_, err = fmt.Fprintf(os.Stdout, usage, d.Name)
	case "":
		fmt.Fprintf(os.Stderr, usage, d.Name)
		return exitUsage
	default:
		err = usageError{fmt.Sprintf("unknown command %q", command)}
	}
	var wrong usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errPending):
		fmt.Fprintf(os.Stderr, "%s-proxy %s: %v\n", d.Name, command, err)
		return exitPending
	case errors.As(err, &wrong) && !strings.Contains(err.Error(), "\n"):
		fmt.Fprintf(os.Stderr, "%s-proxy: %v; %[1]s-proxy help lists the commands\n", d.Name, err)
		return exitUsage
	}
	for fault := range strings.Lines(err.Error()) {
		fmt.Fprintf(os.Stderr, "%s-proxy %s: %s\n", d.Name, command, strings.TrimSuffix(fault, "\n"))
	}
	return exitFailure
}

// usageError says what is wrong with a command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// parse reads the flags of a command that takes no arguments. It prints them if
// help is asked for.
func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
		return err
	case err != nil:
		return usageError{fmt.Sprintf("%s: %v", flags.Name(), err)}
	case flags.NArg() > 0:
		return usageError{fmt.Sprintf("%s takes no argument %q", flags.Name(), flags.Arg(0))}
	}
	return fromEnvironment(flags)
}

// fromEnvironment sets the flags that are not given and have an environment
// variable: --data-dir has PRISM_DATA_DIR.
func fromEnvironment(flags *flag.FlagSet) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	flags.VisitAll(func(f *flag.Flag) {
		name := "PRISM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(name)
		if len(f.Name) == 1 || given[f.Name] || value == "" || err != nil {
			return
		}
		if wrong := flags.Set(f.Name, value); wrong != nil {
			err = usageError{fmt.Sprintf("%s: %s is %q; %v", flags.Name(), name, value, wrong)}
		}
	})
	return err
}

// durationFlag is the value of a flag that is a duration between two others.
type durationFlag struct {
	time.Duration
	least, most time.Duration
}

// Set is what flag.Value asks for. The error says what to write; whoever gets
// it adds the name of the flag or of the variable, and its value.
func (d *durationFlag) Set(text string) error {
	value, err := time.ParseDuration(text)
	if err != nil || value < d.least || value > d.most {
		return fmt.Errorf("write a duration with its unit, such as 3s or 500ms, from %s to %s", d.least, d.most)
	}
	d.Duration = value
	return nil
}

// boolFlag is a flag that is set where it stands alone.
type boolFlag bool

func (b *boolFlag) String() string   { return strconv.FormatBool(bool(*b)) }
func (b *boolFlag) IsBoolFlag() bool { return true }

func (b *boolFlag) Set(text string) error {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("write true or false")
	}
	*b = boolFlag(value)
	return nil
}

// dataDir is where embedded stores keep their files: the flag's value, or
// ./data.
type dataDir struct {
	flags *flag.FlagSet
	dir   *string
	begin *boolFlag // an empty one may be created; nil: there is no flag
}

func dataDirFlags(flags *flag.FlagSet) dataDir {
	return dataDir{flags: flags, dir: flags.String("data-dir", "data", "folder of embedded stores")}
}

// choose returns the folder. It does not create a default one: a proxy started
// elsewhere than before would serve an empty store.
func (d dataDir) choose(of *Deployment) (string, error) {
	named := d.begin != nil && bool(*d.begin)
	d.flags.Visit(func(f *flag.Flag) { named = named || f.Name == "data-dir" })
	if _, err := os.Stat(*d.dir); named || !of.embedded() || !errors.Is(err, fs.ErrNotExist) {
		return *d.dir, nil
	}
	at, err := filepath.Abs(*d.dir)
	if err != nil {
		return "", err
	}
	fix := "where migrate up also begins an empty one"
	if d.begin != nil {
		fix = "or --init to begin an empty one here"
	}
	return "", fmt.Errorf("there is no data directory %s, where %s; write --data-dir or set PRISM_DATA_DIR, %s", at, of.keepFiles(), fix)
}

// embedded reports whether a store of d keeps its files in the data directory.
func (d *Deployment) embedded() bool { return d.keepFiles() != "" }

// keepFiles says which stores of d keep their files in the data directory; "":
// none does.
func (d *Deployment) keepFiles() string {
	var all []string
	for _, n := range d.Namespaces {
		if n.Embedded {
			all = append(all, n.Name+" on "+n.Backend)
		}
	}
	switch len(all) {
	case 0:
		return ""
	case 1:
		return "namespace " + all[0] + " keeps its file"
	}
	return "namespaces " + strings.Join(all, ", ") + " keep their files"
}

func serveCommand(ctx context.Context, d *Deployment, flags *flag.FlagSet, args []string) error {
	address := flags.String("listen", d.Listen, "address to listen on: host:port of loopback, since there is no auth, or unix:/path")
	data := dataDirFlags(flags)
	data.begin = new(boolFlag)
	flags.Var(data.begin, "init", "begin an empty data directory where there is none")
	linger := durationFlag{maxLinger, 0, maxLinger}
	flags.Var(&linger, "drain-delay", "how long to keep serving after SIGTERM before clients are asked to disconnect, a `duration` of at most 5s")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, missing := data.choose(d)
	env := NewEnv(d.Name, dir)
	s, l, err := begin(ctx, d, env, missing, func() (net.Listener, error) { return listenAt(ctx, flags, *address, env) })
	if err != nil {
		return err
	}
	if d.embedded() {
		at, err := filepath.Abs(dir)
		if err != nil {
			return errors.Join(err, s.Close(), l.Close())
		}
		env.Log.Info("data directory", "path", at)
	}
	env.Log.Info("listening", "address", addressOf(l.Addr()), "deployment", d.Name, "schema", d.schema())
	return stopWithin(ctx, linger.Duration+drainLimit+closeLimit, env.Log.With("deployment", d.Name), func() error { return s.Serve(ctx, l, linger.Duration) }, s.Close)
}

// begin listens and opens the stores. An error names all that is wrong; what
// can be known beforehand, such as missing, is reported before any store is
// opened.
func begin(ctx context.Context, d *Deployment, env *Env, missing error, listen func() (net.Listener, error)) (*Server, net.Listener, error) {
	_, unresolved := d.Resolve(env)
	l, unheard := listen()
	err := errors.Join(unresolved, missing, unheard)
	if err == nil {
		var s *Server
		if s, err = Open(ctx, d, env); err == nil {
			return s, l, nil
		}
	}
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	return nil, nil, err
}

// listenAt listens on the address of the flag, or else on that of prism.yaml,
// which may be a reference.
func listenAt(ctx context.Context, flags *flag.FlagSet, address string, env *Env) (net.Listener, error) {
	setting := "listen of prism.yaml"
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "listen" {
			setting = "--listen"
		}
	})
	if setting != "--listen" {
		var err error
		if address, err = env.Resolve(setting, address); err != nil {
			return nil, err
		}
	}
	return listen(ctx, setting, address, env.Log)
}

// maxLinger, drainLimit and closeLimit add up to the longest time that a proxy
// takes to stop.
const maxLinger = 5 * time.Second

// closeLimit is the time for calls that were cut off to end and for the stores
// to close.
const closeLimit = 2 * time.Second

// stopWithin serves and then closes. What has not ended by limit after ctx
// ended is left to the end of the process: a call that ignores its context
// would block grpc's graceful stop, and its store, for ever. Stores survive
// that as they survive a crash.
func stopWithin(ctx context.Context, limit time.Duration, log *slog.Logger, serve, closeStores func() error) error {
	late := make(chan struct{})
	defer context.AfterFunc(ctx, func() { time.AfterFunc(limit, func() { close(late) }) })()
	var served atomic.Bool
	stopped := make(chan error, 1)
	go func() {
		err := serve()
		served.Store(true)
		stopped <- errors.Join(err, closeStores())
	}()
	select {
	case err := <-stopped:
		log.Info("stopped")
		return err
	case <-late:
	}
	held := "calls that do not end"
	if served.Load() {
		held = "stores that do not close"
	}
	log.Error("gave up", "left", held, "limit", limit.String())
	return fmt.Errorf("%s were left behind after %s", held, limit)
}

func healthCommand(ctx context.Context, d *Deployment, flags *flag.FlagSet, args []string) error {
	address := flags.String("address", "", "address of the proxy; unset: where serve listens")
	service := flags.String("service", "", "a service or a namespace; unset: the proxy itself")
	timeout := durationFlag{3 * time.Second, time.Millisecond, time.Hour}
	flags.Var(&timeout, "timeout", "the `duration` to wait for the answer")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *address == "" {
		var err error
		if *address, err = NewEnv(d.Name, "").Resolve("listen of prism.yaml", d.Listen); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout.Duration)
	defer cancel()
	conn, err := grpc.NewClient(*address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: *service})
	if status.Code(err) == codes.NotFound {
		return usageError{fmt.Sprintf("--service %s is neither a service nor a namespace of deployment %s", *service, d.Name)}
	}
	if err != nil {
		return fmt.Errorf("no proxy answers on %s (%s); start it, or name its --address", *address, status.Code(err))
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", strings.TrimSpace(*service+" on "+*address), answer.Status)
	}
	return nil
}
