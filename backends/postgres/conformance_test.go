package postgres_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/gen"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, gen.Backend())) }

var conformance = backendtest.Backend{
	Emit:       gen.Backend(),
	Persistent: true,
	Getenv: func(t testing.TB) func(string) string {
		url := postgrestest.Start(t)
		return func(name string) string { return map[string]string{urlVariable: url}[name] }
	},
	Damage: damage,
}

// damage flips a bit of the last byte of a record.
func damage(t testing.TB, p *backendtest.Proxy, d backendtest.Damaged) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.Getenv(urlVariable))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tag, err := conn.Exec(t.Context(), fmt.Sprintf(`UPDATE %q
SET "prism_record" = set_byte("prism_record", length("prism_record") - 1, get_byte("prism_record", length("prism_record") - 1) # 1)
WHERE %q = $1`, d.Table, d.KeyColumn), d.Key)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d records damaged, %v", tag.RowsAffected(), err)
	}
}

// urlVariable is what schemas/conformance/postgres/prism.yaml refers to.
const urlVariable = "PRISM_CONFORMANCE_POSTGRES_URL"

func TestConformance(t *testing.T) { backendtest.Run(t, conformance) }

// A person can read the store while a proxy serves it: every key, indexed and
// marked field has a column of its own.
func TestColumns(t *testing.T) {
	p := backendtest.Open(t, conformance)
	for _, e := range []*pb.Event{
		{
			Tenant: "a", Shard: -1, At: &timestamppb.Timestamp{Seconds: 1, Nanos: 5001}, Name: "full", Sequence: 9,
			Kind: 2, Region: new("eu"), Open: true, Severity: new(int64(-7)), Remark: "it's read", Size: new(uint64(1<<63 + 1)),
			SeenAt: &timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999999999}, Checked: new(false), Reviewer: new(""), Drift: -3,
		},
		{Tenant: "a", At: &timestamppb.Timestamp{}, Name: "least"},
		{Tenant: "b", At: &timestamppb.Timestamp{}, Name: "not exact", Remark: "\x00", SeenAt: &timestamppb.Timestamp{Nanos: -1}},
	} {
		if _, err := p.Events.PutEvent(t.Context(), &pb.PutEventRequest{Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	got := rows(t, p.Getenv(urlVariable), `
SELECT "tenant", "shard"::text, to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), "at_nanos"::text, "name", "sequence"::text,
  "kind"::text, "region", "open"::text, "severity"::text, "remark", "size"::text,
  to_char("seen_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), "seen_at_nanos"::text, "checked"::text, "reviewed_by", "drift"::text, ("prism_version" > 0)::text
FROM "events" ORDER BY "tenant", "shard"`)
	want := [][]string{
		{"a", "-1", "1970-01-01 00:00:01.000005", "1", "full", "9", "2", "eu", "true", "-7", "it's read", "9223372036854775809", "9999-12-31 23:59:59.999999", "999", "false", "", "-3", "true"},
		{"a", "0", "1970-01-01 00:00:00.000000", "0", "least", "0", "0", "NULL", "false", "NULL", "", "NULL", "NULL", "NULL", "NULL", "NULL", "0", "true"},
		{"b", "0", "1970-01-01 00:00:00.000000", "0", "not exact", "0", "0", "NULL", "false", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "0", "true"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// rows returns the rows of a query whose columns are text, with NULL for NULL.
func rows(t *testing.T, url, query string) [][]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	result, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(result, func(row pgx.CollectableRow) ([]string, error) {
		columns := make([]*string, len(row.FieldDescriptions()))
		targets := make([]any, len(columns))
		for i := range columns {
			targets[i] = &columns[i]
		}
		if err := row.Scan(targets...); err != nil {
			return nil, err
		}
		texts := make([]string, len(columns))
		for i, c := range columns {
			if texts[i] = "NULL"; c != nil {
				texts[i] = *c
			}
		}
		return texts, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
