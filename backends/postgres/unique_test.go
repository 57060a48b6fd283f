package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/runtime"
)

// session is a connection besides the proxy's that holds locks.
type session struct {
	*testing.T
	*pgx.Conn
}

func connect(t *testing.T, store string) session {
	t.Helper()
	c, err := pgx.Connect(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return session{t, c}
}

func (s session) exec(sql string) {
	s.Helper()
	if _, err := s.Exec(s.Context(), sql); err != nil {
		s.Fatal(err)
	}
}

// blocked waits until n others wait for locks.
func (s session) blocked(n int) {
	s.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var waiting int
		err := s.QueryRow(s.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waiting)
		if err != nil || time.Now().After(deadline) {
			s.Fatalf("%d wait for a lock, want %d (%v)", waiting, n, err)
		}
		if waiting >= n {
			return
		}
	}
}

// The locks of a sweep that deletes an expired record, or of a write that
// renews it with another value, must not make the value look taken.
func TestUniqueValueOfAnExpiredRecordThatGoes(t *testing.T) {
	for name, change := range map[string]string{
		"swept":   `DELETE FROM "leases" WHERE "lease_id" = 'old'`,
		"renewed": `UPDATE "leases" SET "owner" = 'other', "prism_expires" = 'infinity' WHERE "lease_id" = 'old'`,
	} {
		for kind, put := range map[string]func(p *backendtest.Proxy, l *pb.Lease) error{
			"put": func(p *backendtest.Proxy, l *pb.Lease) error {
				_, err := p.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: l})
				return err
			},
			"swap": func(p *backendtest.Proxy, l *pb.Lease) error {
				_, err := p.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: l})
				return err
			},
			"batch": func(p *backendtest.Proxy, l *pb.Lease) error {
				_, err := p.Leases.BatchPutLeases(t.Context(), &pb.BatchPutLeasesRequest{Leases: []*pb.Lease{{LeaseId: "first"}, l}})
				return err
			},
		} {
			t.Run(kind+" beside a record "+name, func(t *testing.T) {
				p := backendtest.Open(t, conformance)
				old := &pb.Lease{LeaseId: "old", Owner: new("x")}
				if _, err := p.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: old}); err != nil {
					t.Fatal(err)
				}
				p.Advance(time.Hour)
				beside := connect(t, p.Getenv(urlVariable))
				beside.exec(`BEGIN; SELECT FROM "leases" FOR UPDATE`)
				done := make(chan error)
				go func() { done <- put(p, &pb.Lease{LeaseId: "new", Owner: new("x")}) }()
				beside.blocked(1)
				beside.exec(change + `; COMMIT`)
				if err := <-done; err != nil {
					t.Errorf("%v, and no record that lives has the value", err)
				}
			})
		}
	}
}

func TestAgain(t *testing.T) {
	store := postgrestest.Start(t)
	migrate(t, environment(store), config(initSQL))
	db := open(t, environment(store), config(initSQL))
	if _, err := db.Version(t.Context(), insertThing, "a", "x"); err != nil {
		t.Fatal(err)
	}
	thing := func(id string, label []byte) []any { return []any{[]byte(id), label, []byte("record")} }
	refused := runtime.Taken("things_label")
	for _, c := range []struct {
		name  string
		batch [][]any // of which the last is refused
		taken bool
	}{
		{"another record has the value", [][]any{thing("b", []byte("x"))}, true},
		{"the same record has it", [][]any{thing("a", []byte("x"))}, false},
		{"none has it any more", [][]any{thing("b", []byte("y"))}, false},
		{"one of the same batch has it", [][]any{thing("b", []byte("y")), thing("c", []byte("z")), thing("d", []byte("y"))}, true},
		{"one of the same batch has none", [][]any{thing("b", nil), thing("c", []byte{})}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			again, err := db.Again(t.Context(), &things, refused, len(c.batch)-1, c.batch...)
			if again == c.taken || c.taken != (postgres.Violated(err) == "label") {
				t.Errorf("got again %t, %v, want it taken: %t", again, err, c.taken)
			}
		})
	}
	other := errors.New("another error")
	if again, err := db.Again(t.Context(), &things, other, 0, thing("b", nil)); again || err != other {
		t.Errorf("got again %t, %v of what no unique index refused", again, err)
	}
}
