package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// When a call's context ends, its statement gets cancelDelay to finish, as most
// do, before the server is asked to cancel it. If it has not ended after
// cancelGrace, the connection is given up: the caller never waits longer than
// that after its deadline.
const (
	cancelDelay = 3 * time.Millisecond
	cancelGrace = 250 * time.Millisecond
)

// canceller ends the statement of a call whose context ends, and keeps the
// connection. pgconn's own handler aborts a cancel in flight when the statement
// ends, and then sleeps in the hope that the cancel has arrived. This one waits
// until the server has closed the cancel's connection, which it does after
// sending the signal; an idle session ignores the signal. A canceller belongs
// to one connection, which serves one call at a time.
type canceller struct {
	conn  *pgconn.PgConn
	ended chan struct{} // closed when the statement has ended
	done  chan struct{} // closed when no cancel is in flight
	stray bool          // a cancel may arrive at any later time
}

// Through a pooler nothing is cancelled: PgBouncer before 1.21 crashes, with
// all its clients, if a cancel's connection is closed at the wrong moment.
// Session settings bound how long a statement runs. It gets cancelGrace to
// finish; then the connection is given up.
func watchPooled(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn(), DeadlineDelay: cancelGrace}
}

var errNoCancel = errors.New("nothing is cancelled through a pooler")

// neverCancel makes connections of c dial only once. The driver would dial
// again to send a cancel when it gives a connection up.
func neverCancel(_ context.Context, c *pgx.ConnConfig) error {
	var open atomic.Bool
	dial, begin := c.DialFunc, c.AfterConnect
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if open.Load() {
			return nil, errNoCancel
		}
		return dial(ctx, network, address)
	}
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		open.Store(true)
		return begin(ctx, conn)
	}
	return nil
}

// watch gives conn a canceller.
func watch(conn *pgconn.PgConn) ctxwatch.Handler {
	c := &canceller{conn: conn}
	conn.CustomData()[cancels] = c
	return c
}

const cancels = "prism"

// strayed reports whether a cancel sent for conn may still arrive and would
// then end its next statement.
func strayed(conn *pgx.Conn) bool {
	c, ok := conn.PgConn().CustomData()[cancels].(*canceller)
	return ok && c.stray
}

// HandleCancel is called when the context of a statement has ended.
func (c *canceller) HandleCancel(context.Context) {
	gone := time.Now().Add(cancelGrace)
	c.conn.Conn().SetDeadline(gone)
	c.ended, c.done = make(chan struct{}), make(chan struct{})
	go c.cancel(gone)
}

func (c *canceller) cancel(gone time.Time) {
	defer close(c.done)
	select {
	case <-c.ended:
		return
	case <-time.After(cancelDelay):
	}
	ctx, stop := context.WithDeadline(context.Background(), gone)
	defer stop()
	err := c.conn.CancelRequest(ctx)
	c.stray = err != nil || ctx.Err() != nil
}

// HandleUnwatchAfterCancel is called when the statement has ended, or its
// connection.
func (c *canceller) HandleUnwatchAfterCancel() {
	close(c.ended)
	<-c.done
	c.conn.Conn().SetDeadline(time.Time{})
}
