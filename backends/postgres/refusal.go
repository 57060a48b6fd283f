package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/prism-proxy/prism/backends/postgres/address"
)

// refusal says why no connection to the servers of c could be opened, and what
// to do about it. It contains no more of the URL than host and port, and the
// word of sslmode.
func refusal(ctx context.Context, c *pgx.ConnConfig, err error) error {
	at := "the server at " + servers(c)
	if code := sqlstate(err); code != "" {
		if s, ok := refusals[code]; ok {
			return fmt.Errorf("%s %s (SQLSTATE %s); %s", at, s.what, code, s.fix)
		}
	}
	var other foreign
	var dns *net.DNSError
	var late net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &other):
		return fmt.Errorf("%s does not let the proxy in: %w", at, other)
	case sqlstate(err) != "" || ctx.Err() != nil:
	case errors.As(err, &certificate):
		return fmt.Errorf("%s has a certificate that sslmode %s refuses: %w; let sslrootcert lead to the authority that signed it, and host be a name in it", at, sslMode(c), certificate.Err)
	case refusedTLS(err) && demandsTLS(c):
		return fmt.Errorf("%s does not speak TLS; sslmode says %s; set ssl = on in the server's settings, or write sslmode=disable where the network is trusted", at, sslMode(c))
	case errors.As(err, &dns):
		return fmt.Errorf("the name of %s is not resolved; correct the host, or the name servers of this machine", at)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%s is not there: nothing listens (%s); start it, or correct host and port", at, network(err))
	case pgconn.Timeout(err), errors.As(err, &late) && late.Timeout(), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("%s did not answer within %s; correct host and port, or let the proxy through the firewall", at, connectTimeout)
	}
	if errors.As(err, new(unsent)) {
		err = Error(ctx, err)
	}
	return fmt.Errorf("%s does not let the proxy in: %w", at, err)
}

// refusals are the answers to the opening of a connection, by SQLSTATE.
var refusals = map[string]struct{ what, fix string }{
	"28P01": {"refuses the proxy's password", "correct username and password"}, // invalid_password
	"28000": {"refuses the proxy's role", "correct username, and let its pg_hba.conf admit the role from this machine, as sslmode has it"},
	"3D000": {"does not have the database", "create it, or correct its name"},
	"53300": {"has no connection left", "raise its max_connections, or lower connections of its clients"},
	"57P03": {"is starting or stopping", "start the proxy once the server accepts connections"},
	"42704": {"does not have a setting that url asks for", "remove the parameter"}, // undefined_object
}

// refusedTLS reports whether the server answered that it does not speak TLS.
// The driver has no error of its own for it.
func refusedTLS(err error) bool {
	return err != nil && strings.Contains(err.Error(), "server refused TLS connection")
}

// demandsTLS reports whether every attempt to connect is by TLS.
func demandsTLS(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.TLSConfig == nil {
			return false
		}
	}
	return c.TLSConfig != nil
}

// sslMode returns the sslmode of the connection string, or else that of the
// environment, where the driver finds it, too.
func sslMode(c *pgx.ConnConfig) string {
	return cmp.Or(address.SSLMode(c.ConnString()), os.Getenv("PGSSLMODE"))
}
