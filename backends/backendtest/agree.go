package backendtest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/prism-proxy/prism/generator/schema"
)

// longSeeds is how many seeds the long runs use.
const longSeeds = 12

// Seeds returns the seeds for a test of random calls: PRISM_SEED, or else 1,
// and with PRISM_LONG new ones besides.
func Seeds(t testing.TB) []uint64 {
	t.Helper()
	if text := os.Getenv("PRISM_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PRISM_SEED is %q, want a number", text)
		}
		return []uint64{seed}
	}
	seeds := []uint64{1}
	for os.Getenv("PRISM_LONG") != "" && len(seeds) < longSeeds {
		seeds = append(seeds, uint64(rand.Uint32()))
	}
	return seeds
}

// Agree plays the log of n random operations for the seed on every backend, all
// of which must offer the same, and fails t at the first operation that two of
// them answer differently, with the seed, the operation, the answers, and a
// short log that still leads there. It also fails if the log is too uniform to
// prove anything.
func Agree(t *testing.T, seed uint64, n int, backends map[string]Backend) {
	s := &stage{names: slices.Sorted(maps.Keys(backends)), counts: map[string]int{}}
	for _, name := range s.names {
		s.can = backends[name].Emit.Store.KeyValue.Can
		s.proxies = append(s.proxies, Open(t, backends[name]))
	}
	for _, name := range s.names {
		if backends[name].Emit.Store.KeyValue.Can != s.can {
			t.Fatalf("%s offers something else than the others: their schemas differ", name)
		}
	}
	log := randomLog(seed, n, s.can)
	difference := s.play(t, log)
	if difference == nil {
		s.verify(t)
		return
	}
	short := s.shrink(t, log[:difference.at+1])
	var steps strings.Builder
	for _, o := range short {
		fmt.Fprintf(&steps, "  %v\n", o)
	}
	t.Fatalf("rule: backends answer alike, versions by their order and page tokens by what they resume\n"+
		"seed %d, operation %v\n%s\na log that leads there:\n%s", seed, log[difference.at], difference.answers, steps.String())
}

// stage is the proxies that a log is played on.
type stage struct {
	names   []string
	can     schema.Ability
	proxies []*Proxy
	counts  map[string]int // successful calls by kind, and refusals by reason
}

// difference is an operation that two proxies answer differently.
type difference struct {
	at      int // the position in the log
	answers string
}

// play plays a log on empty stores and returns the first difference, or nil.
func (s *stage) play(t *testing.T, log []operation) *difference {
	t.Helper()
	var players []*player
	start := s.proxies[0].clock.now()
	for i, p := range s.proxies {
		if p.has(clearing) {
			p.clear(t)
		} else {
			p.Stop(t)
			p = Open(t, p.backend)
			s.proxies[i] = p
		}
		p.clock.set(start)
		players = append(players, &player{Proxy: p, seen: map[string][]int64{}, tokens: map[int]string{}})
	}
	for i, o := range log {
		var answers []string
		for _, p := range players {
			answers = append(answers, p.play(t.Context(), o))
		}
		if strings.HasPrefix(answers[0], codes.Unimplemented.String()) {
			t.Fatalf("the log has a call that is not served: %v", o)
		}
		s.counts[cmp.Or(reasonIn(answers[0]), kind(o))]++
		if slices.ContainsFunc(answers, func(a string) bool { return a != answers[0] }) {
			return &difference{at: i, answers: s.format(answers)}
		}
	}
	return nil
}

// kind returns what an operation does, whatever its entity: Put, BatchGet, Find.
func kind(o operation) string {
	verb, _, _ := strings.Cut(o.method, o.entity)
	if strings.HasPrefix(verb, "Find") {
		return "Find"
	}
	return verb
}

func (s *stage) format(answers []string) string {
	var b strings.Builder
	for i, name := range s.names {
		fmt.Fprintf(&b, "%s answers: %s\n", name, answers[i])
	}
	return b.String()
}

// patience is how long to try to shorten a failing log.
const patience = 2 * time.Minute

// shrink removes what is not needed for the last operation of a log to differ,
// first large parts and then small ones.
func (s *stage) shrink(t *testing.T, log []operation) []operation {
	t.Helper()
	end := time.Now().Add(patience)
	for size := len(log) / 2; size > 0; size /= 2 {
		for from := 0; from+size < len(log); {
			if time.Now().After(end) {
				return log
			}
			shorter := slices.Concat(log[:from], log[from+size:])
			if d := s.play(t, shorter); d == nil {
				from += size
			} else {
				log = shorter[:d.at+1]
			}
		}
	}
	return log
}

// verify demands that calls of every kind succeeded, and that every reason
// occurred that a random log can cause with what is offered.
func (s *stage) verify(t *testing.T) {
	t.Helper()
	want := []string{"Put", "Get", "Delete", "CompareAndSwap", "BatchPut", "BatchGet", "BatchDelete", "Scan", "Find"}
	for _, r := range randomReasons {
		want = append(want, r.reason)
	}
	// An entry cannot occur if none of its abilities is offered.
	by := map[string]schema.Ability{
		"CompareAndSwap": schema.CanSwap, exists.reason: schema.CanSwap, unique.reason: schema.CanUnique,
		"BatchPut": schema.CanBatch, "BatchGet": schema.CanBatch, "BatchDelete": schema.CanBatch,
		batchEmpty.reason: schema.CanBatch, batchDuplicate.reason: schema.CanBatch,
		"Scan": schema.CanScan, "Find": schema.CanList | schema.CanUnique,
		pageSizeRange.reason: schema.CanScan | schema.CanList, tokenInvalid.reason: schema.CanScan | schema.CanList,
		// A log's keys have neither fault; bounds and indexed fields have.
		fieldCharset.reason: schema.CanScan | schema.CanList | schema.CanUnique,
		timeRange.reason:    schema.CanScan | schema.CanList | schema.CanUnique,
	}
	for _, kind := range want {
		if a := by[kind]; a != 0 && s.can&a == 0 {
			continue
		}
		if s.counts[kind] < 3 {
			t.Errorf("the log has %d of %s: too few to tell backends apart", s.counts[kind], kind)
		}
	}
}
