// Package backendtest is the conformance suite of the KeyValue abstraction: what
// every backend must do, said once and checked through the contract that
// clients call. A backend joins with a harness of a few lines in its external
// tests. Nothing of one backend may be in here.
package backendtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend is what a harness says of its backend.
type Backend struct {
	// Emit is its compile-time half, one of those that Main was given.
	Emit *emit.Backend
	// Persistent says that records outlive the proxy, on the same DataDir and
	// the same Getenv.
	Persistent bool
	// Getenv makes a new, empty store and returns the environment that leads to
	// it. The store may go when t ends. Nil: the backend reads no variable.
	Getenv func(t testing.TB) func(name string) string
	// Themes are those of the suite that are run. Nil: all.
	Themes []string
	// Damage changes a byte of a stored record, as a disk would. Nil: the store is
	// memory of the proxy's own process, which nothing else reaches.
	Damage func(t testing.TB, p *Proxy, d Damaged)
}

// Damaged says where a record is stored that Damage changes.
type Damaged struct {
	Namespace, Table, KeyColumn, Key string
}

// Run runs the whole suite, each case on empty stores. A failure begins with
// the rule that does not hold. Each case is followed by calls to every entity,
// which must succeed, and the last by a stop that leaves nothing of the proxy.
//
// Cases that need what the backend does not offer are not run: that it is refused
// where a schema asks for it is checked by Main.
func Run(t *testing.T, b Backend) {
	verifyStopped(t)
	can := b.Emit.Store.KeyValue.Can
	clears := can&clearing == clearing
	var shared *Proxy
	if clears {
		shared = Open(t, b)
	}
	for _, theme := range themes {
		if b.Themes != nil && !slices.Contains(b.Themes, theme.name) || theme.needs&^can != 0 {
			continue
		}
		t.Run(theme.name, func(t *testing.T) {
			for _, c := range theme.cases {
				if c.needs&^can != 0 || c.restarts && !b.Persistent || c.damages && b.Damage == nil {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					p := shared
					if !clears {
						p = Open(t, b)
					} else {
						p.clear(t)
					}
					c.run(&check{T: t, Proxy: p, rule: c.rule})
				})
			}
			if clears {
				shared.clear(t)
			}
		})
	}
}

var themes = []struct {
	name  string
	needs schema.Ability // what all of its cases call for
	cases []testCase
}{
	{"records", 0, recordCases},
	{"versions", 0, versionCases},
	{"unique", schema.CanUnique, uniqueCases},
	{"batches", schema.CanBatch, batchCases},
	{"scans", schema.CanScan, scanCases},
	{"changes", schema.CanScan, changeCases},
	{"finds", schema.CanList, findCases},
	{"order", 0, orderCases},
	{"tokens", schema.CanScan, tokenCases},
	{"ttl", schema.CanExpire, ttlCases},
	{"clock", 0, clockCases},
	{"fields", 0, fieldCases},
	{"types", 0, typeCases},
	{"encoding", 0, encodingCases},
	{"limits", 0, limitCases},
	{"calls", 0, callCases},
	{"parts", 0, partCases},
	{"damage", 0, damageCases},
	{"many", 0, manyCases},
	{"linear", 0, linearCases},
}

// testCase is one rule and how it is checked.
type testCase struct {
	name string
	rule string
	// needs are the abilities that it calls for, beside those of its theme.
	needs schema.Ability
	// restarts says that the case needs records to outlive the proxy.
	restarts bool
	// damages says that the case needs records that can be changed behind the
	// proxy's back.
	damages bool
	run     func(*check)
}

// has reports whether the backend offers all of the abilities. Cases ask it about
// parts that they can do without.
func (p *Proxy) has(a schema.Ability) bool { return p.backend.offers(a) }

func (b Backend) offers(a schema.Ability) bool { return b.Emit.Store.KeyValue.Can&a == a }

// check is a case that runs. What it fails with begins with its rule.
type check struct {
	*testing.T
	*Proxy
	rule string
}

func (t *check) Errorf(format string, args ...any) {
	t.T.Helper()
	t.T.Errorf("rule: %s\n%s", t.rule, fmt.Sprintf(format, args...))
}

func (t *check) Fatalf(format string, args ...any) {
	t.T.Helper()
	t.T.Fatalf("rule: %s\n%s", t.rule, fmt.Sprintf(format, args...))
}

// sub runs one row of a case that is a table.
func (t *check) sub(name string, run func(*check)) {
	t.T.Helper()
	t.T.Run(name, func(inner *testing.T) { run(&check{T: inner, Proxy: t.Proxy, rule: t.rule}) })
}
