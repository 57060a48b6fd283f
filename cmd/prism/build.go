package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
)

func newBuild() *cobra.Command {
	return &cobra.Command{
		Use:   "build [prism.yaml...]",
		Short: "Regenerate stale files and build bin/<deployment>-proxy",
		Long: `Build regenerates stale files and compiles each proxy, with go build -trimpath, to
bin/<deployment>-proxy in the module's root.`,
		Example: `  prism build
  prism build schemas/shop/prism.yaml`,
		ValidArgsFunction: completeConfigs,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			_, err := build(cmd, args)
			return err
		}),
	}
}

func newRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run [prism.yaml] [-- flags of serve]",
		Short: "Build a proxy and run it",
		Long: `Run builds one deployment's proxy and runs its serve command until it is stopped:
the one that is named, or else the prism.yaml in the current folder, or else the
only one in the module.
Arguments after -- are passed to serve: --init, say, where an embedded store has no
data directory yet. Run exits with the proxy's exit code.`,
		Example: `  prism run -- --init
  prism run schemas/shop/prism.yaml -- --data-dir .data/shop --listen 127.0.0.1:9000`,
		ValidArgsFunction: completeConfigs,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := len(beforeDash(cmd, args)); n > 1 {
				return fmt.Errorf("run takes one prism.yaml, not %d; put flags of serve after --", n)
			}
			return nil
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			configs := beforeDash(cmd, args)
			one := preferred(strings.Join(configs, ""))
			deployments, err := find(one)
			if err != nil {
				return err
			}
			if len(deployments) > 1 {
				return fmt.Errorf("the module has %d deployments; name the prism.yaml of one", len(deployments))
			}
			binaries, err := build(cmd, one)
			if err != nil {
				return err
			}
			return serve(cmd, binaries[0], args[len(configs):])
		}),
	}
}

// beforeDash returns the arguments that are not for the proxy.
func beforeDash(cmd *cobra.Command, args []string) []string {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		return args[:n]
	}
	return args
}

// build returns the proxies that it built.
func build(cmd *cobra.Command, args []string) ([]string, error) {
	outputs, err := compileClean(cmd, args, generator.Command{})
	if err != nil {
		return nil, err
	}
	if err := writeAll(cmd, outputs); err != nil {
		return nil, err
	}
	var binaries []string
	for _, c := range outputs {
		binary := path.Join("bin", c.Deployment.Name+"-proxy")
		compiler := exec.CommandContext(cmd.Context(), "go", "build", "-trimpath", "-o", binary, "./"+path.Join("out", c.Deployment.Name, "proxy"))
		var said bytes.Buffer
		compiler.Dir, compiler.Stdout, compiler.Stderr = c.root, cmd.OutOrStdout(), io.MultiWriter(cmd.ErrOrStderr(), &said)
		done := progress(cmd, "building "+binary)
		err := compiler.Run()
		done()
		if err != nil {
			// Not wrapped: only a proxy's exit code is passed on.
			err = fmt.Errorf("go build of %s failed: %v", binary, err)
			if lacksModule.Match(said.Bytes()) {
				err = fmt.Errorf("%v; go.mod lacks what the proxy imports, such as the driver of a store: run go mod tidy in %s, and build again", err, c.root)
			}
			return nil, err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "built %s\n", binary)
		binaries = append(binaries, filepath.Join(c.root, binary))
	}
	return binaries, nil
}

// lacksModule matches what go build says of an import that go.mod or go.sum does not
// provide.
var lacksModule = regexp.MustCompile(`no required module provides package|cannot find module providing package|missing go\.sum entry|updates to go\.(mod|sum) needed`)

// serve runs the proxy until it ends. When the command is told to stop, it
// tells the proxy, which drains.
func serve(cmd *cobra.Command, binary string, flags []string) error {
	proxy := exec.CommandContext(cmd.Context(), binary, append([]string{"serve"}, flags...)...)
	proxy.Stdin, proxy.Stdout, proxy.Stderr = os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr()
	proxy.Cancel = func() error { return proxy.Process.Signal(syscall.SIGTERM) }
	err := proxy.Run()
	if proxy.ProcessState != nil && proxy.ProcessState.Success() {
		return nil // Run reports the context's end even if the proxy has drained
	}
	return err
}
