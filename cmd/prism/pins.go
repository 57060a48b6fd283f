package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

const modulePath = "github.com/prism-proxy/prism"

// requirement is a line of go.mod that requires a module, in a block or not.
var requirement = regexp.MustCompile(`(?m)^(?:require)?[ \t]+(\S+) (v\S+)(?: // indirect)?$`)

// requirements adds Prism, its tools and the versions that it was built and
// tested with to go.mod, unless that requires the module already, and their
// sums to go.sum. A go.mod written by init has them already.
func (s *start) requirements(cmd *cobra.Command) error {
	wanted := s.scaffolded("gomod")
	if !s.fresh {
		if err := s.require(wanted); err != nil {
			return err
		}
		args := []string{"mod", "edit", "-tool=" + modulePath + "/cmd/prism", "-tool=" + modulePath + "/protoc-gen-prism"}
		if err := s.goCommand(cmd, args...); err != nil {
			return err
		}
	}
	if s.replace != "" {
		if err := s.goCommand(cmd, "mod", "edit", "-replace="+modulePath+"="+s.replace); err != nil {
			return err
		}
	}
	return s.addLines("go.sum", s.scaffolded("gosum"))
}

// require adds to go.mod those requirements of wanted, another go.mod, that it
// lacks, and the version of Go if it names none.
func (s *start) require(wanted string) error {
	file := filepath.Join(s.root, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, r := range requirement.FindAllStringSubmatch(string(text), -1) {
		have[r[1]] = true
	}
	var lines strings.Builder
	for _, r := range requirement.FindAllStringSubmatch(wanted, -1) {
		if !have[r[1]] {
			lines.WriteString("\t" + strings.TrimSpace(r[0]) + "\n")
		}
	}
	added := ""
	if !goLine.Match(text) {
		added += "\n" + goLine.FindString(wanted) + "\n"
	}
	if lines.Len() > 0 {
		added += "\nrequire (\n" + lines.String() + ")\n"
	}
	if added == "" {
		return nil
	}
	return os.WriteFile(file, append(text, added...), 0o644)
}

var goLine = regexp.MustCompile(`(?m)^go \S+$`)

// scaffolded returns a file of the scaffold, by its name in renamed, filled in.
func (s *start) scaffolded(name string) string {
	text, err := scaffold.ReadFile("scaffold/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return s.fill(string(text))
}

// goCommand runs go in the module's folder.
func (s *start) goCommand(cmd *cobra.Command, args ...string) error {
	c := exec.CommandContext(cmd.Context(), "go", args...)
	c.Dir = s.root
	_, err := c.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// Not wrapped: only a proxy's exit code is passed on.
		return fmt.Errorf("go %s: %s", strings.Join(args[:2], " "), strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// addLines adds to a file the lines of wanted that it lacks.
func (s *start) addLines(name, wanted string) error {
	file := filepath.Join(s.root, name)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, append(text, strings.Join(lacking(string(text), wanted), "")...), 0o644)
}

// lacking returns the lines of wanted that text lacks.
func lacking(text, wanted string) []string {
	have := map[string]bool{}
	for line := range strings.Lines(text) {
		have[strings.TrimRight(line, "\r\n")] = true
	}
	var lines []string
	for line := range strings.Lines(wanted) {
		if !have[strings.TrimRight(line, "\r\n")] {
			lines = append(lines, line)
		}
	}
	return lines
}
