package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// slow serves delayed answers, and returns its address.
func slow(t *testing.T, after time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		time.Sleep(after)
		return stream.SendMsg(&emptypb.Empty{})
	}))
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// What takes longer than a second is reported at a terminal, on standard error,
// in one line that is erased afterwards; not earlier, and not to a file or a
// pipe.
func TestProgressAtTerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: no terminal: %v", err)
	}
	dir, prism := module(t)
	prism("generate")
	binary, answer := compiler(t), filepath.Join(t.TempDir(), "answer")
	for _, tt := range []struct {
		name, redirect string
		after          time.Duration
		want           string // of the output
	}{
		{"long", ">" + answer, 2300 * time.Millisecond, "^\rwaiting for the proxy … 1 s\rwaiting for the proxy … 2 s\r\x1b\\[K$"},
		{"short", ">" + answer, 0, "^$"},
		{"answer at the terminal", "", 1300 * time.Millisecond, "^\rwaiting for the proxy … 1 s\r\x1b\\[K{}\r\n$"},
		{"errors in a file", "2>&1 >" + answer + " | cat", 1300 * time.Millisecond, "^$"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := binary + " call --address " + slow(t, tt.after) + " GetNote " + tt.redirect
			c := exec.CommandContext(t.Context(), "script", "--quiet", "--return", "--command", line, "/dev/null")
			c.Dir = dir
			seen, err := c.CombinedOutput()
			if err != nil || !regexp.MustCompile(tt.want).Match(seen) {
				t.Errorf("the terminal shows %q (%v), want %q", seen, err, tt.want)
			}
			if got, err := os.ReadFile(answer); err != nil || string(got) != "{}\n" {
				t.Errorf("the answer is %q (%v)", got, err)
			}
		})
	}
}

// Compiling and building report progress as calling does.
func TestProgressOfBuild(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: no terminal: %v", err)
	}
	dir, _ := module(t)
	// A slow Go compiler.
	write(t, filepath.Join(dir, "tools/go"), "#!/bin/sh\nsleep 1.5\n")
	if err := os.Chmod(filepath.Join(dir, "tools/go"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "script", "--quiet", "--return", "--command", compiler(t)+" build", "/dev/null")
	c.Dir, c.Env = dir, append(os.Environ(), "PATH="+filepath.Join(dir, "tools")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	seen, err := c.CombinedOutput()
	if want := "\rbuilding bin/app-proxy … 1 s\r\x1b\\[Kbuilt bin/app-proxy\r\n$"; err != nil || !regexp.MustCompile(want).Match(seen) {
		t.Errorf("the terminal shows %q (%v), want %q", seen, err, want)
	}
}
