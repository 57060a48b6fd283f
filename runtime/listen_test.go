package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestListenOnThisMachineOnly(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0"} {
		l, err := listen(t.Context(), "--listen", address, slog.Default())
		if err != nil {
			if strings.Contains(address, "::1") {
				t.Logf("this machine has no IPv6: %v", err)
				continue
			}
			t.Errorf("%s is refused: %v", address, err)
			continue
		}
		l.Close()
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "example.com:80", "nonsense", "unix:", "unix:shop.sock"} {
		if l, err := listen(t.Context(), "--listen", address, slog.Default()); err == nil {
			l.Close()
			t.Errorf("%s is listened on, without auth", address)
		}
	}
}

// Only its owner may use a socket, whoever connects is logged, and it is
// removed with its listener.
func TestListenOnSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.sock")
	var logged bytes.Buffer
	l, err := listen(t.Context(), "--listen", "unix:"+path, slog.New(slog.NewJSONHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := addressOf(l.Addr()), "unix:"+path; got != want {
		t.Errorf("listens on %s, want %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v, %v, want 0600", info.Mode(), err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	want := fmt.Sprintf(`"pid":%d,"uid":%d,"gid":%d`, os.Getpid(), os.Getuid(), os.Getgid())
	if runtime.GOOS == "linux" && !strings.Contains(logged.String(), want) {
		t.Errorf("logged %s, want %s", &logged, want)
	}
	// Another listener is refused while this one listens.
	if other, err := listen(t.Context(), "--listen", "unix:"+path, slog.Default()); err == nil || !strings.Contains(err.Error(), "a process listens on "+path) {
		t.Errorf("a second listener: %v, %v", other, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// A socket that a dead process left is removed, and nothing else.
func TestListenOnSocketThatIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.sock")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("nothing is left: %v", err)
	}
	l, err := listen(t.Context(), "--listen", "unix:"+path, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()

	if err := os.WriteFile(path, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t.Context(), "--listen", "unix:"+path, slog.Default()); err == nil || !strings.Contains(err.Error(), "exists and is not a socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "notes" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}
