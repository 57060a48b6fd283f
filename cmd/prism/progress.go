package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// patience is how long a command works before it reports what it is doing.
const patience = time.Second

// progress tells people at a terminal what takes long. Scripts see nothing of
// it.
func progress(cmd *cobra.Command, what string) (done func()) {
	if !terminal(cmd.ErrOrStderr()) {
		return func() {}
	}
	return report(cmd.ErrOrStderr(), what, patience)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// report writes a line at intervals of every; done erases it.
func report(w io.Writer, what string, every time.Duration) (done func()) {
	stop := make(chan struct{})
	var reporting sync.WaitGroup
	start := time.Now()
	reporting.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for shown := false; ; shown = true {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r%s … %.0f s", what, time.Since(start).Seconds())
			case <-stop:
				if shown {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			}
		}
	})
	return func() {
		close(stop)
		reporting.Wait()
	}
}
