package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// callers are the numbers of calls that may be in progress at once.
var callers = []int{1, 16, maxCallers}

// memory compares the proxy on memory with itself, the hand-written handler,
// and the handler that decodes nothing.
func (b *bench) memory(ctx context.Context, r *report) error {
	binary, _, err := shop(ctx, filepath.Join(b.dir, "memory"), b.prism, "memory", "")
	if err != nil {
		return err
	}
	proxy := []string{binary, "serve", "--listen", "127.0.0.1:0"}
	var sides [2][]side // by operation
	var servers []*process
	for _, s := range []struct {
		name    string
		command []string
	}{
		{"Prism", proxy}, {"Prism again", proxy},
		{"hand-written", []string{b.baseline(), "messages"}}, {"decodes nothing", []string{b.baseline(), "bytes"}},
	} {
		server, err := start(ctx, nil, s.command[0], s.command[1:]...)
		if err != nil {
			return err
		}
		defer server.stop()
		servers = append(servers, server)
		ops, err := b.requests.overGRPC(ctx, server.address)
		if err != nil {
			return err
		}
		for i, call := range ops {
			sides[i] = append(sides[i], side{name: s.name, call: call, path: server.cpu})
		}
	}
	if _, r.same, err = contest(ctx, b.pace, 16, sides[0][0], sides[0][1]); err != nil {
		return err
	}
	for i, name := range operationNames {
		for _, n := range callers {
			rate, results, err := contest(ctx, b.pace, n, sides[i][0], sides[i][2], sides[i][3])
			if err != nil {
				return err
			}
			r.handWritten = append(r.handWritten, duel{name, n, rate, results[0], results[1]})
			r.floor = append(r.floor, duel{name, n, rate, results[0], results[2]})
		}
	}
	r.resident, err = servers[0].resident()
	return err
}

// sqlite compares the proxy on SQLite with go-sqlite3 in the caller's process.
func (b *bench) sqlite(ctx context.Context, r *report) error {
	binary, readers, err := shop(ctx, filepath.Join(b.dir, "sqlite"), b.prism, "sqlite", "")
	if err != nil {
		return err
	}
	proxy, err := start(ctx, nil, binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(b.dir, "sqlite", "data"))
	if err != nil {
		return err
	}
	defer proxy.stop()
	r.ready, r.readers = proxy.ready, readers
	if r.binary, err = size(binary); err != nil {
		return err
	}
	direct, err := b.requests.onSQLite(ctx, filepath.Join(b.dir, "direct.db"), readers)
	if err != nil {
		return err
	}
	r.sqlite, err = b.against(ctx, proxy, direct, nil)
	return err
}

// postgres compares the proxy on Postgres with pgx in the caller's process, on
// two databases of one server.
func (b *bench) postgres(ctx context.Context, r *report) error {
	server, stop, err := postgrestest.Run()
	if err != nil {
		return err
	}
	defer stop()
	postmaster, err := prepare(ctx, server)
	if err != nil {
		return err
	}
	database := func(name string) string {
		u, _ := url.Parse(server) // it has been connected to
		u.Path = name
		return u.String()
	}
	binary, connections, err := shop(ctx, filepath.Join(b.dir, "postgres"), b.prism, "postgres", "url: '${env:BENCH_URL}'")
	if err != nil {
		return err
	}
	env := []string{"BENCH_URL=" + database("prism")}
	if err := migrate(ctx, env, binary); err != nil {
		return err
	}
	proxy, err := start(ctx, env, binary, "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer proxy.stop()
	r.connections = connections
	direct, err := b.requests.onPostgres(ctx, database("direct"), connections)
	if err != nil {
		return err
	}
	r.postgres, err = b.against(ctx, proxy, direct, func() (time.Duration, error) { return cpuOfTree(postmaster) })
	return err
}

// prepare makes the two databases and returns the server's process.
func prepare(ctx context.Context, url string) (postmaster int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	for _, name := range []string{"prism", "direct"} {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
			return 0, err
		}
	}
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, err
	}
	return parentOf(backend)
}

// against compares the proxy with direct operations.
func (b *bench) against(ctx context.Context, proxy *process, direct operations, database func() (time.Duration, error)) ([]duel, error) {
	through, err := b.requests.overGRPC(ctx, proxy.address)
	if err != nil {
		return nil, err
	}
	path := func() (time.Duration, error) {
		used, err := proxy.cpu()
		if database == nil || err != nil {
			return used, err
		}
		d, err := database()
		return used + d, err
	}
	var duels []duel
	for i, name := range operationNames {
		for _, n := range callers {
			rate, results, err := contest(ctx, b.pace, n,
				side{name: "Prism", call: through[i], path: path, database: database},
				side{name: "direct", call: direct[i], path: database, database: database})
			if err != nil {
				return nil, errors.Join(errors.New(name), err)
			}
			duels = append(duels, duel{name, n, rate, results[0], results[1]})
		}
	}
	return duels, nil
}

func size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
