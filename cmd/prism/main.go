// Command prism is the compiler's command line: it checks schemas, and
// generates, builds and runs proxies.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the schema, or a file, is at fault
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs the command in args and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newRoot()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	called, err := cmd.ExecuteContextC(ctx)
	var failed failure
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFaults):
		return exitFailure
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "prism:", err)
		return exitFailure
	}
	fmt.Fprintf(stderr, "prism: %v\nTo learn more: %s --help\n", err, called.CommandPath())
	return exitUsage
}

// errFaults says that diagnostics have been printed.
var errFaults = errors.New("faults were printed")

// failure is an error of a command that was understood; all others are about
// the command line.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// run marks an error that f returns as a failure.
func run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return failure{err}
		}
		return nil
	}
}

// rootHelp begins with the commands, which is what someone who runs prism
// without arguments looks for.
const rootHelp = `{{.Short}}

Usage:
  {{.CommandPath}} [command]

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}

{{.Long | trimTrailingWhitespaces}}

Examples:
{{.Example}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}

Use "{{.CommandPath}} [command] --help" for more information about a command.
`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "prism",
		Short: "Compile annotated protobuf schemas into typed gRPC data proxies",
		Long: `Prism compiles a schema, whose messages are annotated with what their data needs,
and a prism.yaml, which says which store serves them, into a typed gRPC contract
and a proxy that serves it.

Commands that take prism.yaml files, or folders with them, use all of the Go module
if none is named, wherever in it they run. They pass over vendor, node_modules,
testdata, nested modules, out, and folders that begin with . or _; a prism.yaml or
a folder in there has to be named. Imports of .proto files are relative to root in prism.yaml, or without it to the nearest folder named schemas
above prism.yaml, or, if there is none, to the folder of prism.yaml; then to
import_paths. The files of protobuf itself, prism/v1/options.proto, and google/api,
google/rpc and google/type come with the compiler.

If schemas has no prism.yaml, prism generate writes one.

A flag that is not given takes its value from its environment variable, such as
PRISM_CONFIG for --config, and after that from prism.yaml. Those of a proxy do the
same.

Exit codes: 0 done; 1 the schema or a file is at fault; 2 the command line is.`,
		Example: `  prism check
  prism generate schemas/shop/prism.yaml
  prism run schemas/shop/prism.yaml -- --data-dir .data/shop
  prism explain PRISM2010`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
		SilenceErrors:     true,
		SilenceUsage:      true,
	}
	root.SetHelpTemplate("{{if not .HasParent}}" + rootHelp + "{{else}}" + root.HelpTemplate() + "{{end}}")
	root.AddCommand(newInit(), newCheck(), newPlan(), newDiff(), newGenerate(), newRelease(), newBuild(), newRun(), newCall(),
		newBackends(), newExplain(), newVersion())
	return root
}
