package runtime

import (
	"net"
	"syscall"
)

// peerOf returns who connected, according to the kernel: SO_PEERCRED of
// unix(7).
func peerOf(conn *net.UnixConn) (credentials, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return credentials{}, err
	}
	var peer *syscall.Ucred
	controlled := raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if controlled != nil {
		err = controlled
	}
	if err != nil {
		return credentials{}, err
	}
	return credentials{int(peer.Pid), int(peer.Uid), int(peer.Gid)}, nil
}
