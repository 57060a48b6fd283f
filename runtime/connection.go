package runtime

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/peer"
)

// sendLimit is how long an answer may wait until its client takes a part of it.
// All of it must be sent within maxDeadline, since no caller waits longer.
const sendLimit = defaultDeadline

// connections are the open connections of a server. They are safe for
// concurrent use.
type connections struct {
	max  int
	log  *slog.Logger
	mu   sync.Mutex
	open map[*connection]bool
	full bool // the last one was refused
}

// connection is a client's connection and knows the answers waiting on it. grpc
// frees what it has not sent when a stream ends, but not when a connection
// does.
type connection struct {
	net.Conn
	all     *connections
	mu      sync.Mutex
	closed  bool
	waiting *answer // the newest in the list
}

// address is the remote address of a connection. A call finds its connection by
// it: the address is all that grpc tells a handler about its peer.
type address struct {
	net.Addr
	of *connection
}

func (c *connection) RemoteAddr() net.Addr { return address{c.Conn.RemoteAddr(), c} }

// connectionOf returns the connection of a stream's context.
func connectionOf(ctx context.Context) *connection {
	p, _ := peer.FromContext(ctx)
	return p.Addr.(address).of
}

// Close closes the connection and drops the answers waiting on it.
func (c *connection) Close() error {
	c.mu.Lock()
	c.closed = true
	for c.waiting != nil {
		c.remove(c.waiting)
	}
	c.mu.Unlock()
	c.all.mu.Lock()
	delete(c.all.open, c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// add records an answer that was handed to grpc.
func (c *connection) add(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		a.resize(0)
		return
	}
	a.listed, a.next = true, c.waiting
	if a.next != nil {
		a.next.previous = a
	}
	c.waiting = a
}

// remove takes an answer off the list, if it is still on it. c.mu is held.
func (c *connection) remove(a *answer) {
	if !a.listed {
		return
	}
	a.listed = false
	if a.previous == nil {
		c.waiting = a.next
	} else {
		a.previous.next = a.next
	}
	if a.next != nil {
		a.next.previous = a.previous
	}
	a.previous, a.next = nil, nil
	a.resize(0)
}

// stuck reports whether an answer has waited longer than it may.
func (c *connection) stuck(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := c.waiting; a != nil; a = a.next {
		parts := a.parts.Load()
		if a.begun.IsZero() {
			a.begun = now
		}
		if a.moved.IsZero() || parts != a.seen {
			a.seen, a.moved = parts, now
		}
		if now.Sub(a.moved) >= sendLimit || now.Sub(a.begun) >= maxDeadline {
			return true
		}
	}
	return false
}

// watch closes connections whose clients do not take their answers, until ctx
// ends.
func (c *connections) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
		for _, one := range c.list() {
			if one.stuck(now) {
				c.log.LogAttrs(ctx, slog.LevelWarn, "connection closed", slog.String("reason", "answers are not taken"))
				_ = one.Close()
			}
		}
	}
}

func (c *connections) list() []*connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*connection, 0, len(c.open))
	for one := range c.open {
		all = append(all, one)
	}
	return all
}

// accepting is a listener that counts its connections.
type accepting struct {
	net.Listener
	all *connections
}

// Accept returns the next connection that there is room for. It tells the
// others to come back later.
func (l accepting) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.all.add(conn); c != nil {
			return c, nil
		}
		go refuse(conn)
	}
}

func (c *connections) add(conn net.Conn) *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.full
	if c.full = len(c.open) >= c.max; c.full {
		if !was {
			c.log.Warn("connections are refused", "limit", c.max)
		}
		return nil
	}
	one := &connection{Conn: conn, all: c}
	c.open[one] = true
	return one
}

// refuse tells a client in HTTP/2 why it is not served. It reads what the
// client sent: otherwise closing would reset the connection before the client
// has the reason.
func refuse(conn net.Conn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	out := http2.NewFramer(conn, nil)
	if out.WriteSettings() != nil || out.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("too many connections; try again later")) != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, 64<<10)
	}
}
