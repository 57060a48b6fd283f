//go:build unix

package generator_test

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator"
)

// mortal is a disk on which the process kills itself at the n-th change, of a
// file that is written in the middle.
type mortal struct {
	*os.Root
	n int
}

func (m *mortal) step() bool { m.n--; return m.n == 0 }

func (m *mortal) die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (m *mortal) MkdirAll(name string, perm os.FileMode) error {
	if m.step() {
		m.die()
	}
	return m.Root.MkdirAll(name, perm)
}

func (m *mortal) WriteFile(name string, data []byte, perm os.FileMode) error {
	if m.step() {
		_ = m.Root.WriteFile(name, data[:len(data)/2], perm)
		m.die()
	}
	return m.Root.WriteFile(name, data, perm)
}

func (m *mortal) Rename(from, to string) error {
	if m.step() {
		m.die()
	}
	return m.Root.Rename(from, to)
}

func (m *mortal) Remove(name string) error {
	if m.step() {
		m.die()
	}
	return m.Root.Remove(name)
}

// alternate are two outputs of which each has files that the other has not.
func alternate() [2]*generator.Output {
	other := maps.Clone(produced)
	delete(other, "out/shop/plan.md")
	other["out/shop/proxy/main.go"] = made("package main // other")
	for i := range 20 {
		other[fmt.Sprintf("out/shop/proxy/many%d/store.go", i)] = made(strings.Repeat("// long\n", 1000))
	}
	return [2]*generator.Output{output(produced), output(other)}
}

// TestProcess is not a test: it is what the tests below start and kill.
func TestProcess(t *testing.T) {
	dir, act, _ := strings.Cut(os.Getenv("PRISM_WRITES_IN"), "=")
	if dir == "" {
		t.Skip("started by other tests")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if act == "forever" || act == "often" {
		fmt.Println("ready")
		for i, all := 0, alternate(); i < 50 || act == "forever"; i++ {
			if _, faults, err := generator.Write(t.Context(), root, all[i%2]); err != nil || len(faults) > 0 {
				t.Fatal(faults, err)
			}
		}
		return
	}
	step, err := strconv.Atoi(act)
	if err != nil {
		t.Fatal(err)
	}
	if _, faults, err := generator.WriteThrough(t.Context(), root, &mortal{root, step}, compileNotes(t, root)); err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
}

// process returns a command that writes in the folder as TestProcess has it.
func process(t *testing.T, dir, act string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$")
	cmd.Env = append(os.Environ(), "PRISM_WRITES_IN="+dir+"="+act)
	return cmd
}

// killed reports whether a process ended by SIGKILL, and fails when it ended
// otherwise than that or well.
func killed(t *testing.T, err error) bool {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// Wherever generate is killed, the next one writes the whole output and leaves
// nothing of the dead one: at first, and when files come, change and go.
func TestKilledAtEveryStep(t *testing.T) {
	first := maps.Clone(notes) // with Go in the contract, and the test kit
	first["schemas/prism.yaml"] = strings.Replace(first["schemas/prism.yaml"], "contract: {go: false}\n", "", 1)
	generated := folder(t, first)
	generateNotes(t, generated)
	second := files(t, generated)
	maps.Copy(second, notesLater)
	for _, tt := range []struct {
		name   string
		before map[string]string
		least  int // steps
	}{{"first run", notes, 20}, {"later run", second, 40}} {
		t.Run(tt.name, func(t *testing.T) {
			whole := folder(t, tt.before)
			generateNotes(t, whole)
			want := files(t, whole)
			for step := 1; ; step++ {
				root := folder(t, tt.before)
				out, err := process(t, root.Name(), strconv.Itoa(step)).CombinedOutput()
				if !killed(t, err) {
					if step < tt.least {
						t.Errorf("%d steps: the process was not killed\n%s", step, out)
					}
					return
				}
				generateNotes(t, root)
				if diff := cmp.Diff(want, files(t, root)); diff != "" {
					t.Fatalf("killed at step %d (-want +got):\n%s", step, diff)
				}
			}
		})
	}
}

// A process that writes one output and another in turn is killed a hundred
// times at any moment, in one folder.
func TestKilledAtRandom(t *testing.T) {
	root := folder(t, before)
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		cmd := process(t, root.Name(), "forever")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			t.Fatal(line, err)
		}
		time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond) // the moment is what is tested
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if !killed(t, cmd.Wait()) {
			t.Fatal("the process ended before it was killed")
		}
	}
	if _, faults, err := generator.Write(t.Context(), root, output(produced)); err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	if diff := cmp.Diff(after, files(t, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Runs at once take turns: none fails, and what is there in the end is one
// output.
func TestRunsAtOnce(t *testing.T) {
	root := folder(t, before)
	var all []*exec.Cmd
	for range 3 {
		cmd := process(t, root.Name(), "often")
		cmd.Stdout = new(strings.Builder)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, cmd.Stdout)
		}
	}
	changes, _, err := generator.Diff(root, alternate()[1])
	if err != nil || len(changes) > 0 {
		t.Errorf("the last output of all is not whole: %v, %v", changes, err)
	}
	for p := range files(t, root) {
		if strings.HasSuffix(p, ".prism-stage") {
			t.Errorf("%s is left", p)
		}
	}
}

// A staged file of a run that died has the header of generated files, and was
// taken for one.
func TestLeftoverStage(t *testing.T) {
	with := maps.Clone(before)
	with["out/shop/.plan.md.prism-stage"] = produced["out/shop/plan.md"]
	with["schemas/shop/.prism.lock.json.ABCDEFGH.prism-stage"] = "{"
	root := folder(t, with)
	if changes, _, err := generator.Diff(root, output(produced)); err != nil || len(changes) != 8 {
		t.Errorf("changes %v, %v", changes, err)
	}
	if _, faults, err := generator.Write(t.Context(), root, output(produced)); err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	if diff := cmp.Diff(after, tree(t, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
