//go:build !linux

package postgres

import "syscall"

// endUnacknowledged exists on Linux only: elsewhere the kernel decides how
// often unacknowledged data is sent again.
var endUnacknowledged func(network, address string, c syscall.RawConn) error
