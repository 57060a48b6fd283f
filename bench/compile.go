package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// compiled is the cost of making a proxy for a number of entities.
type compiled struct {
	entities int
	// generate compiles the schemas into an empty folder, and again into one that
	// is up to date; build is go build of the result, with its dependencies
	// already built; rebuild is both after a field was added to one entity.
	generate, again, build, rebuild usage
	// ready is the time from the proxy's start until it listens, on a store that
	// has its tables. resident is its memory then, in bytes.
	ready    time.Duration
	resident int64
}

// perFile is how many entities a schema file has.
const perFile = 10

// entity is a typical schema: a key of two fields, three indexes, bounds, and a
// few plain fields.
const entity = `
// Item%[1]d is one of many.
message Item%[1]d {
  option (prism.v1.entity).namespace = "items";
  option (prism.v1.entity).key_value = {};

  string owner = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 64];
  int64 number = 2 [(prism.v1.field).sort_key = 1];
  optional string code = 3 [(prism.v1.field).index = UNIQUE, (prism.v1.field).max_length = 64];
  string state = 4 [(prism.v1.field).index = EQUALITY, (prism.v1.field).max_length = 16];
  google.protobuf.Timestamp changed_at = 5 [(prism.v1.field).index = ORDERED];
  string title = 6 [(prism.v1.field).required = true, (prism.v1.field).max_length = 200];
  repeated string tags = 7;
  double price = 8;
  map<string, string> labels = 9;
}
`

// compile measures the compiler on a schema of n entities in a fresh folder.
func compile(ctx context.Context, dir, prism string, n int) (c compiled, err error) {
	c.entities = n
	// The module's name is new in each run, so that Go's build cache has nothing
	// of it.
	module := fmt.Sprintf("example.com/bench%d", time.Now().UnixNano())
	w, err := newWorkspace(dir, module, prism)
	if err != nil {
		return c, err
	}
	schema := func(file int, extra string) error {
		text := fmt.Sprintf("syntax = \"proto3\";\npackage bench.v1;\nimport \"google/protobuf/timestamp.proto\";\nimport \"prism/v1/options.proto\";\n"+
			"option go_package = \"%s/out/contract/bench/v1;benchv1\";\n", module)
		for i := range min(perFile, n-file*perFile) {
			text += fmt.Sprintf(entity, file*perFile+i)
		}
		text = strings.Replace(text, "  double price", extra+"  double price", 1)
		return w.write(fmt.Sprintf("schemas/bench/v1/items%d.proto", file), text)
	}
	for file := range (n + perFile - 1) / perFile {
		if err := schema(file, ""); err != nil {
			return c, err
		}
	}
	deployment := fmt.Sprintf("deployment: bench\nimport_path: %s\npackages: [bench.v1]\nnamespaces:\n  - {name: items, backend: sqlite}\n", module)
	if err := w.write("schemas/bench/prism.yaml", deployment); err != nil {
		return c, err
	}
	generate := func() (usage, error) { return w.run(ctx, prism, "generate", "schemas/bench") }
	build := func() (usage, error) { return w.run(ctx, "go", "build", "-o", "proxy", "./out/bench/proxy") }
	if c.generate, err = generate(); err != nil {
		return c, err
	}
	if c.again, err = generate(); err != nil {
		return c, err
	}
	if c.build, err = build(); err != nil {
		return c, err
	}
	if c.ready, c.resident, err = idle(ctx, w.dir); err != nil {
		return c, err
	}
	if err := schema(0, "  string note = 10;\n"); err != nil {
		return c, err
	}
	generated, err := generate()
	if err != nil {
		return c, err
	}
	built, err := build()
	c.rebuild = usage{generated.wall + built.wall, generated.cpu + built.cpu}
	return c, err
}

// idle starts the proxy in dir twice, so that the second start finds its
// tables, and returns the figures of the second.
func idle(ctx context.Context, dir string) (ready time.Duration, resident int64, err error) {
	for range 2 {
		p, err := start(ctx, nil, filepath.Join(dir, "proxy"), "serve", "--data-dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		ready = p.ready
		resident, err = p.resident()
		p.stop()
		if err != nil {
			return 0, 0, err
		}
	}
	return ready, resident, nil
}

// compileAll measures schemas of each size.
func compileAll(ctx context.Context, dir, prism string, sizes []int) (all []compiled, err error) {
	for _, n := range sizes {
		folder := filepath.Join(dir, fmt.Sprint("entities", n))
		c, err := compile(ctx, folder, prism, n)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		if err := os.RemoveAll(folder); err != nil {
			return nil, err
		}
	}
	return all, nil
}
