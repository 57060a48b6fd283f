package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The jobs in docs/ci run as they are, beside programs in the place of the compiler and
// of what talks to GitHub and GitLab: they write one comment, renew it, and fail if a
// finding blocks.
func TestCIJobs(t *testing.T) {
	const report = "**prism diff**\n\nshop: 1 change"
	for _, c := range []struct {
		job     string
		comment string // the answer that lists the comments
		status  int    // of prism diff
		want    string // the call that writes
	}{
		{"github", "", 0, "gh api --silent -X POST repos/o/r/issues/7/comments -F body=@diff.md"},
		{"github", "41\n42", 1, "gh api --silent -X PATCH repos/o/r/issues/comments/41 -F body=@diff.md"},
		{"gitlab", `[{"id":8,"type":null,"body":"looks good","author":{"id":1}}]`, 0, "-X POST -H PRIVATE-TOKEN: secret --data-urlencode body@diff.md https://g/notes"},
		{"gitlab", `[{"id":8,"body":"good"},{"id":9,"type":null,"body":"**prism diff**\n\nshop","author":{"id":1}}]`, 1, "-X PUT -H PRIVATE-TOKEN: secret --data-urlencode body@diff.md https://g/notes/9"},
	} {
		t.Run(fmt.Sprintf("%s/%d", c.job, c.status), func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go":   fmt.Sprintf("case \"$*\" in 'tool prism diff -o markdown') echo 'shop: 1 change'; exit %d;; 'tool prism generate --check') ;; *) exit 9;; esac", c.status),
				"gh":   "echo \"gh $*\" >>calls; case \"$*\" in *--paginate*) cat comments;; *) cmp diff.md report;; esac",
				"curl": "echo \"curl $*\" >>calls; case \"$*\" in *-X*) cmp diff.md report;; *) cat comments;; esac",
			} {
				write(t, filepath.Join(dir, "bin", name), "#!/bin/sh\n"+text+"\n")
				if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write(t, filepath.Join(dir, "comments"), c.comment)
			write(t, filepath.Join(dir, "report"), report+"\n")
			write(t, filepath.Join(dir, "job"), ciScript(t, c.job, c.status))
			cmd := exec.CommandContext(t.Context(), "bash", "job")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "GITHUB_STEP_SUMMARY=summary", "GITHUB_OUTPUT=output",
				"COMMENTS=repos/o/r/issues/7/comments", "COMMENT=repos/o/r/issues/comments", "NOTES=https://g/notes", "PRISM_TOKEN=secret")
			out, err := cmd.CombinedOutput()
			if failed := err != nil; failed != (c.status != 0) {
				t.Errorf("%v\n%s", err, out)
			}
			calls := strings.Split(strings.TrimSpace(read(t, filepath.Join(dir, "calls"))), "\n")
			if last := calls[len(calls)-1]; len(calls) != 2 || !strings.HasSuffix(last, c.want) {
				t.Errorf("calls %q, want the last %q", calls, c.want)
			}
			if c.job == "github" {
				contains(t, "the summary", read(t, filepath.Join(dir, "summary")), report)
				contains(t, "the output", read(t, filepath.Join(dir, "output")), fmt.Sprintf("status=%d", c.status))
			}
		})
	}
}

// ciScript returns what the only job of docs/ci/<name>.yml runs, step by step, where
// prism diff has had the status.
func ciScript(t *testing.T, name string, status int) string {
	t.Helper()
	type job struct {
		Script []string
		Steps  []struct{ Run string }
	}
	var file struct {
		Jobs  map[string]job
		Prism job
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../docs/ci/"+name+".yml")), &file); err != nil {
		t.Fatal(err)
	}
	steps := file.Prism.Script
	for _, step := range file.Jobs["diff"].Steps {
		if step.Run != "" {
			steps = append(steps, strings.ReplaceAll(step.Run, "${{ steps.diff.outputs.status }}", fmt.Sprint(status)))
		}
	}
	if len(steps) < 2 {
		t.Fatalf("%s has the steps %q", name, steps)
	}
	return "set -e\n" + strings.Join(steps, "\n")
}
