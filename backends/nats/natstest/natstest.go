// Package natstest starts NATS servers for tests. Nothing else may use it.
package natstest

import (
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a server in this process. Its data survive Stop.
type Server struct {
	URL     string // unchanged by a restart
	Monitor string // its monitoring address

	options server.Options
	server  *server.Server
}

// Start starts an empty server that keeps files in a folder of t, with the options
// that change makes. It stops when t ends.
func Start(t testing.TB, change ...func(*server.Options)) *Server {
	t.Helper()
	s := &Server{options: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: 4 << 20, NoLog: true, NoSigs: true,
	}}
	for _, c := range change {
		c(&s.options)
	}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server that was stopped, on the same port and the same files.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	options := s.options
	running, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not listen")
	}
	s.server, s.URL = running, running.ClientURL()
	if u, err := url.Parse(s.URL); err == nil {
		s.options.Port, _ = strconv.Atoi(u.Port())
	}
	if a := running.MonitorAddr(); a != nil {
		s.Monitor = fmt.Sprintf("http://%s", a)
	}
}

// Stop stops the server and waits until it has. It may be called again.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}
