package memory_test

import (
	"os"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/server"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, server.Deployment)) }

func TestConformance(t *testing.T) {
	backendtest.Run(t, backendtest.Backend{Deployment: server.Deployment})
}
