package postgres_test

import (
	"crypto/rand"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// Pages and batches of large records of any size read about as much as they
// answer, on existing connections: a new one for each page would cost more than
// the page.
func TestLargeRecords(t *testing.T) {
	wire := count(t, postgrestest.Start(t))
	b := conformance
	b.Getenv = func(testing.TB) func(string) string {
		return func(name string) string { return map[string]string{urlVariable: wire.url}[name] }
	}
	p := backendtest.Open(t, b)
	const records, size = 40, 1 << 20
	payload := make([]byte, size)
	rand.Read(payload)
	var keys []*pb.ItemKey
	for i := range records {
		keys = append(keys, &pb.ItemKey{ItemId: string(rune('A' + i))})
		item := &pb.Item{ItemId: keys[i].ItemId, Colour: new("red"), Payload: payload}
		if _, err := p.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	lists := map[string]func(token string, reverse bool) (int, string, error){
		"scan": func(token string, reverse bool) (int, string, error) {
			out, err := p.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{PageSize: 1000, PageToken: token, Reverse: reverse})
			return len(out.GetRecords()), out.GetNextPageToken(), err
		},
		"find": func(token string, reverse bool) (int, string, error) {
			out, err := p.Items.FindItemsByColour(t.Context(), &pb.FindItemsByColourRequest{By: &pb.FindItemsByColourRequest_By{Colour: "red"}, PageSize: 1000, PageToken: token, Reverse: reverse})
			return len(out.GetRecords()), out.GetNextPageToken(), err
		},
	}
	// A ping of the store during a call opens a connection if all are busy, until the
	// pool has what it may have.
	const pings = 4
	opened := wire.connections.Load()
	check := func(t *testing.T, before int64, answered int) {
		t.Helper()
		if got := wire.connections.Load() - opened; got > pings {
			t.Errorf("%d connections were opened, want at most the %d of pings", got, pings)
		}
		if got, most := (wire.bytes.Load()-before)/size, int64(answered*7/4); got > most {
			t.Errorf("%d MiB were read for %d records of 1 MiB, want at most %d", got, answered, most)
		}
	}
	for name, list := range lists {
		for _, reverse := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				before, total := wire.bytes.Load(), 0
				for token, page := "", 0; page == 0 || token != ""; page++ {
					n, next, err := list(token, reverse)
					if err != nil || n != 3 && next != "" {
						t.Fatalf("a page of %d records, %v, want 3", n, err)
					}
					total, token = total+n, next
				}
				if total != records {
					t.Errorf("%d records, want %d", total, records)
				}
				check(t, before, records)
			})
		}
	}
	t.Run("batch of gets", func(t *testing.T) {
		before := wire.bytes.Load()
		for range 5 {
			out, err := p.Items.BatchGetItems(t.Context(), &pb.BatchGetItemsRequest{Keys: keys})
			if err != nil || len(out.GetResults()) != 3 {
				t.Fatalf("%d results, %v, want 3", len(out.GetResults()), err)
			}
		}
		check(t, before, 5*4)
	})
}

// counted is a store reached through a forwarder that counts.
type counted struct {
	url                string
	connections, bytes atomic.Int64 // opened to the store, and read from it
}

func count(t *testing.T, store string) *counted {
	t.Helper()
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	address := u.Host
	u.Host = l.Addr().String()
	c := &counted{url: u.String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.connections.Add(1)
			server, err := net.Dial("tcp", address)
			if err != nil {
				client.Close()
				continue
			}
			go func() {
				io.Copy(server, client)
				server.Close()
			}()
			go func() {
				io.Copy(client, io.TeeReader(server, c))
				client.Close()
			}()
		}
	}()
	return c
}

func (c *counted) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}
