package runtime_test

import (
	"os"
	"os/exec"
	"testing"
)

// What keeps a proxy from starting is on standard error once, in plain words.
func TestFaultOfStartIsToldOnce(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "PRISM_TEST_CHILD=main", "PRISM_LISTEN=0.0.0.0:80")
	out, err := child.CombinedOutput()
	if err == nil {
		t.Fatalf("it starts:\n%s", out)
	}
	const want = "test-proxy: --listen 0.0.0.0:80: without auth the proxy listens on loopback only; write 127.0.0.1:port or unix:/path; test-proxy help lists the commands\n"
	if string(out) != want {
		t.Errorf("it prints\n%swant\n%s", out, want)
	}
}
