package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// ratio compares two sides: the median over the rounds of what Prism took
// divided by what the other took in the same round, and its 95 % interval by
// bootstrap.
type ratio struct{ median, low, high float64 }

// resamples is how many bootstrap samples the interval is taken from.
const resamples = 10_000

// compare returns the ratio of a to b, round by round.
func compare(a, b []float64) ratio {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same rounds give the same interval
	medians := make([]float64, resamples)
	sample := make([]float64, len(ratios))
	for i := range medians {
		for j := range sample {
			sample[j] = ratios[random.IntN(len(ratios))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	return ratio{median(ratios), medians[resamples*25/1000], medians[resamples*975/1000-1]}
}

// median returns the middle value, or the mean of the middle two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// String returns the ratio with its interval.
func (r ratio) String() string { return fmt.Sprintf("%.2f [%.2f, %.2f]", r.median, r.low, r.high) }

// verdict says whether Prism costs less or more, if the interval leaves no doubt.
func (r ratio) verdict() string {
	switch {
	case r.high < 1:
		return "better"
	case r.low > 1:
		return "**worse**"
	}
	return "no difference"
}

// inverse is the ratio of b to a: it turns a gain into a cost.
func (r ratio) inverse() ratio { return ratio{1 / r.median, 1 / r.high, 1 / r.low} }
