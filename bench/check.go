package main

import (
	"flag"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/bench/workload"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/scalar"
	conformancev1 "github.com/prism-proxy/prism/out/contract/conformance/v1"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/order"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/userprofile"
)

// checked compares the generated check with proto.Unmarshal on one record.
type checked struct {
	record                       string // what it is
	bytes                        int
	check, unmarshal             []float64 // ns, one element per round
	checkAllocs, unmarshalAllocs int64
}

// benchmarkChecks runs the two as Go benchmarks, in turn, on a record of mostly
// text, which is the workload's, one of many small messages, and one of
// numbers. Both read the whole record and check its UTF-8.
func benchmarkChecks(p pace) ([]checked, error) {
	testing.Init()
	if err := flag.Set("test.benchtime", p.offered.String()); err != nil {
		return nil, err
	}
	var all []checked
	for _, r := range []struct {
		name   string
		record proto.Message
		check  func([]byte) error
		decode func([]byte) error
	}{
		{"UserProfile", workload.Profile(0), userprofile.Check, func(b []byte) error { return proto.Unmarshal(b, new(shopv1.UserProfile)) }},
		{"Order", anOrder(), order.Check, func(b []byte) error { return proto.Unmarshal(b, new(shopv1.Order)) }},
		{"Scalar", numbers(), scalar.Check, func(b []byte) error { return proto.Unmarshal(b, new(conformancev1.Scalar)) }},
	} {
		c, err := benchmarkCheck(p, r.record, r.check, r.decode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		c.record = r.name
		all = append(all, c)
	}
	return all, nil
}

func benchmarkCheck(p pace, m proto.Message, check, unmarshal func([]byte) error) (checked, error) {
	record, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return checked{}, err
	}
	if err := check(record); err != nil {
		return checked{}, err
	}
	run := func(decode func([]byte) error) testing.BenchmarkResult {
		return testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decode(record)
			}
		})
	}
	c := checked{bytes: len(record)}
	for range p.rounds {
		ours, theirs := run(check), run(unmarshal)
		c.check = append(c.check, nanos(ours))
		c.unmarshal = append(c.unmarshal, nanos(theirs))
		c.checkAllocs, c.unmarshalAllocs = ours.AllocsPerOp(), theirs.AllocsPerOp()
	}
	return c, nil
}

func (c checked) ratio() ratio { return compare(c.check, c.unmarshal) }

func nanos(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

// anOrder is a record of many small messages, and a map.
func anOrder() *shopv1.Order {
	price := func(units, nanos int64) *shopv1.Money {
		return &shopv1.Money{CurrencyCode: "EUR", Units: units, Nanos: nanos}
	}
	return &shopv1.Order{
		CustomerId: "customer-00000000", OrderId: "9b2f6c1e-5d0a-4e5f-8f1a-2c3d4e5f6a7b",
		CreatedAt: &timestamppb.Timestamp{Seconds: 1_800_000_000, Nanos: 600}, Status: shopv1.OrderStatus_ORDER_STATUS_PAID,
		Total: price(129, 950_000_000),
		Lines: []*shopv1.OrderLine{
			{Sku: "engine-analytical-1", Quantity: 1, UnitPrice: price(99, 0)},
			{Sku: "cards-punched-500", Quantity: 3, UnitPrice: price(10, 316_666_667)},
		},
		Attributes:     map[string]string{"campaign": "spring", "channel": "partner-shop"},
		DeliveryWindow: &durationpb.Duration{Seconds: 172_800}, AdultOnly: proto.Bool(true), LoyaltyPoints: 129,
	}
}

// numbers is a record with fields of every scalar type, half of them optional.
func numbers() *conformancev1.Scalar {
	return &conformancev1.Scalar{
		ScalarId:    []byte("numbers"),
		DoublePlain: 1.5, FloatPlain: 2.5, Int32Plain: -3, Int64Plain: 4_000_000_000, Uint32Plain: 5, Uint64Plain: 6,
		Sint32Plain: -7, Sint64Plain: -8, Fixed32Plain: 9, Fixed64Plain: 10, Sfixed32Plain: -11, Sfixed64Plain: -12,
		BoolPlain: true, StringPlain: "plain", BytesPlain: []byte{1, 2, 3},
		DoubleOpt: proto.Float64(1.5), FloatOpt: proto.Float32(2.5), Int32Opt: proto.Int32(300), Int64Opt: proto.Int64(4),
		Uint32Opt: proto.Uint32(500_000), Uint64Opt: proto.Uint64(6), Sint32Opt: proto.Int32(-7), Sint64Opt: proto.Int64(8),
		Fixed32Opt: proto.Uint32(9), Fixed64Opt: proto.Uint64(10), Sfixed32Opt: proto.Int32(11), Sfixed64Opt: proto.Int64(12),
		BoolOpt: proto.Bool(true), StringOpt: proto.String("optional"), BytesOpt: []byte{4, 5},
	}
}
