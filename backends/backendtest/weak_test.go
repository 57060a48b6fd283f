package backendtest_test

import (
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	memory "github.com/prism-proxy/prism/backends/memory/gen"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
)

// weak returns memory as a store without the abilities.
func weak(name string, lacks schema.Ability) *emit.Backend {
	b := memory.Backend()
	b.Name, b.Store.KeyValue.Can = name, b.Store.KeyValue.Can&^lacks
	b.Store.KeyValue.Lacks = map[schema.Ability]string{}
	for _, a := range schema.KeyValue.Abilities {
		b.Store.KeyValue.Lacks[a] = "it is made without"
	}
	return b
}

var (
	unordered = weak("unordered", schema.CanScan|schema.CanList)
	plain     = weak("plain", schema.CanSwap|schema.CanBatch|schema.CanUnique|schema.CanExpire)
)

// A store that offers less must follow the rules about what it offers.
func TestWeakStores(t *testing.T) {
	for _, b := range []*emit.Backend{unordered, plain} {
		t.Run(b.Name, func(t *testing.T) { backendtest.Run(t, backendtest.Backend{Emit: b}) })
	}
}

// The random log makes only calls that are served, and reaches all of them.
func TestWeakLogs(t *testing.T) {
	for _, b := range []*emit.Backend{unordered, plain} {
		t.Run(b.Name, func(t *testing.T) {
			backendtest.Agree(t, 1, 10_000, map[string]backendtest.Backend{"one": {Emit: b}, "another": {Emit: b}})
		})
	}
}
