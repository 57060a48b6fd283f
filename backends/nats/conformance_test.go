package nats_test

import (
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/nats/gen"
	"github.com/prism-proxy/prism/backends/nats/natstest"
)

func TestMain(m *testing.M) {
	natstest.Main()
	os.Exit(backendtest.Main(m, gen.Backend()))
}

// conformance has no Damage: a server detects what a disk has changed by its
// own checksums and does not serve it. TestDamage changes a record but not its
// header.
var conformance = backendtest.Backend{
	Emit:       gen.Backend(),
	Persistent: true,
	Getenv: func(t testing.TB) func(string) string {
		s := natstest.Start(t)
		return func(name string) string { return map[string]string{urlVariable: s.URL}[name] }
	},
}

// urlVariable is the variable that the conformance schema refers to.
const urlVariable = "PRISM_CONFORMANCE_NATS_URL"

func TestConformance(t *testing.T) { backendtest.Run(t, conformance) }
