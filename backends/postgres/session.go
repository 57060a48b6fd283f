package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pinned are the settings of every session. Otherwise settings of a role, a
// database or the server could change what statements mean, whether they end,
// or how long their locks outlive the proxy. Names that a server does not know
// are left out. Values are written as in pg_settings, in the setting's own
// unit.
//
// A host that is cut off in the middle of a transaction does not close its
// connection: the server notices within 25 s (tcp_*). Until then, whoever waits
// for its locks gives up after lock_timeout. That is shorter than the default
// deadline of calls, and longer than deadlock_timeout, so that deadlocks are
// recognised.
var pinned = map[string]string{
	"lock_timeout":                        "2000",  // ms
	"statement_timeout":                   "60000", // ms; no call is longer
	"idle_in_transaction_session_timeout": "10000", // ms
	"idle_session_timeout":                "0",
	"transaction_timeout":                 "0",
	"tcp_keepalives_idle":                 "10",    // s
	"tcp_keepalives_interval":             "5",     // s
	"tcp_keepalives_count":                "3",     //
	"tcp_user_timeout":                    "25000", // ms

	"default_transaction_isolation":  "read committed",
	"default_transaction_read_only":  "off",
	"default_transaction_deferrable": "off",
	"session_replication_role":       "origin",
	"zero_damaged_pages":             "off",
	"ignore_checksum_failure":        "off",
	// A record that a policy hides would be absent for a Get but conflict with a
	// Put; with off, it is an error.
	"row_security":  "off",
	"exit_on_error": "off",

	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"backslash_quote":             "safe_encoding",
	"transform_null_equals":       "off",
	"array_nulls":                 "on",
	"bytea_output":                "hex",
	"DateStyle":                   "ISO, MDY",
	"IntervalStyle":               "postgres",
	"TimeZone":                    "UTC",
	"extra_float_digits":          "1",
	"xmloption":                   "content",

	// Values of records do not belong in the server's log or on the wire.
	"log_parameter_max_length_on_error": "0",
	"debug_print_parse":                 "off",
	"debug_print_rewritten":             "off",
	"debug_print_plan":                  "off",
	"client_min_messages":               "warning",

	// What the one plan of a statement needs; see onePlan.
	"enable_hashagg":       "on",
	"enable_material":      "on",
	"force_parallel_mode":  "off",
	"debug_parallel_query": "off",
}

// conditional are the settings in pinned that not every server has, or that
// only a superuser may set.
var conditional = []string{
	"idle_session_timeout", "transaction_timeout", "force_parallel_mode", "debug_parallel_query",
	"session_replication_role", "zero_damaged_pages", "ignore_checksum_failure",
}

// sessionOf returns the statements that begin a session in the given schema,
// with settings besides pinned. They use the simple protocol and take one round
// trip: a pooler refuses settings in the startup message.
//
// First comes what needs no plan and no snapshot, which a role's settings could
// make slow, and a transaction that waits for no other. Nothing relies on the
// search path, which may lead anywhere. Settings reserved for superusers are
// set if they differ and the role may set them; if it may not, Open refuses
// them. Asynchronous commit is turned into one that is waited for, since the
// server could otherwise forget that it issued a version; stronger modes are
// kept.
func sessionOf(settings map[string]string, schema string) string {
	all := maps.Clone(pinned)
	maps.Copy(all, settings)
	var rows []string
	begin := "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE"
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(conditional, name) {
			rows = append(rows, fmt.Sprintf("('%s', '%s')", name, all[name]))
			continue
		}
		begin += fmt.Sprintf(";\nSET %s = %s", name, value(name, all[name]))
	}
	if schema != "" {
		begin += ";\nSET search_path = " + pgx.Identifier{schema}.Sanitize() + ", pg_temp"
	}
	return begin + fmt.Sprintf(`;
SELECT pg_catalog.set_config('synchronous_commit', CASE WHEN s.setting OPERATOR(pg_catalog.=) 'off' THEN 'on' ELSE s.setting END, false)
FROM pg_catalog.pg_settings AS s WHERE s.name OPERATOR(pg_catalog.=) 'synchronous_commit';
SELECT pg_catalog.set_config(s.name, w.value, false)
FROM pg_catalog.pg_settings AS s, (VALUES %s) AS w (name, value)
WHERE s.name OPERATOR(pg_catalog.=) w.name AND (s.context OPERATOR(pg_catalog.=) 'user'
  OR s.setting OPERATOR(pg_catalog.<>) w.value AND pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on')`,
		strings.Join(rows, ", "))
}

// value writes the value of a setting. DateStyle is a list, like search_path.
func value(name, text string) string {
	if name == "DateStyle" {
		return text
	}
	return "'" + text + "'"
}

