package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// duel is a contest of Prism and one other.
type duel struct {
	operation    string
	callers      int
	perSecond    float64 // offered
	prism, other result
}

// report is what a run found.
type report struct {
	same                                 []result // one binary measured against itself
	handWritten, floor, sqlite, postgres []duel
	readers, connections                 int
	checked                              []checked // the workload's record first
	compiled                             []compiled
	resident, binary                     int64 // bytes
	ready                                time.Duration
}

// cost is a share of the processor time of a call.
type cost struct {
	name string
	of   func(result) []float64
}

var (
	pathCost     = cost{"CPU of the server", func(r result) []float64 { return r.path }}
	databaseCost = cost{"CPU of Postgres", func(r result) []float64 { return r.database }}
	allCost      = cost{"CPU of all processes", func(r result) []float64 { return r.all }}
)

// page returns the report as Markdown.
func (r *report) page(b *bench) string {
	var p strings.Builder
	command := fmt.Sprintf("`make bench`, %d rounds of %s at the offered load and %s at saturation", b.pace.rounds, b.pace.offered, b.pace.saturate)
	fmt.Fprintf(&p, `# Performance

Written by %s. Ratios are Prism's cost divided by the other's in the same round: the median of all rounds, and its 95 %% interval by bootstrap. They are what carries over to another machine; absolute times hold for the one that they were measured on, which had %d cores for callers, servers and databases together.

- CPU is user and system time of a call, at the offered load, in µs. Latencies are of the same calls, in µs, from the moment at which a call should have started (open loop), so that waiting counts; p99.9 is of all rounds together, the others are medians of rounds. Calls/s are at saturation (closed loop).
- The record is the shop's UserProfile with %d bytes and a unique index; %d records, chosen evenly. All calls of a server share one connection, without TLS, and have a deadline of 5 s.
- The callers exchange encoded messages. Requests are made beforehand, and answers are not decoded, on any side.
- Better and worse are said where the whole interval is on one side of 1.

`, command, runtime.NumCPU(), r.checked[0].bytes, b.records)

	aa := compare(r.same[0].path, r.same[1].path)
	verdict := "The machine can tell differences of that size from none."
	if aa.median < 0.97 || aa.median > 1.03 {
		verdict = "That is more than 3 %: **the machine was too noisy to conclude from small differences.**"
	}
	fmt.Fprintf(&p, "## The same binary twice\n\n`make bench`: Get in memory with 16 callers, one binary in two processes: CPU %s, p99 %s, calls/s %s. %s\n\n",
		aa, compare(r.same[0].p99, r.same[1].p99), compare(r.same[0].throughput, r.same[1].throughput), verdict)

	r.summary(&p)
	section(&p, "In memory, against a handler written by hand",
		"The [handler](../bench/baseline/main.go) decodes requests into protobuf-go messages, checks the same bounds and keeps encoded records in the same store.", r.handWritten, pathCost)
	section(&p, "In memory, against a handler that decodes nothing",
		"The floor: it answers the same bytes always and has no store. What Prism takes more is its whole work.", r.floor, pathCost)
	section(&p, "SQLite, against go-sqlite3 in the caller's process", fmt.Sprintf(
		"WAL, synchronous=FULL, one writing and %d reading connections on both sides, statements prepared. The direct side pays no network and issues no versions that survive a delete. Writes do not share commits yet.", r.readers), r.sqlite, allCost)
	section(&p, "Postgres, against pgx in the caller's process", fmt.Sprintf(
		"fsync and synchronous_commit on, %d connections on both sides, the same server. Calls do not share statements yet.", r.connections), r.postgres, databaseCost, allCost)
	r.oneCaller(&p)
	r.rest(&p)
	return p.String()
}

// oneCaller writes what a proxy adds to a call when nothing else runs.
func (r *report) oneCaller(p *strings.Builder) {
	fmt.Fprintf(p, "## What the proxy adds for one caller\n\n`make bench`: p50 in µs, of the tables above. A bare gRPC call, to the handler that decodes nothing, has %.0f.\n\n", median(r.floor[0].other.p50))
	row(p, "call", "through the proxy", "direct", "added")
	row(p, "---", "---", "---", "---")
	for _, s := range []struct {
		name  string
		duels []duel
	}{{"SQLite", r.sqlite}, {"Postgres", r.postgres}} {
		for _, d := range s.duels {
			if through, direct := median(d.prism.p50), median(d.other.p50); d.callers == 1 {
				row(p, s.name+" "+d.operation, fmt.Sprintf("%.0f", through), fmt.Sprintf("%.0f", direct), fmt.Sprintf("%.0f", through-direct))
			}
		}
	}
	p.WriteString("\n")
}

