package natstest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Cluster is three servers in this process, each with its own files.
type Cluster struct {
	URL     string // of all three
	Servers []*Server
}

// StartCluster starts three empty servers that know each other, and returns when
// they have a leader. Options may be changed for each server. They stop when t
// ends.
func StartCluster(t testing.TB, change ...func(i int, o *server.Options)) *Cluster {
	t.Helper()
	const size = 3
	c := new(Cluster)
	var routes []*url.URL
	for range size {
		routes = append(routes, &url.URL{Scheme: "nats", Host: freeAddress(t)})
	}
	var urls []string
	for i, own := range routes {
		port, err := strconv.Atoi(own.Port())
		if err != nil {
			t.Fatal(err)
		}
		s := Start(t, func(o *server.Options) {
			o.ServerName, o.Routes = fmt.Sprint("server", i), routes
			o.Cluster = server.ClusterOpts{Name: "test", Host: own.Hostname(), Port: port}
			for _, c := range change {
				c(i, o)
			}
		})
		c.Servers, urls = append(c.Servers, s), append(urls, s.URL)
	}
	c.URL = strings.Join(urls, ",")
	await(t, "the servers have a leader", func() bool {
		return c.leads(func(s *server.Server) bool { return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == size })
	})
	return c
}

func (c *Cluster) leads(is func(*server.Server) bool) bool {
	for _, s := range c.Servers {
		if is(s.server) {
			return true
		}
	}
	return false
}

// Replicate gives all streams a replica on each server, as operators do, and
// returns when all replicas have caught up with their leaders.
func (c *Cluster) Replicate(t testing.TB) {
	t.Helper()
	js := c.connect(t)
	for _, info := range c.streams(t, js) {
		info.Config.Replicas = len(c.Servers)
		if _, err := js.UpdateStream(t.Context(), info.Config); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the replicas of all streams are current", func() bool {
		return !slices.ContainsFunc(c.streams(t, js), func(info *jetstream.StreamInfo) bool { return !c.current(info.Cluster) })
	})
}

// Purge deletes all messages of all streams.
func (c *Cluster) Purge(t testing.TB) {
	t.Helper()
	c.Healthy(t)
	js := c.connect(t)
	for _, info := range c.streams(t, js) {
		// On a busy machine a leader may step down in between.
		await(t, info.Config.Name+" is empty", func() bool {
			s, err := js.Stream(t.Context(), info.Config.Name)
			return err == nil && s.Purge(t.Context()) == nil
		})
	}
}

func (c *Cluster) connect(t testing.TB) jetstream.JetStream {
	t.Helper()
	conn, err := driver.Connect(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func (c *Cluster) streams(t testing.TB, js jetstream.JetStream) (all []*jetstream.StreamInfo) {
	t.Helper()
	list := js.ListStreams(t.Context())
	for info := range list.Info() {
		all = append(all, info)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// current reports whether a stream has a leader and all replicas follow it.
func (c *Cluster) current(info *jetstream.ClusterInfo) bool {
	if info == nil || info.Leader == "" || len(info.Replicas) != len(c.Servers)-1 {
		return false
	}
	for _, r := range info.Replicas {
		if !r.Current || r.Offline {
			return false
		}
	}
	return true
}

// Leader returns the number of the server that leads a stream, once one does.
func (c *Cluster) Leader(t testing.TB, stream string) (leader int) {
	t.Helper()
	await(t, "stream "+stream+" has a leader", func() bool {
		for i, s := range c.Servers {
			if s.server.Running() && s.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// Healthy returns when each server has caught up with the others.
func (c *Cluster) Healthy(t testing.TB) {
	t.Helper()
	await(t, "all servers are current", func() bool {
		for _, s := range c.Servers {
			if health := s.server.Healthz(new(server.HealthzOptions)); health.Status != "ok" {
				return false
			}
		}
		return true
	})
}

// await waits until something holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
