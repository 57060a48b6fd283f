// Package backendtest is the conformance suite of the KeyValue abstraction:
// what every backend must do, stated once and checked through the contract that
// clients call. A backend joins with a harness of a few lines in its external
// tests. Nothing specific to one backend may be in here.
package backendtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// Backend is what a harness says about its backend.
type Backend struct {
	// Emit is its compile-time half, one of those that Main was given.
	Emit *emit.Backend
	// Persistent says that records outlive the proxy, given the same DataDir and
	// Getenv.
	Persistent bool
	// Getenv creates an empty store and returns the environment that leads to it.
	// The store may be removed when t ends. Nil: the backend reads no variable.
	Getenv func(t testing.TB) func(name string) string
	// Themes are the themes of the suite to run. Nil: all.
	Themes []string
	// Damage changes a byte of a stored record, as a disk would. Nil: the store is
	// in the memory of the proxy's process, which nothing else reaches.
	Damage func(t testing.TB, p *Proxy, d Damaged)
}

// Damaged says where the record that Damage changes is stored.
type Damaged struct {
	Namespace, Table, KeyColumn, Key string
}

// Run runs the whole suite, each case on empty stores. A failure begins with
// the rule that was broken. After each case, calls to every entity must
// succeed, and after the last a stop must leave nothing of the proxy.
//
// Cases that need what the backend does not offer are not run; Main checks that
// schemas which ask for it are refused.
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
	needs schema.Ability // what all of its cases need
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
	{"bounds", 0, boundCases},
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
	// needs are the abilities that it needs besides those of its theme.
	needs schema.Ability
	// restarts says that the case needs records to outlive the proxy.
	restarts bool
	// damages says that the case needs records that can be changed behind the
	// proxy's back.
	damages bool
	run     func(*check)
}

// has reports whether the backend offers all of the abilities. Cases use it for
// parts that they can do without.
func (p *Proxy) has(a schema.Ability) bool { return p.backend.offers(a) }

func (b Backend) offers(a schema.Ability) bool { return b.Emit.Store.KeyValue.Can&a == a }

// check is a running case. Its failures begin with its rule.
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
