//go:build !linux

package runtime

import (
	"errors"
	"net"
)

// peerOf returns an error: only Linux is asked.
func peerOf(*net.UnixConn) (credentials, error) {
	return credentials{}, errors.ErrUnsupported
}
