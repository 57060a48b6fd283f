package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	driver "github.com/nats-io/nats.go"
)

// refusal says why no connection could be opened to the server that at names,
// and what to do about it.
func refusal(ctx context.Context, at string, err error) error {
	var dns *net.DNSError
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, driver.ErrAuthorization), errors.Is(err, driver.ErrAuthExpired), errors.Is(err, driver.ErrAuthRevoked),
		errors.Is(err, driver.ErrAccountAuthExpired):
		return fmt.Errorf("%s refuses the proxy's credentials; correct user and password in url", at)
	case errors.Is(err, driver.ErrSecureConnWanted):
		return fmt.Errorf("%s does not speak TLS; url says tls; give the server a certificate, or write nats:// where the network is trusted", at)
	case errors.Is(err, driver.ErrSecureConnRequired):
		return fmt.Errorf("%s demands TLS; write tls:// in url", at)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s has a certificate that is refused: %w; let this machine trust the authority that signed it", at, certificate.Err)
	case errors.As(err, &dns):
		return fmt.Errorf("the name of %s is not resolved; correct the host, or the name servers of this machine", at)
	case errors.Is(err, driver.ErrNoServers): // the driver's word for a refused connection
		return fmt.Errorf("%s is not there: nothing listens (connection refused); start it, or correct host and port", at)
	case errors.Is(err, driver.ErrTimeout), errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%s did not answer within %s; correct host and port, or let the proxy through the firewall", at, connectTimeout)
	}
	return fmt.Errorf("%s does not let the proxy in: %w", at, Error(ctx, unsent{err}))
}
