package postgres

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/prism-proxy/prism/runtime"
)

// A server that is not PostgreSQL 13 or later is recognised by its version():
// 9.6 is older than 13, though its text sorts after it.
func TestRefuseForeign(t *testing.T) {
	for version, want := range map[string]string{
		"PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit": "",
		"PostgreSQL 13.0 on x86_64-pc-linux-musl, compiled by gcc, 64-bit":                                                            "",
		"PostgreSQL 17beta1 on aarch64-apple-darwin, compiled by clang, 64-bit":                                                       "",
		"PostgreSQL 18devel on aarch64-apple-darwin, compiled by clang, 64-bit":                                                       "",
		"PostgreSQL 13.22, compiled by Visual C++ build 1914, 64-bit":                                                                 "",
		"PostgreSQL 12.22 on x86_64-pc-linux-gnu, compiled by gcc, 64-bit":                                                            "the server is PostgreSQL 12.22; use PostgreSQL 13 or later",
		"PostgreSQL 9.6.24 on x86_64-pc-linux-gnu, compiled by gcc, 64-bit":                                                           "the server is PostgreSQL 9.6.24; use PostgreSQL 13 or later",
		"CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27 01:53:43, go1.19.10)":                                        "the server is CockroachDB, which is not PostgreSQL; use PostgreSQL 13 or later",
		"PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 16.0.6, 64-bit":                             "the server is YugabyteDB, which is not PostgreSQL; use PostgreSQL 13 or later",
		"PostgreSQL 15.2-YB-2.25.0.0-b489 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit":                           "the server is YugabyteDB, which is not PostgreSQL; use PostgreSQL 13 or later",
		"PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.51986":                                  "the server is Redshift, which is not PostgreSQL; use PostgreSQL 13 or later",
		"PostgreSQL 12.12 (Greenplum Database 7.0.0 build commit:0a7a3566873325aca1789ae6f818c80f17a9402d) on x86_64":                 "the server is Greenplum, which is not PostgreSQL; use PostgreSQL 13 or later",
		"PostgreSQL 13.14.0-RisingWave-1.9.0 (f7a1f2a)":                                                                               "the server is RisingWave, which is not PostgreSQL; use PostgreSQL 13 or later",
		"Speedb 4": `the server is "Speedb 4", which is not PostgreSQL; use PostgreSQL 13 or later`,
		"":         `the server is "", which is not PostgreSQL; use PostgreSQL 13 or later`,
	} {
		got := ""
		if err := refuseForeign(version); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", version, got, want)
		}
	}
}

// A database that looks like Postgres is refused at start, by its name, before
// anything is set in it.
func TestLookalikeIsRefused(t *testing.T) {
	for version, want := range map[string]string{
		"CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)": "the server is CockroachDB, which is not PostgreSQL",
		"PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64":       "the server is YugabyteDB, which is not PostgreSQL",
		"PostgreSQL 12.22 on x86_64-pc-linux-gnu":        "the server is PostgreSQL 12.22; use PostgreSQL 13 or later",
	} {
		l, asked := lookalike(t, version)
		cfg := Config{URL: "postgres://app@" + l.Addr().String() + "/db?sslmode=disable", Connections: 1}
		env := runtime.NewEnv("test", "")
		n := runtime.Namespace{Name: "ns"}
		for name, call := range map[string]func() error{
			"Open":    func() error { _, err := Open(t.Context(), env, n, cfg); return err },
			"Migrate": func() error { return withConn(t.Context(), env, n, cfg, nil) },
		} {
			err := call()
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), l.Addr().String()) {
				t.Errorf("%s: %v, want %q and the server's address", name, err, want)
			}
			for range len(asked) {
				if q := <-asked; q != "SELECT pg_catalog.version()" {
					t.Errorf("%s sent %q to it", name, q)
				}
			}
		}
	}
}

// lookalike starts a server that speaks the protocol and answers only
// version(), and returns it with the statements it got.
func lookalike(t *testing.T, version string) (net.Listener, chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go func() { defer conn.Close(); speak(conn, version, asked) }()
			}
		}
	}()
	return l, asked
}

func speak(conn net.Conn, version string, asked chan<- string) {
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for b.Flush() == nil {
		message, err := b.Receive()
		if err != nil {
			return
		}
		query, ok := message.(*pgproto3.Query)
		if !ok {
			return
		}
		asked <- query.String
		b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("version"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}})
		b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(version)}})
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}
