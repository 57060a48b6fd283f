package chaintest

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"

	"github.com/prism-proxy/prism/generator/storage"
)

// Seeds returns the seeds of n chains, or of as many as the environment variable says:
// that of PRISM_SEED alone, if it is set.
func Seeds(n int, variable string) []uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("PRISM_SEED"), 10, 64); err == nil {
		return []uint64{seed}
	}
	if set, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		n = set
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
