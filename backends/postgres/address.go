package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/prism-proxy/prism/backends/postgres/address"
	"github.com/prism-proxy/prism/runtime"
)

// Resolve returns cfg with its references resolved and its parts joined into
// the URL. No error contains a resolved value.
func Resolve(env *runtime.Env, n runtime.Namespace, cfg Config) (Config, error) {
	var faults []error
	keep := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	var err error
	cfg.Connections, err = cfg.ConnectionsFrom.Resolve(env, "connections of namespace "+n.Name, cfg.Connections)
	keep(err)
	if cfg.URL != "" {
		cfg.URL, err = env.ResolveURL("url of namespace "+n.Name, cfg.URL)
		keep(err)
	} else {
		for _, part := range []struct {
			name  string
			value *string
		}{
			{"host", &cfg.Host}, {"database", &cfg.Database}, {"username", &cfg.Username}, {"password", &cfg.Password},
		} {
			*part.value, err = env.Resolve(part.name+" of namespace "+n.Name, *part.value)
			keep(err)
		}
		cfg.Port, err = cfg.PortFrom.Resolve(env, "port of namespace "+n.Name, cfg.Port)
		keep(err)
		cfg.URL = cfg.address()
	}
	if faults == nil {
		_, err := parse(n, cfg)
		keep(err)
	}
	return cfg, errors.Join(faults...)
}

// parse reads the URL. Its errors name the parameter that is at fault, never a
// value.
func parse(n runtime.Namespace, cfg Config) (*pgxpool.Config, error) {
	if what, fix := address.Check(cfg.URL); what != "" {
		return nil, fmt.Errorf("url of namespace %s: it %s; %s", n.Name, what, fix)
	}
	c, err := pgxpool.ParseConfig(cfg.URL)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return nil, fmt.Errorf("url of namespace %s: it needs a file that cannot be read: %w", n.Name, file)
	case err != nil:
		return nil, fmt.Errorf("url of namespace %s: it does not lead to a connection string, perhaps by a PG… variable of the environment; write postgres://user:password@host:port/database", n.Name)
	}
	return c, nil
}

// address returns the parts as a URL.
func (c Config) address() string {
	u := url.URL{Scheme: "postgres", Path: "/" + c.Database}
	q := url.Values{}
	if c.Port > 0 {
		q.Set("port", strconv.Itoa(c.Port))
	}
	for _, part := range [][2]string{{"host", c.Host}, {"user", c.Username}, {"password", c.Password}, {"sslmode", c.SSLMode}} {
		if part[1] != "" {
			q.Set(part[0], part[1])
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // the driver leaves a + as it is
	return u.String()
}

// servers returns host and port of each server that c names.
func servers(c *pgx.ConnConfig) string {
	all := []string{hostPort(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		if one := hostPort(f.Host, f.Port); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return strings.Join(all, ", ")
}

func hostPort(host string, port uint16) string {
	if strings.HasPrefix(host, "/") { // the folder of a socket
		return fmt.Sprintf("%s/.s.PGSQL.%d", host, port)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
