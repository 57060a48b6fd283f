package memory_test

import (
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/memory/gen"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, gen.Backend())) }

func TestConformance(t *testing.T) {
	backendtest.Run(t, backendtest.Backend{Emit: gen.Backend()})
}