// begin returns what makes a new connection a session of sessionOf.
func begin(statements string) pgconn.AfterConnectFunc {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		_, err := conn.Exec(ctx, statements).ReadAll()
		return err
	}
}

// survey connects once and returns the schema that unqualified names lead to
// now, "" if there is none. The caller pins it, so that later changes to the
// search path, or one with several schemas, move no records. pooled reports
// that there is a pooler before the server; one that does not keep sessions is
// refused.
func survey(ctx context.Context, c *pgx.ConnConfig) (schema string, pooled bool, err error) {
	first := *c
	first.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := isPostgres(ctx, conn); err != nil {
			return err
		}
		return c.AfterConnect(ctx, conn)
	}
	conn, err := pgx.ConnectConfig(ctx, &first)
	if err != nil {
		return "", false, unsent{err}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var pid int32
	row := conn.QueryRow(ctx, `SELECT coalesce(pg_catalog.current_schema(), ''), pg_catalog.pg_backend_pid()`, pgx.QueryExecModeExec)
	if err := row.Scan(&schema, &pid); err != nil {
		return "", false, Error(ctx, err)
	}
	pooled = uint32(pid) != conn.PgConn().PID() // a pooler makes up its own
	if pooled {
		err = keepsSessions(ctx, c, conn)
	}
	return schema, pooled, err
}

// leastVersion is the oldest PostgreSQL that is supported.
const leastVersion = 13

// postgresVersion is what version() answers. lookalikes are databases that
// speak PostgreSQL's protocol, by what their answer contains. They accept its
// statements, but some silently ignore locks or isolation levels, or issue
// versions per connection.
var (
	postgresVersion = regexp.MustCompile(`^PostgreSQL (\d+)(\.\d+)*((devel|alpha|beta|rc)\d*)?[ ,]`)
	lookalikes      = []string{
		"CockroachDB", "YugabyteDB", "-YB-", "Redshift", "Greenplum", "Materialize", "RisingWave", "CrateDB", "QuestDB", "openGauss", "GaussDB", "Spanner",
	}
)

// foreign says what a server is that is not PostgreSQL or is too old.
type foreign struct{ what string }

func (f foreign) Error() string {
	return fmt.Sprintf("the server is %s; use PostgreSQL %d or later", f.what, leastVersion)
}

// isPostgres refuses other databases and versions by name, before anything is
// set.
func isPostgres(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	results, err := conn.Exec(ctx, `SELECT pg_catalog.version()`).ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1 {
		return foreign{"none that tells its version"}
	}
	return refuseForeign(string(results[0].Rows[0][0]))
}

// refuseForeign judges what version() answers.
func refuseForeign(version string) error {
	for _, name := range lookalikes {
		if strings.Contains(version, name) {
			return foreign{strings.Replace(name, "-YB-", "YugabyteDB", 1) + ", which is not PostgreSQL"}
		}
	}
	m := postgresVersion.FindStringSubmatch(version)
	if m == nil {
		return foreign{fmt.Sprintf("%.40q, which is not PostgreSQL", version)}
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < leastVersion {
		return foreign{strings.TrimRight(m[0], " ,")}
	}
	return nil
}

// looks is how often keepsSessions looks: other clients of a pooler may disturb
// one look.
const looks = 4

var errSessions = errors.New("the pooler before the server keeps no sessions: two clients share a connection to the server, as with PgBouncer's pool_mode = transaction or statement; set pool_mode = session for the proxy's database and user, or lead the url to the server itself")

// keepsSessions refuses a pooler that lends a connection to the server for a
// transaction only (PgBouncer's pool_mode transaction or statement): settings
// and prepared statements would be another client's, and a cancel could hit
// another client. It detects one if a second client gets the first one's
// connection, or if the first gets another while the second is in a
// transaction.
func keepsSessions(ctx context.Context, c *pgx.ConnConfig, first *pgx.Conn) error {
	second, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer second.Close(context.WithoutCancel(ctx))
	const where = `SELECT pg_catalog.pg_backend_pid()`
	for range looks {
		before, err := pidOf(ctx, first, where)
		if err != nil {
			return err
		}
		beside, err := pidOf(ctx, second, `BEGIN; `+where)
		if err != nil {
			return err
		}
		if beside == before {
			return errSessions
		}
		after, err := pidOf(ctx, first, where)
		if err != nil {
			return err
		}
		if after != before {
			return errSessions
		}
		if _, err := pidOf(ctx, second, `COMMIT; `+where); err != nil {
			return err
		}
	}
	return nil
}

// pidOf runs statements by the simple protocol and returns the last value.
func pidOf(ctx context.Context, conn *pgx.Conn, statements string) (string, error) {
	results, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	if err != nil {
		return "", fmt.Errorf("the pooler before the server does not serve a transaction: %w", Error(ctx, err))
	}
	last := results[len(results)-1]
	return string(last.Rows[0][0]), nil
}
