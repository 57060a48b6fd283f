package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// released returns the version of the release that this program is of, or "" if
// it was built from a checkout: go get finds that one nowhere.
func released() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return releaseOf(info)
}

// releaseOf is released for a program with that information. Only what came
// through the module cache has a sum.
func releaseOf(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == modulePath && m.Replace == nil && m.Sum != "" {
			return m.Version
		}
	}
	return ""
}

// version returns the version of Prism that go.mod has, or should have. Where a
// checkout replaces it, any will do.
func (s *start) version() string {
	for _, r := range requirement.FindAllStringSubmatch(s.read("go.mod"), -1) {
		if r[1] == modulePath && (released() == "" || s.replaced()) {
			return r[2]
		}
	}
	return cmp.Or(released(), "v0.0.0")
}

// replaced reports whether go.mod has a checkout in the place of a release.
func (s *start) replaced() bool {
	return s.replace != "" || regexp.MustCompile(`(?m)^(replace)?\s*`+modulePath+`( v\S+)? => `).MatchString(s.read("go.mod"))
}

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
