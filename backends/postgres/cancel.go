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

// A call whose context ends lets its statement end well before it asks the
// server to cancel it, since most have ended by then, and gives up the
// connection if that has not answered in time: the caller waits so much longer
// than its deadline, at most.
const (
	cancelDelay = 3 * time.Millisecond
	cancelGrace = 250 * time.Millisecond
)

// canceller ends the statement of a call whose context ends, and keeps the
// connection. pgconn's own of this kind aborts a cancel that is on its way when
// the statement ends, and then sleeps in the hope that it has come; this one
// waits until the server has closed the cancel's connection, which it does when
// it has sent the signal. A signal that comes to an idle session is none. It
// belongs to one connection, which serves one call at a time.
type canceller struct {
	conn  *pgconn.PgConn
	ended chan struct{} // closed when the statement has ended
	done  chan struct{} // closed when no cancel is on its way
	stray bool          // a cancel may be on its way for ever
}

// Through a pooler nothing is cancelled: PgBouncer before 1.21 ends, with all
// its clients, when a cancel's connection is closed at a wrong moment. What runs
// there is bounded by the settings of its session. A statement has the same time
// to end well; then the connection is given up.
func watchPooled(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn(), DeadlineDelay: cancelGrace}
}

var errNoCancel = errors.New("nothing is cancelled through a pooler")

// neverCancel makes c one whose connection dials once. The driver would dial
// again to send a cancel when it gives the connection up.
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

// strayed reports whether a cancel that conn was given up for may still come, and
// would end its next statement.
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
