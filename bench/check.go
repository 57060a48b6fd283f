package main

import (
	"flag"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/bench/workload"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/userprofile"
)

// checked is how the generated check compares with proto.Unmarshal on one
// record.
type checked struct {
	bytes                        int
	check, unmarshal             []float64 // ns, an element each round
	checkAllocs, unmarshalAllocs int64
}

// benchmarkCheck runs the two as Go benchmarks, in turn. Both read the whole
// record and check its UTF-8.
func benchmarkCheck(p pace) (*checked, error) {
	testing.Init()
	if err := flag.Set("test.benchtime", p.offered.String()); err != nil {
		return nil, err
	}
	record, err := proto.Marshal(workload.Profile(0))
	if err != nil {
		return nil, err
	}
	if err := userprofile.Check(record); err != nil {
		return nil, err
	}
	c := &checked{bytes: len(record)}
	for range p.rounds {
		check := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				userprofile.Check(record)
			}
		})
		unmarshal := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				proto.Unmarshal(record, new(shopv1.UserProfile))
			}
		})
		c.check = append(c.check, nanos(check))
		c.unmarshal = append(c.unmarshal, nanos(unmarshal))
		c.checkAllocs, c.unmarshalAllocs = check.AllocsPerOp(), unmarshal.AllocsPerOp()
	}
	return c, nil
}

func nanos(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }
