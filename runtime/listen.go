package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// unixPrefix begins an address that is a socket's path.
const unixPrefix = "unix:"

// listen listens on host:port or unix:path, of this machine only: there is no
// auth yet, and without it nobody else may call. setting names the address in
// errors.
func listen(ctx context.Context, setting, address string, log *slog.Logger) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(ctx, setting, path, log)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError{fmt.Sprintf("%s: %v; write host:port or unix:/path", setting, err)}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usageError{fmt.Sprintf("%s %s: without auth the proxy listens on loopback only; write 127.0.0.1:port or unix:/path", setting, address)}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, notListening(err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // whatever localhost means here
		return nil, errors.Join(fmt.Errorf("%s %s is %s, which is not loopback; write 127.0.0.1:port", setting, address, l.Addr()), l.Close())
	}
	return l, nil
}

// notListening adds to err what can be done about it.
func notListening(err error) error {
	fix := "write another --listen"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		fix = "stop what listens there, or write another --listen"
	case errors.Is(err, fs.ErrNotExist):
		fix = "create the folder, or write another --listen"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENAMETOOLONG):
		fix = "write a path of at most 103 bytes"
	}
	return fmt.Errorf("%w; %s", err, fix)
}

// addressOf returns the address of a listener as prism.yaml writes it.
func addressOf(a net.Addr) string {
	if a.Network() == "unix" {
		return unixPrefix + a.String()
	}
	return a.String()
}

// listenUnix listens on a socket that only its owner may use. It replaces a
// socket that a dead process left behind, and nothing else.
func listenUnix(ctx context.Context, setting, path string, log *slog.Logger) (net.Listener, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, usageError{fmt.Sprintf("%s unix:%s is not an absolute path; write unix:/run/name.sock", setting, path)}
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// The socket file gets the mode of the descriptor bound to it, so it is never
		// open to others; where the system does not do that, chmod follows a moment
		// later.
		controlled := c.Control(func(fd uintptr) { err = ignoreInvalid(syscall.Fchmod(int(fd), 0o600)) })
		return errors.Join(controlled, err)
	}}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, notListening(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return known{l, log}, nil
}

func ignoreInvalid(err error) error {
	if errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// removeStale removes the socket at path if nobody listens on it.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is not a socket; remove it, or write another --listen", path)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("a process listens on %s; stop it, or write another --listen", path), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("whether a process listens cannot be seen: %w; remove the socket if none does", err)
}

// known is a listener on a Unix socket that logs who connects.
type known struct {
	net.Listener
	log *slog.Logger
}

// Accept returns the next connection.
func (k known) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if unix, ok := conn.(*net.UnixConn); ok {
		if peer, err := peerOf(unix); err != nil {
			k.log.Warn("connected", "peer", "unknown", "cause", err.Error())
		} else {
			k.log.Info("connected", "pid", peer.pid, "uid", peer.uid, "gid", peer.gid)
		}
	}
	return conn, err
}

// credentials are the connecting process's, at the time it connected.
type credentials struct{ pid, uid, gid int }
