package prismtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/shoptest"
	"github.com/prism-proxy/prism/reason"
	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/prismtest"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

func put(ctx context.Context, shop *shoptest.Proxy, id string) error {
	_, err := shop.UserProfileService.PutUserProfile(ctx, &shopv1.PutUserProfileRequest{UserProfile: &shopv1.UserProfile{UserId: id, DisplayName: "Ada"}})
	return err
}

func stored(t *testing.T, shop *shoptest.Proxy) (ids []string) {
	t.Helper()
	for _, u := range shop.Snapshot(t).UserProfiles {
		ids = append(ids, u.GetUserId())
	}
	return ids
}

func TestFail(t *testing.T) {
	shop := shoptest.New(t)
	shop.Fail("PutUserProfile", runtime.BackendUnavailable)
	for range 2 {
		err := put(t.Context(), shop, "a")
		if reason.Of(err) != prismv1.Reason_BACKEND_UNAVAILABLE || status.Code(err) != codes.Unavailable {
			t.Errorf("got %v, want BACKEND_UNAVAILABLE", err)
		}
		if m := reason.Metadata(err); m["outcome"] != "none" || m["namespace"] != "user-profiles" || m["request_id"] == "" {
			t.Errorf("metadata %v", m)
		}
	}
	if _, err := shop.OrderService.ScanOrders(t.Context(), &shopv1.ScanOrdersRequest{}); err != nil {
		t.Errorf("another method fails, too: %v", err)
	}
	shop.Heal("shop.v1.UserProfileService/PutUserProfile")
	if err := put(t.Context(), shop, "b"); err != nil {
		t.Errorf("a method that was healed: %v", err)
	}
	if diff := cmp.Diff([]string{"b"}, stored(t, shop)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestInject(t *testing.T) {
	shop := shoptest.New(t)
	shop.Inject("PutUserProfile", prismtest.Fault{Reason: runtime.BackendTimeout, Applied: true, Times: 1})
	if m := reason.Metadata(put(t.Context(), shop, "a")); m["outcome"] != "unknown" {
		t.Errorf("metadata %v, want outcome unknown", m)
	}
	if err := put(t.Context(), shop, "b"); err != nil {
		t.Errorf("the second call of a fault of one: %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, stored(t, shop)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	shop.Inject("PutUserProfile", prismtest.Fault{Reason: runtime.Unique, Metadata: map[string]string{"index": "email"}})
	if err := put(t.Context(), shop, "c"); reason.Metadata(err)["index"] != "email" {
		t.Errorf("got %v of %v", reason.Metadata(err), err)
	}
	shop.Inject("PutUserProfile", prismtest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := put(ctx, shop, "d"); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
	shop.Inject("PutUserProfile", prismtest.Fault{Delay: time.Millisecond})
	if err := put(t.Context(), shop, "e"); err != nil {
		t.Errorf("a call that waits: %v", err)
	}
}

func TestSnapshot(t *testing.T) {
	shop := shoptest.New(t)
	if diff := cmp.Diff(&shoptest.Snapshot{Orders: []*shopv1.Order{}, Sessions: []*shopv1.Session{}, UserProfiles: []*shopv1.UserProfile{}}, shop.Snapshot(t)); diff != "" {
		t.Errorf("an empty proxy (-want +got):\n%s", diff)
	}
	session := &shopv1.Session{SessionId: "0123456789abcdef", UserId: "a"}
	if _, err := shop.SessionService.PutSession(t.Context(), &shopv1.PutSessionRequest{Session: session}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*shopv1.Session{session}, shop.Snapshot(t).Sessions, protocmp.Transform()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	shop.Clock.Advance(365 * 24 * time.Hour)
	if got := shop.Snapshot(t).Sessions; len(got) > 0 {
		t.Errorf("expired sessions are stored: %v", got)
	}
}

// failing is a test that records its failure and goes on.
type failing struct {
	testing.TB
	failed bool
	text   string
}

func (t *failing) Helper() {}
func (t *failing) Fatalf(format string, args ...any) {
	t.failed, t.text = true, fmt.Sprintf(format, args...)
	panic(t)
}

// A test that makes a method fail as it never does shows nothing: the contract says
// which reasons a method has, and what it may fail with is listed.
func TestFailKeepsToTheContract(t *testing.T) {
	for _, tt := range []struct {
		method string
		reason runtime.Reason
		legal  bool
	}{
		{"GetUserProfile", runtime.Unique, false},
		{"GetUserProfile", runtime.NotFound, true},
		{"PutUserProfile", runtime.Unique, true},
		{"PutUserProfile", runtime.NotFound, false},
		{"DeleteUserProfile", runtime.VersionMismatch, true},
		{"DeleteUserProfile", runtime.NotFound, false},
		{"PutUserProfile", runtime.Exists, false},
		{"CompareAndSwapUserProfile", runtime.Exists, true},
		{"BatchPutUserProfiles", runtime.BatchDuplicate, true},
		{"PutUserProfile", runtime.BatchSize, false},
		{"ScanUserProfiles", runtime.PageTokenInvalid, true},
		{"shop.v1.UserProfileService/GetUserProfile", runtime.PageSizeRange, false},
		{"PutOrder", runtime.Unique, false}, // which has no unique index
		{"GetOrder", runtime.BackendUnavailable, true},
		{"GetOrder", runtime.FieldTooLong, true},
	} {
		noted := &failing{TB: t}
		shop := shoptest.New(noted)
		func() {
			defer func() { _ = recover() }()
			shop.Inject(tt.method, prismtest.Fault{Reason: tt.reason})
		}()
		if noted.failed == tt.legal {
			t.Errorf("%s with %s: refused %v %s", tt.method, tt.reason, noted.failed, noted.text)
		}
		name := tt.method[strings.LastIndex(tt.method, "/")+1:]
		if noted.failed && (!strings.HasPrefix(noted.text, name+" never fails with "+string(tt.reason)+"; it may fail with ") || !strings.Contains(noted.text, ", BACKEND_TIMEOUT, ")) {
			t.Errorf("refused with %s", noted.text)
		}
	}
}

// A typo in a method's name must not make a test run without its fault.
func TestUnknownNames(t *testing.T) {
	for name, run := range map[string]func(*shoptest.Proxy){
		"method": func(p *shoptest.Proxy) { p.Fail("PutUser", runtime.Unique) },
		"reason": func(p *shoptest.Proxy) { p.Fail("PutUserProfile", "NONE") },
		"heal":   func(p *shoptest.Proxy) { p.Heal("Put") },
	} {
		t.Run(name, func(t *testing.T) {
			noted := &failing{TB: t}
			shop := shoptest.New(noted)
			func() {
				defer func() { _ = recover() }()
				run(shop)
			}()
			if !noted.failed {
				t.Error("the test goes on")
			}
		})
	}
}
