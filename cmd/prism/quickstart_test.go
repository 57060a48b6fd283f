package main_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// docs/quickstart.md is right, command for command: each listing of commands
// prints the listing after it. Only the port differs, since the machine may
// have a proxy on the usual one.
func TestQuickstart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()

	const end = "end of the listing"
	script, want := "set -e\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n", []string{}
	for _, listing := range listings(read(t, "../../docs/quickstart.md")) {
		if !listing.commands {
			want[len(want)-1] = listing.text
			continue
		}
		script += listing.text + "echo '" + end + "'\n"
		if strings.Contains(listing.text, "prism init") {
			script += fmt.Sprintf("sed -i 's/:8980/:%d/' schemas/notes/prism.yaml\n", port)
		}
		want = append(want, "")
	}

	dir := t.TempDir()
	env := append(os.Environ(), "TMPDIR="+dir, "GOBIN="+dir, "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), "bash", "-c", script)
	c.Dir, c.Env, c.Stdout, c.Stderr = checkout(t), env, &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Errorf("the script: %v\n%s", err, stderr.String())
	}
	got := strings.Split(stdout.String(), end+"\n")
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("listing %d of commands prints\n%s\nand docs/quickstart.md says\n%s", i+1, got[min(i, len(got)-1)], want[i])
		}
	}
}

type listing struct {
	commands bool
	text     string
}

// listings returns the fenced parts of a page.
func listings(page string) []listing {
	var all []listing
	for i, part := range strings.Split("\n"+page, "\n```") {
		if i%2 == 1 {
			language, text, _ := strings.Cut(part, "\n")
			all = append(all, listing{language == "sh", text + "\n"})
		}
	}
	return all
}
