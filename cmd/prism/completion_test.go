package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bashSetup is what bash does before it asks for completions. Bash itself has no
// _get_comp_words_by_ref, which comes with the package bash-completion, as
// prism completion bash --help says.
const bashSetup = `_get_comp_words_by_ref() {
	cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
}
source <("$0" completion bash) || exit
read -ra COMP_WORDS <<< "$1"
[[ $1 != *' ' ]] || COMP_WORDS+=('')
COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$((${#COMP_WORDS[@]}-1))
f=$(complete -p prism) f=${f##*-F } f=${f%% *}
$f prism "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2> /dev/null
printf '%s\n' "${COMPREPLY[@]}"
`

// Bash completes a line with what the command accepts there.
func TestBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	dir, _ := module(t)
	for _, file := range []string{"schemas/other/prism.yaml", "testdata/prism.yaml"} {
		write(t, filepath.Join(dir, file), strings.Replace(noteDeployment, "deployment: app", "deployment: other", 1))
	}
	binary := compiler(t)
	command(t, dir, binary, "generate", "schemas/app")
	for _, tt := range []struct {
		line string // its last word is completed
		want string // in alphabetical order
	}{
		{"prism gen", "generate"},
		{"prism b", "backends build"},
		{"prism check --o", "--output"},
		{"prism check -o ", "json text"},
		{"prism check --output=j", "json"},
		{"prism explain key.", ""},
		{"prism explain PRISM201", "PRISM2010 PRISM2011 PRISM2012 PRISM2013 PRISM2014 PRISM2015 PRISM2016 PRISM2018"},
		{"prism check ", "schemas/app/prism.yaml schemas/other/prism.yaml"},
		{"prism run schemas/o", "schemas/other/prism.yaml"},
		{"prism build test", ""}, // bash itself completes the file
		{"prism call --config schemas/a", "schemas/app/prism.yaml"},
		{"prism call --config schemas/app B", "BatchDeleteNotes BatchGetNotes BatchPutNotes"},
		{"prism call --config schemas/app --ad", "--address"},
		{"prism version x", ""},
	} {
		c := exec.CommandContext(t.Context(), bash, "--norc", "-c", bashSetup, binary, tt.line)
		c.Dir, c.Env = dir, append(c.Environ(), "PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"))
		out, err := c.Output()
		got := strings.Fields(string(out))
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("behind %q bash offers %q (%v), want %q", tt.line, got, err, tt.want)
		}
	}
}
