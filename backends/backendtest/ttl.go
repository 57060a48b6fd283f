package backendtest

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

const leaseTTL = time.Minute // as the schema declares it

// lease returns a lease with an owner, which is unique, and a priority.
func lease(id, owner string) *pb.Lease {
	return &pb.Lease{LeaseId: id, Owner: &owner, Priority: new(int64(1)), Note: item(id).Note}
}

func (t *check) putLease(l *pb.Lease) *pb.PutLeaseResponse {
	t.Helper()
	out, err := t.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: l})
	t.ok(err)
	return out
}

func (t *check) getLease(id string) (*pb.LeaseRecord, error) {
	out, err := t.Leases.GetLease(t.Context(), &pb.GetLeaseRequest{Key: &pb.LeaseKey{LeaseId: id}})
	return out.GetRecord(), err
}

// leases returns which of the leases that a case wrote exist according to gets,
// in the order of their ids. It demands that a scan and the Find by priority,
// if offered, answer exactly these.
func (t *check) leases(size int32, wrote ...string) []string {
	t.Helper()
	var got, scanned, found []string
	for _, id := range slices.Sorted(slices.Values(wrote)) {
		if _, err := t.getLease(id); err != nil {
			t.refused(err, notFound)
			continue
		}
		got = append(got, id)
	}
	if t.has(schema.CanScan) {
		for _, r := range all(t, func(token string) (*pb.ScanLeasesResponse, error) {
			return t.Leases.ScanLeases(t.Context(), &pb.ScanLeasesRequest{PageSize: size, PageToken: token})
		}) {
			scanned = append(scanned, r.GetLease().GetLeaseId())
		}
		t.equal("scanned and got", scanned, got)
	}
	if t.has(schema.CanList) {
		for _, r := range all(t, func(token string) (*pb.FindLeasesByPriorityResponse, error) {
			return t.Leases.FindLeasesByPriority(t.Context(), &pb.FindLeasesByPriorityRequest{PageSize: size, PageToken: token})
		}) {
			found = append(found, r.GetLease().GetLeaseId())
		}
		t.equal("found and got", found, got)
	}
	return got
}

// sweep sweeps until nothing is left and reports whether there was anything.
func (t *check) sweep() bool {
	t.Helper()
	did, err := t.Server.RunTasks(t.Context())
	t.ok(err)
	return did
}

// swept demands that a sweep finds something, if the store leaves that to sweeps.
func (t *check) swept() {
	t.Helper()
	t.equal("swept", t.sweep(), !t.backend.Emit.Expires)
}

