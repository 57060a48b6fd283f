package backendtest

import (
	"testing"

	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// Former checks a proxy whose store of items is from before records had
// checksums and contains items a, b and c: the proxy starts, which upgrades the
// store, and serves them. Once written again, they have checksums.
func Former(t *testing.T, p *Proxy) {
	t.Helper()
	c := &check{T: t, Proxy: p, rule: "a store of before there were checksums is served, and its records get one when they are written"}
	for _, id := range []string{"a", "b", "c"} {
		got, err := c.get(id)
		c.ok(err)
		c.equal("the record of before", got.GetItem(), &pb.Item{ItemId: id})
	}
	scan, err := c.Items.ScanItems(t.Context(), &pb.ScanItemsRequest{})
	c.ok(err)
	c.equal("records", len(scan.GetRecords()), 3)

	c.holds(item("a"), c.put(item("a")))
	record, err := c.get("b")
	c.ok(err)
	version, err := c.swap(item("b"), record.GetVersion())
	c.ok(err)
	c.holds(item("b"), version)
	for _, id := range []string{"a", "b"} {
		c.damage(id)
		_, err := c.get(id)
		c.refused(err, valueCorrupt)
		c.remove(id)
	}
	c.Restart(t)
	got, err := c.get("c")
	c.ok(err)
	c.equal("the record that was not written since", got.GetItem(), &pb.Item{ItemId: "c"})
}
