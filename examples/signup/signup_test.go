package signup_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"

	"github.com/prism-proxy/prism/examples/signup"
	"github.com/prism-proxy/prism/out/shop/shoptest"
)

func users(shop *shoptest.Proxy) *signup.Users {
	return &signup.Users{Profiles: shop.UserProfileService, Sessions: shop.SessionService}
}

func TestAddressIsUnique(t *testing.T) {
	t.Parallel()
	u := users(shoptest.New(t))
	if err := u.SignUp(t.Context(), "ada", "Ada", "ada@example.com", "session-0000000001"); err != nil {
		t.Fatal(err)
	}
	if err := u.SignUp(t.Context(), "eve", "Eve", "ada@example.com", "session-0000000002"); !errors.Is(err, signup.ErrEmailTaken) {
		t.Errorf("another user with the address: %v, want ErrEmailTaken", err)
	}
	if err := u.SignUp(t.Context(), "ada", "Ada", "lovelace@example.com", "session-0000000003"); reason.Of(err) != prismv1.Reason_EXISTS {
		t.Errorf("the same user again: %v, want EXISTS", err)
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	shop := shoptest.New(t)
	u := users(shop)
	if err := u.SignUp(t.Context(), "ada", "Ada", "ada@example.com", "session-0000000001"); err != nil {
		t.Fatal(err)
	}
	shop.Clock.Advance(30*time.Minute - time.Second)
	if user, err := u.User(t.Context(), "session-0000000001"); user != "ada" || err != nil {
		t.Errorf("before its end the session is of %q, %v", user, err)
	}
	shop.Clock.Advance(time.Second)
	if _, err := u.User(t.Context(), "session-0000000001"); !errors.Is(err, signup.ErrNoSession) {
		t.Errorf("at its end the session gives %v, want ErrNoSession", err)
	}
}

// A proxy is ready so soon that every test has its own.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		u := users(shoptest.New(b))
		if _, err := u.User(b.Context(), "session-0000000001"); !errors.Is(err, signup.ErrNoSession) {
			b.Fatal(err)
		}
	}
}

func TestReady(t *testing.T) {
	start := time.Now()
	u := users(shoptest.New(t))
	if _, err := u.User(t.Context(), "session-0000000001"); !errors.Is(err, signup.ErrNoSession) {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("ready and one call answered in %v", took)
	if took > 2*time.Second { // it is 50 ms on a machine with nothing else to do
		t.Errorf("ready in %v", took)
	}
}
