package sqlite

import "golang.org/x/sys/unix"

// setLock takes or refuses a lock of an open file (fcntl(2)).
const setLock = unix.F_OFD_SETLK