// summary writes the table that is in README.md.
func (r *report) summary(p *strings.Builder) {
	p.WriteString("## In short\n\n`make bench`. Below 1 Prism takes less; of calls/s it has more above 1.\n\n")
	row(p, "Prism's share", "Get", "Put")
	row(p, "---", "---", "---")
	line := func(name string, duels []duel, callers int, of func(duel) ratio) {
		cells := []string{name}
		for _, d := range duels {
			if d.callers == callers {
				cells = append(cells, of(d).String())
			}
		}
		row(p, cells...)
	}
	of := func(c cost) func(duel) ratio {
		return func(d duel) ratio { return compare(c.of(d.prism), c.of(d.other)) }
	}
	throughput := func(d duel) ratio { return compare(d.prism.throughput, d.other.throughput) }
	line("in memory, 16 callers: CPU of the server, against a hand-written handler", r.handWritten, 16, of(pathCost))
	line("the same, against a handler that decodes nothing", r.floor, 16, of(pathCost))
	line("SQLite, 64 callers: calls/s, against go-sqlite3 in the caller's process", r.sqlite, maxCallers, throughput)
	line("Postgres, 64 callers: calls/s, against pgx in the caller's process", r.postgres, maxCallers, throughput)
	line("the same: CPU of Postgres", r.postgres, maxCallers, of(databaseCost))
	fmt.Fprintf(p, "\nThe generated check takes %s of the time of proto.Unmarshal.\n\n", r.checked[0].ratio())
}

// section writes the duels as one table.
func section(p *strings.Builder, title, text string, duels []duel, costs ...cost) {
	fmt.Fprintf(p, "## %s\n\n%s `make bench`\n\n", title, text)
	head := []string{"call", "callers", "offered/s"}
	for _, c := range costs {
		head = append(head, c.name, "ratio")
	}
	head = append(head, "p50", "p99", "ratio", "p99.9", "calls/s", "ratio")
	row(p, head...)
	row(p, strings.Split(strings.Repeat("---,", len(head)-1)+"---", ",")...)
	for _, d := range duels {
		cells := []string{d.operation, fmt.Sprint(d.callers), fmt.Sprintf("%.0f", d.perSecond)}
		for _, c := range costs {
			cells = append(cells, both("%.1f", median(c.of(d.prism)), median(c.of(d.other))), judged(compare(c.of(d.prism), c.of(d.other))))
		}
		throughput := compare(d.prism.throughput, d.other.throughput)
		cells = append(cells,
			both("%.0f", median(d.prism.p50), median(d.other.p50)),
			both("%.0f", median(d.prism.p99), median(d.other.p99)),
			judged(compare(d.prism.p99, d.other.p99)),
			both("%d", d.prism.latencies.ValueAtQuantile(99.9), d.other.latencies.ValueAtQuantile(99.9)),
			both("%.0f", median(d.prism.throughput), median(d.other.throughput)),
			throughput.String()+" "+throughput.inverse().verdict())
		row(p, cells...)
	}
	p.WriteString("\n")
}

func row(p *strings.Builder, cells ...string) {
	p.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// both formats a figure of Prism beside the other's.
func both[T any](format string, prism, other T) string {
	return fmt.Sprintf(format+" / "+format, prism, other)
}

func judged(r ratio) string { return r.String() + " " + r.verdict() }

// rest writes the sections that do not compare servers.
func (r *report) rest(p *strings.Builder) {
	fmt.Fprintf(p, "## The generated check, against proto.Unmarshal\n\n`make bench`, as Go benchmarks, on the record above, on the shop's Order with nested messages and a map, and on a record of all scalar types. Both read all of it and check its UTF-8; Unmarshal allocates the message, as a handler needs it.\n\n")
	row(p, "record", "bytes", "check ns", "Unmarshal ns", "ratio", "allocations")
	row(p, "---", "---", "---", "---", "---", "---")
	for _, c := range r.checked {
		row(p, c.record, fmt.Sprint(c.bytes), fmt.Sprintf("%.0f", median(c.check)), fmt.Sprintf("%.0f", median(c.unmarshal)), judged(c.ratio()),
			fmt.Sprintf("%d / %d", c.checkAllocs, c.unmarshalAllocs))
	}

	fmt.Fprintf(p, "\n## Compiling\n\n`make bench`, each once: entities of a key of two fields, three indexes and four plain fields, on SQLite. Build is `go build` of the proxy in an empty cache but for its dependencies; edit is generating and building after a field was added to one entity; start is from the proxy's start until it listens, on a store that has its tables, and idle its resident memory then. Elapsed, and CPU of all processes in parentheses.\n\n")
	row(p, "entities", "generate", "generate again", "build", "edit", "start", "idle")
	row(p, "---", "---", "---", "---", "---", "---", "---")
	for _, c := range r.compiled {
		row(p, fmt.Sprint(c.entities), c.generate.String(), c.again.String(), c.build.String(), c.rebuild.String(), fmt.Sprintf("%d ms", c.ready.Milliseconds()), fmt.Sprintf("%.0f MB", float64(c.resident)/1e6))
	}
	fmt.Fprintf(p, "\n## The proxy's footprint\n\n`make bench`: the proxy on SQLite has %.1f MB stripped and listens %d ms after its start on an empty data directory. The one in memory has %.0f MB resident after the calls above, its records included.\n",
		float64(r.binary)/1e6, r.ready.Milliseconds(), float64(r.resident)/1e6)
}

// String returns the elapsed time and the CPU time.
func (u usage) String() string {
	return fmt.Sprintf("%.1f s (%.1f s)", u.wall.Seconds(), u.cpu.Seconds())
}
