//go:build !linux

package runtime

import (
	"errors"
	"net"
)

// peerOf returns an error: peers are known on Linux only.
func peerOf(*net.UnixConn) (credentials, error) {
	return credentials{}, errors.ErrUnsupported
}