var ttlCases = []testCase{
	{name: "expire time", rule: "a reply tells when the record ends: its ttl after the write, by the proxy's clock", run: func(t *check) {
		want := timestamppb.New(t.clock.now().Add(leaseTTL))
		put := t.putLease(lease("a", "o"))
		t.equal("of put", put.GetExpireTime(), want)
		version := put.GetVersion()
		if t.has(schema.CanSwap) {
			swap, err := t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("a", "o"), ExpectedVersion: version})
			t.ok(err)
			t.equal("of swap", swap.GetExpireTime(), want)
			version = swap.GetVersion()
		}
		if t.has(schema.CanBatch) {
			batch, err := t.Leases.BatchPutLeases(t.Context(), &pb.BatchPutLeasesRequest{Leases: []*pb.Lease{lease("b", "p")}})
			t.ok(err)
			t.equal("of a batch", batch.GetResults()[0].GetExpireTime(), want)
		}
		record, err := t.getLease("a")
		t.ok(err)
		t.equal("of get", record, &pb.LeaseRecord{Lease: lease("a", "o"), Version: version, ExpireTime: want})
		if t.has(schema.CanScan) {
			scan, err := t.Leases.ScanLeases(t.Context(), &pb.ScanLeasesRequest{})
			t.ok(err)
			t.equal("of scan", scan.GetRecords()[0], record)
		}
	}},
	{name: "until", rule: "a record is there until its expire time, and from then on it is not", run: func(t *check) {
		t.putLease(lease("a", "o"))
		t.Advance(leaseTTL - time.Millisecond)
		_, err := t.getLease("a")
		t.ok(err)
		t.Advance(time.Millisecond)
		_, err = t.getLease("a")
		t.refused(err, notFound)
	}},
	{name: "absent", rule: "an expired record is absent for every operation before it is swept", run: func(t *check) {
		version := t.putLease(lease("a", "o")).GetVersion()
		t.Advance(leaseTTL)
		key := &pb.LeaseKey{LeaseId: "a"}
		t.equal("listed", t.leases(0, "a"), []string(nil))
		if t.has(schema.CanUnique) {
			_, err := t.Leases.FindLeaseByOwner(t.Context(), &pb.FindLeaseByOwnerRequest{By: &pb.FindLeaseByOwnerRequest_By{Owner: "o"}})
			t.refused(err, notFound)
		}
		if t.has(schema.CanBatch) {
			batch, err := t.Leases.BatchGetLeases(t.Context(), &pb.BatchGetLeasesRequest{Keys: []*pb.LeaseKey{key}})
			t.ok(err)
			t.equal("of a batch", batch.GetResults()[0].GetRecord(), (*pb.LeaseRecord)(nil))
		}
		if t.has(schema.CanSwap) {
			_, err := t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("a", "o"), ExpectedVersion: version})
			t.refused(err, notFound)
		}
		for _, ifVersion := range []int64{version, version + 1, 0} {
			out, err := t.Leases.DeleteLease(t.Context(), &pb.DeleteLeaseRequest{Key: key, IfVersion: ifVersion})
			t.ok(err)
			t.equal("existed", out.GetExisted(), false)
		}
		if !t.has(schema.CanBatch) {
			return
		}
		t.putLease(lease("a", "o"))
		t.Advance(leaseTTL)
		deleted, err := t.Leases.BatchDeleteLeases(t.Context(), &pb.BatchDeleteLeasesRequest{Keys: []*pb.LeaseKey{key}})
		t.ok(err)
		t.equal("existed in a batch", deleted.GetResults()[0].GetExisted(), false)
	}},
	{name: "swap creates", needs: schema.CanSwap, rule: "a swap that expects no record stores one over an expired one", run: func(t *check) {
		old := t.putLease(lease("a", "o"))
		t.Advance(leaseTTL)
		out, err := t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("a", "p")})
		t.ok(err)
		if out.GetVersion() <= old.GetVersion() {
			t.Errorf("version %d after %d", out.GetVersion(), old.GetVersion())
		}
		record, err := t.getLease("a")
		t.ok(err)
		t.equal("the record", record.GetLease(), lease("a", "p"))
	}},
	{name: "unique", needs: schema.CanUnique, rule: "the unique value of an expired record is free, for put, swap and batch, and taken once another has it", run: func(t *check) {
		for i, way := range []struct {
			needs schema.Ability
			take  func(*pb.Lease) error
		}{
			{0, func(l *pb.Lease) error {
				_, err := t.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: l})
				return err
			}},
			{schema.CanSwap, func(l *pb.Lease) error {
				_, err := t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: l})
				return err
			}},
			{schema.CanBatch, func(l *pb.Lease) error {
				_, err := t.Leases.BatchPutLeases(t.Context(), &pb.BatchPutLeasesRequest{Leases: []*pb.Lease{lease("x", "x"), l}})
				return err
			}},
		} {
			if !t.has(way.needs) {
				continue
			}
			old, young := fmt.Sprint("old", i), fmt.Sprint("young", i)
			t.putLease(lease(old, "o"))
			t.refused(way.take(lease(young, "o")), unique, "index", "owner")
			t.Advance(leaseTTL)
			t.ok(way.take(lease(young, "o")))
			_, err := t.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: lease(old, "o")})
			t.refused(err, unique, "index", "owner")
			out, err := t.Leases.FindLeaseByOwner(t.Context(), &pb.FindLeaseByOwnerRequest{By: &pb.FindLeaseByOwnerRequest_By{Owner: "o"}})
			t.ok(err)
			t.equal("found", out.GetRecord().GetLease().GetLeaseId(), young)
			t.Advance(leaseTTL)
		}
	}},
	{name: "renewed", rule: "every write renews a record, and no read does", run: func(t *check) {
		ids := []string{"put", "read"}
		t.putLease(lease("put", "1"))
		read := t.putLease(lease("read", "4")).GetVersion()
		if t.has(schema.CanSwap) {
			ids = append(ids, "swap")
			t.putLease(lease("swap", "2"))
		}
		if t.has(schema.CanBatch) {
			ids = append(ids, "batch")
			t.putLease(lease("batch", "3"))
		}
		t.Advance(leaseTTL / 2)
		t.putLease(lease("put", "1"))
		_, err := t.getLease("read")
		t.ok(err)
		if t.has(schema.CanSwap) {
			record, err := t.getLease("swap")
			t.ok(err)
			_, err = t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("swap", "2"), ExpectedVersion: record.GetVersion()})
			t.ok(err)
			// A refused write renews nothing.
			_, err = t.Leases.CompareAndSwapLease(t.Context(), &pb.CompareAndSwapLeaseRequest{Lease: lease("read", "4"), ExpectedVersion: read + 1<<40})
			t.refused(err, versionMismatch)
		}
		if t.has(schema.CanBatch) {
			_, err = t.Leases.BatchPutLeases(t.Context(), &pb.BatchPutLeasesRequest{Leases: []*pb.Lease{lease("batch", "3")}})
			t.ok(err)
		}
		t.Advance(leaseTTL / 2)
		alive := slices.DeleteFunc(slices.Sorted(slices.Values(ids)), func(id string) bool { return id == "read" })
		t.equal("alive", t.leases(0, ids...), alive)
	}},
	{name: "pages", rule: "expired records leave no gap in the pages of a list", run: func(t *check) {
		var ids, want []string
		for i := range 40 {
			ids = append(ids, fmt.Sprintf("k%02d", i))
			if i%4 != 3 {
				t.putLease(lease(fmt.Sprintf("k%02d", i), fmt.Sprint(i)))
			}
		}
		t.Advance(leaseTTL)
		for i := range 40 {
			if i%4 == 3 {
				t.putLease(lease(fmt.Sprintf("k%02d", i), fmt.Sprint(i)))
				want = append(want, fmt.Sprintf("k%02d", i))
			}
		}
		for _, size := range pageSizes {
			t.equal(fmt.Sprintf("in pages of %d", size), t.leases(size, ids...), want)
		}
	}},
	{name: "sweep", rule: "a sweep removes what has expired and nothing else, and nobody sees it", run: func(t *check) {
		ids := []string{"young"}
		for i := range 30 {
			ids = append(ids, fmt.Sprint("old", i))
			t.putLease(lease(ids[i+1], ids[i+1]))
		}
		t.put(item("kept"))
		t.Advance(leaseTTL - time.Second)
		t.putLease(lease("young", "o"))
		t.equal("swept too early", t.sweep(), false)
		t.Advance(time.Second)
		before := t.leases(7, ids...)
		t.swept()
		t.equal("swept again", t.sweep(), false)
		t.equal("listed after the sweep", t.leases(7, ids...), before)
		t.equal("listed before it", before, []string{"young"})
		_, err := t.get("kept")
		t.ok(err)
		t.putLease(lease("new", "old3"))
	}},
	{name: "sweep and writes", rule: "a sweep never removes a record that was written again", run: func(t *check) {
		var ids []string
		for i := range 20 {
			ids = append(ids, fmt.Sprint(i))
		}
		for round := range 5 {
			for i := range 20 {
				t.putLease(lease(fmt.Sprint(i), fmt.Sprint(i)))
			}
			t.Advance(leaseTTL)
			together(callers, func(caller int) {
				if caller == 0 {
					if _, err := t.Server.RunTasks(t.Context()); err != nil {
						t.Errorf("sweep: %v", err)
					}
					return
				}
				for i := range 20 {
					if i%(callers-1) != caller-1 {
						continue
					}
					if _, err := t.Leases.PutLease(t.Context(), &pb.PutLeaseRequest{Lease: lease(fmt.Sprint(i), fmt.Sprint(i))}); err != nil {
						t.Errorf("put: %v", err)
					}
				}
			})
			t.equal(fmt.Sprintf("alive in round %d", round), len(t.leases(0, ids...)), 20)
		}
	}},
	{name: "token", needs: schema.CanScan, rule: "a page token resumes past records that expired meanwhile", run: func(t *check) {
		for _, id := range []string{"a", "b", "c"} {
			t.putLease(lease(id, id))
		}
		out, err := t.Leases.ScanLeases(t.Context(), &pb.ScanLeasesRequest{PageSize: 1})
		t.ok(err)
		t.Advance(leaseTTL / 2)
		t.putLease(lease("c", "c"))
		t.Advance(leaseTTL / 2)
		out, err = t.Leases.ScanLeases(t.Context(), &pb.ScanLeasesRequest{PageSize: 1, PageToken: out.GetNextPageToken()})
		t.ok(err)
		t.equal("the rest", len(out.GetRecords()), 1)
		t.equal("its id", out.GetRecords()[0].GetLease().GetLeaseId(), "c")
		t.equal("its token", out.GetNextPageToken(), "")
	}},
	{name: "restart", rule: "a record expires across a restart", restarts: true, run: func(t *check) {
		t.putLease(lease("a", "o"))
		t.Restart(t)
		_, err := t.getLease("a")
		t.ok(err)
		t.Advance(leaseTTL)
		t.Restart(t)
		_, err = t.getLease("a")
		t.refused(err, notFound)
		t.swept()
	}},
}
