//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package generator

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lock keeps other runs from writing to the module until unlock. It is a lock of
// the module's folder itself, which leaves no file behind and ends with the
// process. A file system that has no such locks gives none: the names of staged
// files then keep two runs apart, of which one may fail.
func lock(ctx context.Context, root *os.Root) (unlock func() error, err error) {
	folder, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return folder.Close, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(errors.New("another prism generate is writing to the module"), ctx.Err(), folder.Close())
		case <-time.After(20 * time.Millisecond): // the kernel's own wait could not be ended by ctx
		}
	}
}
