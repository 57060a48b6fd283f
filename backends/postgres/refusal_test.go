package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Whoever starts a proxy learns which of the things that keep it from its
// server it is, and what to do, without a part of the password.
func TestRefusal(t *testing.T) {
	answer := func(code string) error { return &pgconn.PgError{Severity: "FATAL", Code: code, Message: "hush"} }
	noTLS := errors.New("server refused TLS connection")
	for _, c := range []struct {
		name, mode string
		err        error
		want       string
	}{
		{"password", "prefer", answer("28P01"), "the server at db:5432 refuses the proxy's password (SQLSTATE 28P01); correct username and password"},
		{"connections", "prefer", answer("53300"), "the server at db:5432 has no connection left (SQLSTATE 53300); raise its max_connections"},
		{"database", "prefer", errors.Join(noTLS, answer("3D000")), "the server at db:5432 does not have the database (SQLSTATE 3D000); create it"},
		{"no TLS", "verify-full", noTLS, "the server at db:5432 does not speak TLS; sslmode says verify-full; set ssl = on"},
		{"no TLS where none is demanded", "prefer", errors.Join(noTLS, syscall.ECONNREFUSED), "the server at db:5432 is not there: nothing listens (connection refused)"},
		{"certificate", "verify-full", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "the server at db:5432 has a certificate that sslmode verify-full refuses: x509: certificate signed by unknown authority; let sslrootcert"},
		{"name", "prefer", &net.DNSError{Err: "no such host", IsNotFound: true}, "the name of the server at db:5432 is not resolved"},
		{"late", "prefer", &net.OpError{Op: "dial", Err: context.DeadlineExceeded}, "the server at db:5432 did not answer within 5s"},
		{"other", "prefer", answer("XX000"), "the server at db:5432 does not let the proxy in: INTERNAL"},
	} {
		config, err := pgx.ParseConfig("postgres://app:hush@db:5432/shop?sslmode=" + c.mode)
		if err != nil {
			t.Fatal(err)
		}
		got := refusal(t.Context(), config, unsent{fmt.Errorf("connect: %w", c.err)})
		if !strings.Contains(got.Error(), c.want) || strings.Contains(got.Error(), "hush") {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}
