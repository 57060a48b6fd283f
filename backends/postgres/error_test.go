package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/runtime"
)

// unsent is an error from before anything was sent, marked as the driver does.
type unsent struct{ error }

func (unsent) SafeToRetry() bool { return true }
func (e unsent) Unwrap() error   { return e.error }

func TestError(t *testing.T) {
	live := t.Context()
	cancelled, cancel := context.WithCancel(live)
	cancel()
	late, cancel := context.WithTimeout(live, 0)
	defer cancel()
	answer := func(code string) error {
		return fmt.Errorf("query: %w", &pgconn.PgError{
			Code: code, ConstraintName: "things_label", Message: "hush", Detail: "Key (label)=(hush) already exists.",
		})
	}
	check := func(constraint string) error { return &pgconn.PgError{Code: "23514", ConstraintName: constraint} }
	severe := func(severity, code string) error { return &pgconn.PgError{SeverityUnlocalized: severity, Code: code} }
	broken := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, c := range []struct {
		name    string
		ctx     context.Context
		err     error
		reason  runtime.Reason
		outcome string
	}{
		{"unique_violation", live, answer("23505"), runtime.Unique, ""},
		{"query_canceled", live, answer("57014"), runtime.BackendTimeout, "none"},
		{"serialization_failure", live, answer("40001"), runtime.BackendContention, "none"},
		{"deadlock_detected", live, answer("40P01"), runtime.BackendContention, "none"},
		{"lock_not_available", live, answer("55P03"), runtime.BackendContention, "none"},
		{"statement_completion_unknown", live, answer("40003"), runtime.BackendUnavailable, "unknown"},
		{"disk_full", live, answer("53100"), runtime.BackendReadOnly, "none"},
		{"read_only_sql_transaction", live, answer("25006"), runtime.BackendReadOnly, "none"},
		{"insufficient_privilege", live, answer("42501"), runtime.BackendAuth, "none"},
		{"invalid_password", live, answer("28P01"), runtime.BackendAuth, "none"},
		{"invalid_authorization_specification", live, answer("28000"), runtime.BackendAuth, "none"},
		{"invalid_catalog_name", live, answer("3D000"), runtime.BackendUnavailable, "none"},
		{"too_many_connections", live, answer("53300"), runtime.BackendUnavailable, "none"},
		{"out_of_memory", live, answer("53200"), runtime.BackendUnavailable, "none"},
		{"admin_shutdown", live, answer("57P01"), runtime.BackendUnavailable, "unknown"},
		{"crash_shutdown", live, answer("57P02"), runtime.BackendUnavailable, "unknown"},
		{"cannot_connect_now", live, answer("57P03"), runtime.BackendUnavailable, "none"},
		{"connection_failure", live, answer("08006"), runtime.BackendUnavailable, "unknown"},
		{"protocol_violation before anything was sent", live, unsent{answer("08P01")}, runtime.BackendUnavailable, "none"},
		{"disk_full as the log is written", live, severe("PANIC", "53100"), runtime.BackendReadOnly, "unknown"},
		{"the connection's end with any code", live, severe("FATAL", "XX000"), runtime.Internal, "unknown"},
		{"the connection's end before anything was sent", live, unsent{severe("FATAL", "53300")}, runtime.BackendUnavailable, "none"},
		{"data_corrupted", live, answer("XX001"), runtime.ValueCorrupt, "none"},
		{"undefined_table", live, answer("42P01"), runtime.ReleaseFenced, "none"},
		{"undefined_column", live, answer("42703"), runtime.ReleaseFenced, "none"},
		{"a fence", live, check("things_fence_3"), runtime.ReleaseFenced, "none"},
		{"another check", live, check("things_label"), runtime.Internal, "none"},
		{"a code that is none", live, answer("X"), runtime.Internal, "none"},
		{"an answer before the context's end", late, answer("23505"), runtime.Unique, ""},

		{"query_canceled for a caller that cancelled", cancelled, answer("57014"), runtime.Cancelled, "none"},
		{"query_canceled at the deadline", late, answer("57014"), runtime.BackendTimeout, "none"},

		{"late after sending", late, broken, runtime.BackendTimeout, "unknown"},
		{"late before sending", late, unsent{context.DeadlineExceeded}, runtime.DeadlineExceeded, "none"},
		{"cancelled after sending", cancelled, broken, runtime.Cancelled, "unknown"},
		{"cancelled before sending", cancelled, unsent{context.Canceled}, runtime.Cancelled, "none"},

		{"reset", live, broken, runtime.BackendUnavailable, "unknown"},
		{"closed by the server", live, io.ErrUnexpectedEOF, runtime.BackendUnavailable, "unknown"},
		{"refused", live, unsent{syscall.ECONNREFUSED}, runtime.BackendUnavailable, "none"},
		{"not recognised", live, errors.New("cannot encode hush"), runtime.Internal, "unknown"},
		{"one of package runtime", live, runtime.Absent(), runtime.NotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := postgres.Error(c.ctx, c.err)
			wantReason(t, err, c.reason, c.outcome)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v quotes a value", err)
			}
		})
	}
	if err := postgres.Error(late, nil); err != nil {
		t.Errorf("error %v of no error", err)
	}
}

