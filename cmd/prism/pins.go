package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	self "github.com/prism-proxy/prism"
	"github.com/prism-proxy/prism/generator"
)

const modulePath = self.Path

var (
	requirement = regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`) // a line of go.mod
	goLine      = regexp.MustCompile(`(?m)^go (\S+)$`)
)

// requirements puts Prism, and the versions that it was built and tested with,
// into go.mod where it does not require the module already, and their sums
// into go.sum.
func (s *start) requirements(cmd *cobra.Command) error {
	text, err := s.goCommand(cmd, "mod", "edit", "-json")
	if err != nil {
		return err
	}
	var mod struct {
		Go      string
		Require []struct{ Path string }
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		return err
	}
	have := map[string]bool{}
	for _, r := range mod.Require {
		have[r.Path] = true
	}
	args := []string{"mod", "edit", "-tool=" + modulePath + "/cmd/prism", "-tool=" + modulePath + "/protoc-gen-prism"}
	if mod.Go == "" {
		args = append(args, "-go="+goLine.FindStringSubmatch(self.GoMod)[1])
	}
	if !have[modulePath] {
		args = append(args, "-require="+modulePath+"@v"+generator.Version)
	}
	for _, r := range requirement.FindAllStringSubmatch(self.GoMod, -1) {
		if !have[r[1]] {
			args = append(args, "-require="+r[1]+"@"+r[2])
		}
	}
	if s.replace != "" {
		args = append(args, "-replace="+modulePath+"="+s.replace)
	}
	if _, err := s.goCommand(cmd, args...); err != nil {
		return err
	}
	return s.sums()
}

// goCommand runs go in the module.
func (s *start) goCommand(cmd *cobra.Command, args ...string) ([]byte, error) {
	c := exec.CommandContext(cmd.Context(), "go", args...)
	c.Dir = s.root
	out, err := c.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// Not wrapped: only a proxy's exit code is passed on.
		return nil, fmt.Errorf("go %s: %s", strings.Join(args[:2], " "), strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}

// sums adds to go.sum the lines of Prism's that it lacks.
func (s *start) sums() error {
	file := filepath.Join(s.root, "go.sum")
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	have := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		have[line] = true
	}
	for line := range strings.Lines(self.GoSum) {
		if !have[line] {
			text = append(text, line...)
		}
	}
	return os.WriteFile(file, text, 0o644)
}
