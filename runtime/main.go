package runtime

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Exit codes of a proxy's commands.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and failed
	exitUsage   = 2
)

// sameSignal is how long after a signal another one is taken for the same.
const sameSignal = time.Second

const usage = `%[1]s serves the data of deployment %[1]s over gRPC.

Usage:
  %[1]s-proxy serve                   serve until SIGTERM or SIGINT
  %[1]s-proxy migrate up              apply the migrations that are missing
  %[1]s-proxy migrate status          list the migrations and their state
  %[1]s-proxy migrate verify          read every record and compare it with its checksum
  %[1]s-proxy migrate bump-versions   before a restored store is served: let versions leap
  %[1]s-proxy health                  exit 0 if a proxy on this machine is serving
  %[1]s-proxy version                 print what was compiled in

Flags of a command: %[1]s-proxy <command> -h
`

// Main runs the command in args, which are those behind the program's name,
// and returns the exit code: 0, 1 on failure, 2 when args make no sense.
func Main(d *Deployment, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// A second signal ends the process at once. What follows within a second is the
	// first one still: timeout(1) sends it to its child and to the child's group.
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
		_, err = fmt.Fprintf(os.Stdout, "deployment %s\nschema     %s\nrelease    %d\ngenerator  %s\n", d.Name, d.SchemaHash, d.Release, d.Generator)
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
	case errors.As(err, &wrong):
		fmt.Fprintf(os.Stderr, "%s-proxy: %v; %[1]s-proxy help lists the commands\n", d.Name, err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "%s-proxy %s: %v\n", d.Name, command, err)
	return exitFailure
}

// usageError says what is wrong with a command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// parse reads the flags of a command that takes no arguments. It prints the
// flags where help is asked for.
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
	return nil
}

func dataDirFlag(flags *flag.FlagSet) *string {
	return flags.String("data-dir", "data", "folder of embedded stores")
}

func serveCommand(ctx context.Context, d *Deployment, flags *flag.FlagSet, args []string) error {
	listen := flags.String("listen", d.Listen, "address to listen on; without auth only loopback")
	dataDir := dataDirFlag(flags)
	linger := flags.Duration("drain-delay", maxLinger, "how long to keep serving after SIGTERM before clients are asked to disconnect, at most 5s")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *linger < 0 || *linger > maxLinger {
		return usageError{fmt.Sprintf("--drain-delay is %s; write 0s to %s", *linger, maxLinger)}
	}
	l, err := listenLoopback(*listen)
	if err != nil {
		return err
	}
	env := NewEnv(d.Name, *dataDir)
	s, err := Open(ctx, d, env)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	env.Log.Info("listening", "address", l.Addr().String(), "deployment", d.Name, "schema", d.SchemaHash)
	return stopWithin(ctx, *linger+drainLimit+closeLimit, env.Log.With("deployment", d.Name), func() error { return s.Serve(ctx, l, *linger) }, s.Close)
}

// maxLinger, drainLimit and closeLimit are together how long a proxy takes to
// stop at most.
const maxLinger = 5 * time.Second

// closeLimit is what is left when calls were cut off: for them to end, and for
// the stores to be closed.
const closeLimit = 2 * time.Second

// stopWithin serves and then closes. What has not ended when limit has passed
// since ctx ended is left to the end of the process: a call that does not heed
// its context holds up grpc's graceful stop, and the store that it uses, for
// ever. Stores bear it, as they bear a crash.
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

// listenLoopback listens on an address of this machine only: there is no auth
// yet, and without it nobody else may call.
func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError{fmt.Sprintf("--listen: %v; write host:port", err)}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usageError{fmt.Sprintf("--listen %s: without auth the proxy listens on loopback only; write 127.0.0.1:port", address)}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w; stop what listens there, or write another --listen", err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // whatever localhost means here
		return nil, errors.Join(fmt.Errorf("--listen %s is %s, which is not loopback; write 127.0.0.1:port", address, l.Addr()), l.Close())
	}
	return l, nil
}

func healthCommand(ctx context.Context, d *Deployment, flags *flag.FlagSet, args []string) error {
	address := flags.String("address", d.Listen, "address of the proxy")
	timeout := flags.Duration("timeout", 3*time.Second, "how long to wait for the answer")
	if err := parse(flags, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	conn, err := grpc.NewClient(*address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("no proxy answers on %s (%s); start it, or name its --address", *address, status.Code(err))
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", *address, answer.Status)
	}
	return nil
}
