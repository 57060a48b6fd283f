// Command bench measures Prism against what it replaces: a handler written by
// hand, and the client libraries of the stores. Run it in the module's root, on
// Linux; it writes one page of Markdown.
//
//	go run ./bench [-short] [-o docs/performance.md]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	short := flag.Bool("short", false, "a minute instead of ten, for a look: its intervals are wide")
	out := flag.String("o", "", "file to write instead of standard output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *short, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, out string) error {
	b := &bench{
		pace:    pace{rounds: 10, offered: 400 * time.Millisecond, saturate: 250 * time.Millisecond},
		records: 10_000, sizes: []int{10, 100, 1000},
	}
	if short {
		b.pace = pace{rounds: 3, offered: 100 * time.Millisecond, saturate: 75 * time.Millisecond}
		b.records, b.sizes = 1000, []int{10, 100}
	}
	page, err := b.run(ctx)
	if err != nil {
		return err
	}
	if out == "" {
		_, err = io.WriteString(os.Stdout, page)
		return err
	}
	return os.WriteFile(out, []byte(page), 0o644)
}

// bench is one run.
type bench struct {
	pace     pace
	records  int
	sizes    []int // numbers of entities to compile
	dir      string
	prism    string // the compiler
	requests *requests
}

// run measures everything and returns the page.
func (b *bench) run(ctx context.Context) (page string, err error) {
	if b.dir, err = os.MkdirTemp("", "prism-bench-"); err != nil {
		return "", err
	}
	defer os.RemoveAll(b.dir)
	b.prism = filepath.Join(b.dir, "prism")
	for binary, source := range map[string]string{b.prism: "./cmd/prism", b.baseline(): "./bench/baseline"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build %s: %w\n%s", source, err, out)
		}
	}
	if b.requests, err = newRequests(b.records); err != nil {
		return "", err
	}
	var r report
	for _, part := range []struct {
		name string
		run  func(context.Context, *report) error
	}{
		{"memory", b.memory}, {"sqlite", b.sqlite}, {"postgres", b.postgres}, {"check", b.check}, {"compile", b.compile},
	} {
		begin := time.Now()
		// What a part starts ends with its context.
		ctx, cancel := context.WithCancel(ctx)
		err := part.run(ctx, &r)
		cancel()
		if err != nil {
			return "", fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", part.name, time.Since(begin).Round(time.Second))
	}
	return r.page(b), nil
}

func (b *bench) baseline() string { return filepath.Join(b.dir, "baseline") }

func (b *bench) check(_ context.Context, r *report) (err error) {
	r.checked, err = benchmarkChecks(b.pace)
	return err
}

func (b *bench) compile(ctx context.Context, r *report) (err error) {
	r.compiled, err = compileAll(ctx, b.dir, b.prism, b.sizes)
	return err
}
