package chaintest

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"

	"github.com/prism-proxy/prism/generator/storage"
)

// chains is how many chains a run has unless PRISM_CHAINS says otherwise.
const chains = 100

// Seeds returns the seeds of a run's chains: that of PRISM_SEED alone, if it is set.
func Seeds() []uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("PRISM_SEED"), 10, 64); err == nil {
		return []uint64{seed}
	}
	n, err := strconv.Atoi(os.Getenv("PRISM_CHAINS"))
	if err != nil {
		n = chains
	}
	var seeds []uint64
	for range n {
		seeds = append(seeds, rand.Uint64())
	}
	return seeds
}

var name = regexp.MustCompile(`"([^"]+)"`)

// Named returns the columns that a list in a statement has, in its order.
func Named(columns []storage.Column, list string) (named []storage.Column) {
	for _, m := range name.FindAllStringSubmatch(list, -1) {
		for _, c := range columns {
			if c.Name == m[1] {
				named = append(named, c)
			}
		}
	}
	return named
}