func TestViolated(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	if _, err := db.Version(t.Context(), insertThing, "a", "x"); err != nil {
		t.Fatal(err)
	}
	labels := []string{"y", "z", "x", "w"}
	values := func(i int) []any { return []any{"b" + labels[i], labels[i]} }
	_, item, err := db.Versions(t.Context(), &things, insertThing, len(labels), values)
	if got := postgres.Violated(err); got != "things_label" || item != 2 {
		t.Errorf("got constraint %q, item %d, want things_label, item 2", got, item)
	}
	if got := query(t, store, `SELECT "id" FROM "things"`); len(got) != 1 {
		t.Errorf("got %v, want nothing of the batch that failed", got)
	}
	_, err = db.Version(t.Context(), insertThing, "c", nil)
	if got := postgres.Violated(err); got != "" || err != nil {
		t.Errorf("got %q, %v of a write that succeeded", got, err)
	}
}

// sleep is a write that takes longer than any test.
const sleep = `WITH slept AS (SELECT pg_sleep(60)) INSERT INTO "things" SELECT 'late', NULL, 1 FROM slept RETURNING "prism_version"`

func TestDeadline(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	db := open(t, environment(store), cfg)

	sleeping, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := db.Version(sleeping, sleep)
		done <- err
	}()
	for len(query(t, store, `SELECT 'x' FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)) == 0 {
		time.Sleep(time.Millisecond)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := db.Version(waiting, insertThing, "b", nil)
	wantReason(t, err, runtime.DeadlineExceeded, "none")
	wantReason(t, <-done, runtime.BackendTimeout, "none") // the server says that it cancelled it
	if _, err := db.Version(t.Context(), insertThing, "c", nil); err != nil {
		t.Errorf("the store does not serve after a deadline: %v", err)
	}
}

func TestServerRefuses(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	cfg := config(initSQL)
	cfg.Connections = 1
	for _, c := range []struct {
		setting, value string
		reason         runtime.Reason
	}{
		{"default_transaction_read_only", "on", runtime.BackendReadOnly},
		{"statement_timeout", "20ms", runtime.BackendTimeout},
		{"lock_timeout", "20ms", runtime.BackendContention},
	} {
		db := open(t, environment(store), cfg)
		beside := connect(t, store)
		beside.exec(`BEGIN`)
		if c.reason != runtime.BackendReadOnly { // where it would wait for a lock before it is refused
			beside.exec(`LOCK TABLE "things" IN SHARE MODE`)
		}
		if err := db.Exec(t.Context(), `SET `+c.setting+` = '`+c.value+`'`); err != nil {
			t.Fatal(err)
		}
		_, err := db.Version(t.Context(), insertThing, "a", nil)
		wantReason(t, err, c.reason, "none")
		beside.exec(`ROLLBACK`)
		if err := db.Record(t.Context(), &things, dropped, `SELECT 1::bigint, ''::bytea, NULL::bigint`); err != nil {
			t.Errorf("%s: the next read fails: %v", c.setting, err)
		}
	}
}

func TestServerGone(t *testing.T) {
	server := postgrestest.StartOwn(t)
	store := server.URL
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	done := make(chan error)
	go func() {
		_, err := db.Version(t.Context(), sleep)
		done <- err
	}()
	for len(query(t, store, `SELECT 'x' FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)) == 0 {
		time.Sleep(time.Millisecond)
	}
	server.Kill(t)
	wantReason(t, <-done, runtime.BackendUnavailable, "unknown")
	for {
		_, err := db.Version(t.Context(), insertThing, "b", nil)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Reason != runtime.BackendUnavailable {
			t.Fatalf("error %v, want %s", err, runtime.BackendUnavailable)
		}
		if e.Metadata["outcome"] == "none" { // no old connection is left
			wantError(t, err, "connection refused")
			return
		}
	}
}
