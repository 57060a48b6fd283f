package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// A password with characters that are special in a URL opens the store, in a
// URL and in parts. If it is wrong, the error contains none of it.
func TestPasswordOfAnyLetters(t *testing.T) {
	store := postgrestest.StartOwn(t).WithPasswords(t)
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, environment(store), config(initSQL))
	for i, password := range []string{"p@ss/word", "p/w", "100%", "a b", "%41bc", `a'b\"c`, "a:b?c#d&e=f"} {
		role := fmt.Sprintf("app%d", i)
		query(t, store, `CREATE ROLE `+role+` LOGIN SUPERUSER PASSWORD '`+quoteText(password)+`'`)
		environ := map[string]string{"PW": password, "PORT": u.Port(), "APP": role}
		for name, cfg := range map[string]postgres.Config{
			"url":   {URL: "postgres://${env:APP}:${env:PW}@127.0.0.1:${env:PORT}/postgres?sslmode=disable"},
			"words": {URL: "host=127.0.0.1 port=${env:PORT} user=${env:APP} password=${env:PW} dbname=postgres sslmode=disable"},
			"parts": {Host: "127.0.0.1", Database: "postgres", Username: "${env:APP}", Password: "${env:PW}", SSLMode: "disable"},
		} {
			c := config(initSQL)
			cfg.Connections, cfg.Statements, cfg.Durability = 2, 100, "POWER_SAFE"
			if cfg.Host != "" {
				cfg.PortFrom.Reference, cfg.PortFrom.Min, cfg.PortFrom.Max = "${env:PORT:-1}", 1, 65535
			}
			c.Config = cfg
			env := environment("")
			env.Getenv = func(name string) string { return environ[name] }
			db, err := c.Open(t.Context(), env)
			if err != nil {
				t.Errorf("%q by %s: %v", password, name, err)
				continue
			}
			db.Close()
			environ["PW"] = password + "hush"
			_, err = c.Open(t.Context(), env)
			wantError(t, err, "the server at 127.0.0.1:"+u.Port()+" refuses the proxy's password (SQLSTATE 28P01); correct")
			for _, part := range []string{"hush", password} {
				if err != nil && strings.Contains(err.Error(), part) {
					t.Errorf("%s by %s: %v has %q of the password", role, name, err, part)
				}
			}
			environ["PW"] = password
		}
	}
}

func quoteText(text string) string { return strings.ReplaceAll(text, "'", "''") }
