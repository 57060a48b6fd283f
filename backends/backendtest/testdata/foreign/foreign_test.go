package foreign_test

import (
	"os"
	"testing"

	"example.com/foreign/gen"
	"github.com/prism-proxy/prism/backends/backendtest"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, gen.Backend())) }

func TestConformance(t *testing.T) { backendtest.Run(t, backendtest.Backend{Emit: gen.Backend()}) }
