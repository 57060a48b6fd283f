package emit_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/prism-proxy/prism/generator/emit"
)

// Equal inputs give equal outputs, whichever task ends first.
func TestAllKeepsTheOrder(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // else the first would wait for ever
	second := make(chan bool)
	files, err := emit.All([]emit.Task{
		func() ([]emit.File, error) { <-second; return []emit.File{{Path: "a"}, {Path: "b"}}, nil },
		func() ([]emit.File, error) { close(second); return []emit.File{{Path: "c"}}, nil },
	})
	if got := fmt.Sprint(files); err != nil || got != "[{a []} {b []} {c []}]" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAllReturnsTheError(t *testing.T) {
	fault := errors.New("no store today")
	_, err := emit.All([]emit.Task{
		func() ([]emit.File, error) { return nil, nil },
		func() ([]emit.File, error) { return nil, fault },
	})
	if !errors.Is(err, fault) {
		t.Errorf("got %v, want %v", err, fault)
	}
}
