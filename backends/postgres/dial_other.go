//go:build !linux

package postgres

import "syscall"

// endUnacknowledged is of Linux alone: elsewhere data that is not acknowledged is
// sent again as often as the kernel likes.
var endUnacknowledged func(network, address string, c syscall.RawConn) error
