package sqlite_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/sqlite/gen"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

func TestMain(m *testing.M) { os.Exit(backendtest.Main(m, gen.Backend())) }

var conformance = backendtest.Backend{Emit: gen.Backend(), Persistent: true, Damage: damage}

// damage flips a bit of the last byte of a record.
func damage(t testing.TB, p *backendtest.Proxy, d backendtest.Damaged) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(p.DataDir, d.Namespace+".db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	blob := rows(t, filepath.Join(p.DataDir, d.Namespace+".db"), fmt.Sprintf(`SELECT hex("prism_record") FROM %q WHERE %q = '%s'`, d.Table, d.KeyColumn, d.Key))
	record, err := hex.DecodeString(blob[0][0])
	if err != nil {
		t.Fatal(err)
	}
	record[len(record)-1] ^= 1
	if err := c.Exec(fmt.Sprintf(`UPDATE %q SET "prism_record" = x'%x' WHERE %q = '%s'`, d.Table, record, d.KeyColumn, d.Key)); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) { backendtest.Run(t, conformance) }

// A person can read the store while a proxy serves it: every key, indexed and
// marked field has a column of its own.
func TestColumns(t *testing.T) {
	p := backendtest.Open(t, conformance)
	for _, e := range []*pb.Event{
		{
			Tenant: "a", Shard: -1, At: &timestamppb.Timestamp{Seconds: 1, Nanos: 5}, Name: "full", Sequence: 9,
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
	got := rows(t, filepath.Join(p.DataDir, "events.db"), `
SELECT "tenant", "shard", "at", "name", "sequence", "kind", "region", "open", "severity",
  "remark", hex("size"), "seen_at", "checked", "reviewed_by", "drift", "prism_version" > 0
FROM "events" ORDER BY "tenant", "shard"`)
	want := [][]string{
		{"a", "-1", "1970-01-01T00:00:01.000000005Z", "full", "9", "2", "eu", "1", "-7", "it's read", "8000000000000001", "9999-12-31T23:59:59.999999999Z", "0", "", "-3", "1"},
		{"a", "0", "1970-01-01T00:00:00.000000000Z", "least", "0", "0", "NULL", "0", "NULL", "", "", "NULL", "NULL", "NULL", "0", "1"},
		{"b", "0", "1970-01-01T00:00:00.000000000Z", "not exact", "0", "0", "NULL", "0", "NULL", "NULL", "", "NULL", "NULL", "NULL", "0", "1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// rows returns the rows of a query as text, with NULL for NULL.
func rows(t testing.TB, file, query string) [][]string {
	t.Helper()
	c, err := sqlite3.OpenFlags(file, sqlite3.OPEN_READONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stmt, _, err := c.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var list [][]string
	for stmt.Step() {
		var row []string
		for i := range stmt.ColumnCount() {
			if stmt.ColumnType(i) == sqlite3.NULL {
				row = append(row, "NULL")
			} else {
				row = append(row, stmt.ColumnText(i))
			}
		}
		list = append(list, row)
	}
	if err := stmt.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
